//! Diagnostics for people: message, snippet, help, as in the examples of the house style.
//!
//! miette draws the snippet. It never sees the file: it is given a miniature that holds only the lines with labels, found through the line
//! table, cut to the width, with everything a terminal would obey replaced. So a thousand findings in a big file, a file of one long line,
//! an empty file or a span at its very end cost and look the same as any other.

use super::miniature::{Miniature, WHOLE, clean, wrap};
use super::{Diagnostic, FileId, Severity, Sources};
use miette::{GraphicalReportHandler, GraphicalTheme};

/// How to draw. Whether to colour is the caller's decision (a terminal, `NO_COLOR`, a flag).
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns of the terminal.
    pub width: usize,
    pub color: bool,
    /// Box-drawing characters; else ASCII.
    pub unicode: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { width: 100, color: false, unicode: true }
    }
}

/// All diagnostics, each followed by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    let drawer = Drawer::new(style);
    let mut out = String::new();
    for diagnostic in diagnostics {
        drawer.diagnostic(&mut out, diagnostic, sources);
        out.push('\n');
    }
    out
}

/// `2 errors, 1 warning`; without findings `no errors`.
pub fn summary<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> String {
    let (mut errors, mut warnings, mut advice) = (0usize, 0usize, 0usize);
    for diagnostic in diagnostics {
        match diagnostic.severity {
            Severity::Error => errors += 1,
            Severity::Warning => warnings += 1,
            Severity::Advice => advice += 1,
        }
    }
    let mut parts = Vec::new();
    for (count, one, many) in
        [(errors, "error", "errors"), (warnings, "warning", "warnings"), (advice, "piece of advice", "pieces of advice")]
    {
        if count > 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    if parts.is_empty() { "no errors".to_owned() } else { parts.join(", ") }
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}

struct Drawer {
    handler: GraphicalReportHandler,
    style: Style,
}

impl Drawer {
    fn new(style: &Style) -> Drawer {
        let mut theme = match (style.unicode, style.color) {
            (true, true) => GraphicalTheme::unicode(),
            (true, false) => GraphicalTheme::unicode_nocolor(),
            (false, _) => GraphicalTheme::ascii(),
        };
        if !style.color {
            theme.styles = miette::ThemeStyles::none();
        }
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .without_cause_chain()
            .without_syntax_highlighting()
            .with_context_lines(WHOLE)
            .with_width(style.width.max(20));
        Drawer { handler, style: Style { width: style.width.max(20), ..*style } }
    }

    fn diagnostic(&self, out: &mut String, diagnostic: &Diagnostic, sources: &Sources) {
        let (paint, plain) = match (self.style.color, diagnostic.severity) {
            (false, _) => ("", ""),
            (true, Severity::Error) => ("\u{1b}[1;31m", "\u{1b}[0m"),
            (true, Severity::Warning) => ("\u{1b}[1;33m", "\u{1b}[0m"),
            (true, Severity::Advice) => ("\u{1b}[1;36m", "\u{1b}[0m"),
        };
        let head = format!("{}[{}]:", severity_word(diagnostic.severity), diagnostic.code);
        let message = clean(&diagnostic.message, self.style.unicode);
        out.push_str(&format!("{paint}{head}{plain} {}\n", wrap(&message, head.len() + 1, 2, self.style.width)));
        let mut files: Vec<FileId> = Vec::new();
        for label in &diagnostic.labels {
            if !files.contains(&label.span.file) {
                files.push(label.span.file);
            }
        }
        for file in files {
            self.snippet(out, diagnostic, file, sources);
        }
        let mut line = |word: &str, text: &str| {
            let text = clean(text, self.style.unicode);
            let (paint, plain) = if self.style.color { ("\u{1b}[36m", "\u{1b}[0m") } else { ("", "") };
            out.push_str(&format!("  {paint}{word}:{plain} {}\n", wrap(&text, word.len() + 4, word.len() + 4, self.style.width)));
        };
        // What the fix does is not said twice.
        let fix = diagnostic.fix.as_ref().map(|fix| fix.title.as_str());
        if let Some(help) = diagnostic.help.as_deref().filter(|help| Some(*help) != fix) {
            line("help", help);
        }
        if let Some(fix) = fix {
            let command = if diagnostic.code.starts_with("check::") { "check" } else { "validate" };
            line("fix", &format!("{fix} (`{command} --fix`)"));
        }
    }

    fn snippet(&self, out: &mut String, diagnostic: &Diagnostic, file: FileId, sources: &Sources) {
        let labels = diagnostic.labels.iter().filter(|label| label.span.file == file);
        let Some(miniature) = Miniature::new(labels, file, sources, &self.style) else { return };
        let mut drawn = String::new();
        if self.handler.render_report(&mut drawn, &miniature).is_ok() {
            // The first line is miette's own headline, which is empty here.
            out.extend(drawn.split_inclusive('\n').skip(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::{Span, render_github, render_json, render_sarif};
    use proptest::prelude::*;

    fn sources(text: &str) -> Sources {
        let mut sources = Sources::default();
        sources.add("b2b.kdl", text);
        sources
    }

    fn at(start: usize, end: usize) -> Span {
        Span::new(FileId(0), start, end)
    }

    fn drawn(diagnostic: Diagnostic, text: &str) -> String {
        render(&[diagnostic], &sources(text), &Style::default())
    }

    #[test]
    fn a_fix_is_said_once_with_the_command_that_applies_it() {
        let one = |code: &'static str, help: &str| {
            let found = Diagnostic::warning(code, "m").at(at(0, 1), "here").help(help).fix("write “b”", at(0, 1), "b");
            drawn(found, "a\n").lines().filter(|line| line.starts_with("  ")).map(str::to_owned).collect::<Vec<_>>().join("|")
        };
        assert!(
            one("check::voice", "write “b”").ends_with("|  fix: write “b” (`check --fix`)"),
            "{}",
            one("check::voice", "write “b”")
        );
        assert!(!one("check::voice", "write “b”").contains("help:"));
        assert!(one("loop::unknown-node", "look").ends_with("|  help: look|  fix: write “b” (`validate --fix`)"));
    }

    #[test]
    fn a_diagnostic_looks_as_the_house_style_says() {
        let text = "workflow \"b2b\" {\n    score-leads \"hot\" from=\"rivals\"\n}\n";
        let from = text.find("from").expect("there");
        let diagnostic =
            Diagnostic::error("loop::port-mismatch", "`score-leads` takes `Lead`, but `watch-competitors` gives `Signal`")
                .at(at(from, from + 13), "this edge carries `Signal`")
                .help("put a step that turns signals into leads between them, such as `qualify-leads`");
        assert_eq!(
            drawn(diagnostic, text),
            "\
error[loop::port-mismatch]: `score-leads` takes `Lead`, but `watch-competitors` gives `Signal`
   ╭─[b2b.kdl:2:23]
 2 │     score-leads \"hot\" from=\"rivals\"
   ·                       ──────┬──────
   ·                             ╰── this edge carries `Signal`
   ╰────
  help: put a step that turns signals into leads between them, such as `qualify-leads`

"
        );
    }

    #[test]
    fn near_labels_share_a_snippet_and_far_ones_have_their_own() {
        let text = "a {\n  b\n  c\n  d\n  e\n  f\n  g é\n";
        let diagnostic = Diagnostic::warning("loop::x", "two places")
            .at(at(text.len() - 3, text.len() - 1), "here")
            .at(at(2, 3), "opened")
            .at(at(6, 7), "");
        assert_eq!(
            drawn(diagnostic, text),
            "\
warning[loop::x]: two places
   ╭─[b2b.kdl:1:3]
 1 │ a {
   ·   ┬
   ·   ╰── opened
 2 │   b
   ·   ─
   ╰────
   ╭─[b2b.kdl:7:5]
 7 │   g é
   ·     ┬
   ·     ╰── here
   ╰────

"
        );
    }

    #[test]
    fn spans_at_the_end_and_in_empty_files_are_drawn() {
        for (text, start, end, expected) in [
            ("", 0, 0, " 1 │ \n   · ▲\n   · ╰── here\n"),
            ("a", 1, 1, " 1 │ a\n   ·  ▲\n   ·  ╰── here\n"),
            ("a\n", 2, 2, " 2 │ \n   · ▲\n   · ╰── here\n"),
            ("a\r\n", 1, 3, " 1 │ a\n   ·  ▲\n   ·  ╰── here\n"),
            ("a {\n b\n}\n", 2, 9, " 1 │ a {\n   ·   ┬\n   ·   ╰── here\n"),
        ] {
            let drawn = drawn(Diagnostic::error("kdl::x", "m").at(at(start, end), "here"), text);
            assert!(drawn.contains(expected), "{text:?}:\n{drawn}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        let text = "a \"\u{1b}[31mred\u{7}\u{9b}\u{202E}\" \r b\n";
        let diagnostic = Diagnostic::error("kdl::x", "bad \u{1b}]0;title\u{7}").at(at(2, 3), "\u{1b}[1m").help("\u{8}no");
        let drawn = drawn(diagnostic.clone(), text);
        assert!(drawn.contains("␛[31mred␇\u{FFFD}\u{FFFD}"), "{drawn}");
        assert!(drawn.chars().all(|character| character == '\n' || !character.is_control()), "{drawn:?}");
        let ascii = render(&[diagnostic], &sources(text), &Style { unicode: false, ..Style::default() });
        assert!(ascii.is_ascii(), "{ascii}");
    }

    #[test]
    fn a_long_line_is_cut_around_its_label_and_keeps_its_column() {
        let text = format!("{}here{}\n", "é ".repeat(5000), " x".repeat(5000));
        let start = text.find("here").expect("there");
        let drawn = drawn(Diagnostic::error("kdl::x", "m").at(at(start, start + 4), "this"), &text);
        assert!(drawn.contains("[b2b.kdl:1:10001]") && drawn.contains("here") && drawn.contains('…'), "{drawn}");
        assert!(drawn.lines().all(|line| line.chars().count() <= 100), "{drawn}");
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_lines() {
        let text = "    source \"press\" kind=\"feed\" url=\"https://example.com/feed.xml\"\n";
        let start = text.find("kind").expect("there");
        let diagnostic = Diagnostic::error("kdl::x", "there is something wrong with this line that takes many words to tell")
            .at(at(start, start + 4), "a label with rather a lot of words in it")
            .help("do something else that takes many words as well");
        let drawn = render(&[diagnostic], &sources(text), &Style { width: 40, ..Style::default() });
        assert!(drawn.lines().all(|line| line.chars().count() <= 48), "{drawn}");
    }

    #[test]
    fn colours_appear_only_on_demand() {
        let diagnostic = Diagnostic::error("kdl::x", "m").at(at(0, 1), "here").help("h");
        assert!(!drawn(diagnostic.clone(), "a").contains('\u{1b}'));
        assert!(
            render(&[diagnostic], &sources("a"), &Style { color: true, ..Style::default() })
                .contains("\u{1b}[1;31merror[kdl::x]:\u{1b}[0m")
        );
    }

    #[test]
    fn labels_in_other_files_and_none_at_all_are_drawn() {
        let mut sources = sources("one\n");
        let other = sources.add("other.kdl", "two\n");
        let diagnostic = Diagnostic::error("loop::x", "m").at(at(0, 3), "first").at(Span::new(other, 0, 3), "second");
        let drawn = render(&[diagnostic, Diagnostic::error("loop::y", "nowhere")], &sources, &Style::default());
        assert!(
            drawn.contains("[b2b.kdl:1:1]") && drawn.contains("[other.kdl:1:1]") && drawn.contains("error[loop::y]: nowhere"),
            "{drawn}"
        );
    }

    #[test]
    fn counts_agree_with_their_words() {
        let (error, warning) = (Diagnostic::error("a::b", ""), Diagnostic::warning("a::c", ""));
        assert_eq!(summary(&[]), "no errors");
        assert_eq!(summary([&error, &warning, &error]), "2 errors, 1 warning");
        assert_eq!(summary([&warning, &warning]), "2 warnings");
    }

    #[test]
    fn machines_get_places_help_and_fix() {
        let text = "é\na: 1\n";
        let diagnostics = [Diagnostic::error("kdl::colon-value", "a `:`, 100%")
            .at(at(4, 5), "l")
            .at(at(0, 2), "r")
            .help("h")
            .fix("f", at(4, 5), "")];
        let sources = sources(text);
        let json: serde_json::Value = serde_json::from_str(&render_json(&diagnostics, &sources)).expect("valid");
        let first = &json["diagnostics"][0];
        assert_eq!(
            (&json["version"], &first["file"], &first["line"], &first["column"]),
            (&1.into(), &"b2b.kdl".into(), &2.into(), &2.into())
        );
        assert_eq!((&first["fix"]["replacement"], &first["labels"][1]["end_column"]), (&"".into(), &2.into()));
        assert_eq!(
            render_github(&diagnostics, &sources),
            "::error file=b2b.kdl,line=2,endLine=2,col=2,endColumn=2,title=kdl%3A%3Acolon-value::a `:`, 100%25%0Ahelp: h\n"
        );
        let sarif: serde_json::Value = serde_json::from_str(&render_sarif(&diagnostics, &sources)).expect("valid");
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "r");
        assert_eq!(result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"], "");
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "kdl::colon-value");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_with_any_spans_is_drawn(
            bytes in prop::collection::vec(prop_oneof![4 => any::<u8>(), 1 => Just(b'\n'), 1 => Just(b'\t'), 1 => Just(b'\r')], 0..120),
            spans in prop::collection::vec((0usize..200, 0usize..40), 0..5),
            width in 0usize..120,
            unicode in any::<bool>(),
        ) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let mut diagnostic = Diagnostic::error("kdl::x", text.clone()).help(text.clone());
            for (start, length) in spans {
                // Also wrong spans: outside, or inside a character.
                diagnostic = diagnostic.at(at(start, start + length), if length % 2 == 0 { text.as_str() } else { "" });
            }
            let sources = sources(&text);
            let drawn = render(&[diagnostic.clone()], &sources, &Style { width, unicode, color: false });
            prop_assert!(drawn.chars().all(|character| character == '\n' || character == '\t' || !character.is_control()), "{:?}", drawn);
            // Each snippet says where its primary label stands, else where its first one does.
            prop_assert!(diagnostic.labels.first().is_none_or(|label| label.span.start > 0) || drawn.contains("b2b.kdl:1:1]"), "{}", drawn);
            for text in [render_json(&[diagnostic.clone()], &sources), render_sarif(&[diagnostic.clone()], &sources)] {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            }
            prop_assert_eq!(render_github(&[diagnostic], &sources).lines().count(), 1);
        }
    }
}
