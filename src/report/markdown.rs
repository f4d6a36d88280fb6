//! The report of a cycle as Markdown, for a repository, a chat or a mail.

use super::plot::number;
use super::style::{count, plain};
use super::view::CycleView;
use crate::model::goods::Report;
use crate::model::goods::report::Section;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// The reports of the cycle followed by its facts.
pub fn render(view: &CycleView) -> String {
    let zone = TimeZone::get(&view.zone).unwrap_or(TimeZone::UTC);
    let mut out = String::new();
    writeln!(out, "# {} · cycle {}\n\n{} {}\n", view.workflow, view.cycle, view.now.friendly(&zone), view.zone)
        .expect("writing to a string");
    for Report { title, sections, .. } in &view.reports {
        writeln!(out, "## {}\n", line(title)).expect("writing to a string");
        sections.iter().for_each(|section| self::section(&mut out, section));
    }
    for section in super::view::sections(view) {
        self::section(&mut out, &section);
    }
    out
}

fn section(out: &mut String, section: &Section) {
    writeln!(out, "### {}\n", line(&section.title)).expect("writing to a string");
    for sentence in &section.says {
        writeln!(out, "- {}", line(sentence)).expect("writing to a string");
    }
    if !section.bars.is_empty() {
        let unit = if section.unit.is_empty() { "value" } else { &section.unit };
        writeln!(out, "\n| | {} | interval |\n|---|---:|---|", line(unit)).expect("writing to a string");
        for bar in &section.bars {
            let interval = bar.interval.map_or_else(String::new, |(low, high)| format!("{} to {}", number(low), number(high)));
            writeln!(out, "| {} | {} | {interval} |", line(&bar.label), number(bar.value)).expect("writing to a string");
        }
    }
    out.push('\n');
}

/// One line that cannot break the Markdown around it.
fn line(text: &str) -> String {
    plain(text).replace('|', "\\|").replace('<', "&lt;")
}

/// `3 posts went out.`
pub fn sentence(n: usize, word: &str, rest: &str) -> String {
    format!("{} {rest}.", count(n, word))
}
