//! The report of a cycle as one HTML file that needs nothing else: no script, no font, no request. It reads well in light
//! and dark, on a phone and in print.

use super::plot::{bars, escape};
use super::view::{CycleView, sections};
use crate::model::goods::report::Section;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub fn render(view: &CycleView) -> String {
    let zone = TimeZone::get(&view.zone).unwrap_or(TimeZone::UTC);
    let title = format!("{} · cycle {}", view.workflow, view.cycle);
    let mut out = String::new();
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
<title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p class=\"dim\">{} {}</p>\n",
        escape(&view.now.friendly(&zone)),
        escape(&view.zone),
        title = escape(&title),
    )
    .expect("writing to a string");
    for report in &view.reports {
        writeln!(out, "<h2>{}</h2>", escape(&report.title)).expect("writing to a string");
        report.sections.iter().for_each(|section| self::section(&mut out, section));
    }
    out.push_str("<h2>This cycle</h2>\n");
    sections(view).iter().for_each(|section| self::section(&mut out, section));
    out.push_str("</main></body></html>\n");
    out
}

fn section(out: &mut String, section: &Section) {
    writeln!(out, "<section><h3>{}</h3>", escape(&section.title)).expect("writing to a string");
    if !section.says.is_empty() {
        out.push_str("<ul>");
        for sentence in &section.says {
            write!(out, "<li>{}</li>", with_code(sentence)).expect("writing to a string");
        }
        out.push_str("</ul>\n");
    }
    if !section.bars.is_empty() {
        writeln!(
            out,
            "<figure>{}<figcaption>{}</figcaption></figure>",
            bars(&section.bars, &section.unit),
            escape(&section.unit)
        )
        .expect("writing to a string");
    }
    out.push_str("</section>\n");
}

/// A sentence for HTML, with what stands in backticks as code.
fn with_code(sentence: &str) -> String {
    let mut parts = sentence.split('`').map(escape);
    let mut out = parts.next().unwrap_or_default();
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(plain) => out += &format!("<code>{code}</code>{plain}"),
            // One without its other half.
            None => out += &format!("`{code}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_backticks_is_code_and_a_single_one_stays() {
        assert_eq!(with_code("look at `brand.md`, <Voice>"), "look at <code>brand.md</code>, &lt;Voice&gt;");
        assert_eq!(with_code("`a` and `b"), "<code>a</code> and `b");
        assert_eq!((with_code(""), with_code("`")), (String::new(), "`".to_owned()));
    }
}
