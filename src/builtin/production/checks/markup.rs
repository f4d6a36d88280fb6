//! Markup that acts: what would run, load or send something where the piece is shown. No piece needs it, so it always runs and always
//! blocks, whoever wrote it. Code blocks show what they hold and are left alone.

use super::Places;
use crate::model::goods::Finding;
use regex::Regex;
use std::sync::LazyLock;

static ACTIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)<\s*/?\s*(?:script|iframe|object|embed|form|style|link|meta|base|svg|math)\b[^>]*>?|<[a-z][^>]*\son[a-z]+\s*=[^>]*>?|(?:\]\(|href\s*=\s*["']?|src\s*=\s*["']?|^\[[^\]]*\]:)\s*(?:javascript|vbscript|data):[^\s)"']*"#)
        .expect("a valid pattern")
});

pub fn check_text(text: &str) -> Vec<Finding> {
    let mut places = Places::new(text);
    let code = code(text);
    let findings = ACTIVE.find_iter(text).filter(|found| !code.iter().any(|range| range.contains(&found.start())));
    findings
        .map(|found| {
            let shown: String = found.as_str().chars().take(40).collect();
            let message = format!("`{}` would act where the piece is shown", shown.trim());
            places.finding("markup", found.range(), message, true)
        })
        .collect()
}

/// Code blocks and code in lines.
fn code(text: &str) -> Vec<std::ops::Range<usize>> {
    use pulldown_cmark::{Event, Parser, Tag};
    let events = Parser::new(text).into_offset_iter();
    events
        .filter(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))))
        .map(|(_, range)| range)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_is_found_and_what_is_shown_is_not() {
        let found = |text: &str| check_text(text).len();
        for bad in [
            "# T\n\n<script>alert(1)</script>",
            "<SCRIPT src=x>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "<iframe src=\"https://a.example\">",
            "[x]( data:text/html,<b>)",
        ] {
            assert!(found(bad) > 0, "{bad}");
        }
        for good in [
            "# T\n\nPlain [x](https://a.example), 1 < 2 and a <b>bold</b> word.",
            "`<script>` in a line",
            "```html\n<script>alert(1)</script>\n```",
            "the script form of an object",
        ] {
            assert_eq!(found(good), 0, "{good}");
        }
    }
}
