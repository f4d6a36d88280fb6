//! The little Markdown that the Client OS needs: sections by `##` headings, and the items of a list.
//!
//! Reading is forgiving: a list may use `-`, `*`, `+` or numbers, an item may go on over several lines, a quotation counts
//! as an item. Comments (`<!-- … -->`) are for the people who keep the files and are left out.

/// A `##` section. Text before the first heading is in a section without a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub name: String,
    /// Line of the heading, from 1.
    pub line: u32,
    /// Lines with their numbers, comments removed.
    pub lines: Vec<(u32, String)>,
}

impl Section {
    /// All of its text, trimmed.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|(_, line)| line.trim_end()).collect();
        lines.join("\n").trim().to_owned()
    }

    /// Its list items and quotations, each on one line, with the line where it starts. Loose paragraphs are items when there
    /// is no list at all.
    pub fn items(&self) -> Vec<(u32, String)> {
        let mut items: Vec<(u32, String)> = Vec::new();
        let mut loose: Vec<(u32, String)> = Vec::new();
        let mut open = Open::Nothing;
        for (number, line) in &self.lines {
            let trimmed = line.trim();
            if trimmed.is_empty() {
                open = Open::Nothing;
            } else if let Some(quoted) = trimmed.strip_prefix('>') {
                match (open, items.last_mut()) {
                    (Open::Quote, Some((_, item))) => join(item, quoted),
                    _ => items.push((*number, quoted.trim().to_owned())),
                }
                open = Open::Quote;
            } else if let Some(item) = item_text(trimmed) {
                items.push((*number, item.to_owned()));
                open = Open::Item;
            } else {
                match (open, items.last_mut(), loose.last_mut()) {
                    (Open::Item, Some((_, item)), _) => join(item, trimmed),
                    (Open::Loose, _, Some((_, paragraph))) => join(paragraph, trimmed),
                    _ => {
                        loose.push((*number, trimmed.to_owned()));
                        open = Open::Loose;
                    }
                }
            }
        }
        items.retain(|(_, item)| !item.is_empty());
        if items.is_empty() { loose } else { items }
    }
}

#[derive(Clone, Copy)]
enum Open {
    Nothing,
    Item,
    Quote,
    Loose,
}

fn join(item: &mut String, more: &str) {
    item.push(' ');
    item.push_str(more.trim());
}

/// The text behind a list mark.
pub(super) fn item_text(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix(['-', '*', '+']) {
        return (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim());
    }
    let digits = line.find(|c: char| !c.is_ascii_digit()).filter(|digits| (1..=3).contains(digits))?;
    line[digits..].strip_prefix([')', '.']).filter(|rest| rest.starts_with(' ')).map(str::trim)
}

/// The sections of a text in order. A `#` title opens none, headings below `##` are text, fenced code is text.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section { line: 1, ..Section::default() }];
    let mut fenced = false;
    let mut commented = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let line = uncommented(line, &mut commented);
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            fenced = !fenced;
        }
        let heading = trimmed.strip_prefix("##").filter(|rest| !fenced && !rest.starts_with('#'));
        if let Some(name) = heading {
            let name = name.trim().trim_end_matches('#').trim().to_owned();
            sections.push(Section { name, line: number, lines: Vec::new() });
        } else if fenced || !trimmed.starts_with("# ") {
            let section = sections.last_mut().expect("it starts with one section and none is removed");
            section.lines.push((number, line));
        }
    }
    sections
}

/// The line without what stands in `<!-- … -->`.
fn uncommented(line: &str, commented: &mut bool) -> String {
    let mut kept = String::new();
    let mut rest = line;
    loop {
        if *commented {
            match rest.split_once("-->") {
                Some((_, after)) => {
                    *commented = false;
                    rest = after;
                }
                None => return kept,
            }
        }
        match rest.split_once("<!--") {
            Some((before, after)) => {
                kept.push_str(before);
                *commented = true;
                rest = after;
            }
            None => {
                kept.push_str(rest);
                return kept;
            }
        }
    }
}

/// `[title](url)` anywhere in the line.
pub(super) fn link(line: &str) -> Option<(&str, &str)> {
    let open = line.find('[')?;
    let middle = open + line[open..].find("](")?;
    let end = middle + line[middle..].find(')')?;
    let (title, url) = (line[open + 1..middle].trim(), line[middle + 2..end].trim());
    (!title.is_empty() && !url.is_empty()).then_some((title, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_items_are_read_as_people_write_them() {
        let text = "# Title\nintro\n\n## One ##\n- a\n  goes on\n* b\n1. c\n\n<!-- not\nthis -->\n> quoted\n> twice\n\n## Two\nloose\ntext\n\nmore\n```\n## code\n```\n";
        let sections = sections(text);
        let names: Vec<(&str, u32)> = sections.iter().map(|section| (section.name.as_str(), section.line)).collect();
        assert_eq!(names, [("", 1), ("One", 4), ("Two", 15)]);
        let items: Vec<String> = sections[1].items().into_iter().map(|(line, item)| format!("{line} {item}")).collect();
        assert_eq!(items, ["5 a goes on", "7 b", "8 c", "12 quoted twice"]);
        assert_eq!(sections[2].items().len(), 2);
        assert_eq!(sections[0].text(), "intro");
    }

    #[test]
    fn links_are_found_in_a_line() {
        assert_eq!(link("see [How](https://a.example/) now"), Some(("How", "https://a.example/")));
        assert_eq!(link("[How]"), None);
        assert_eq!(link("[](x)"), None);
    }
}
