//! An outline's Markdown as sections, so that a draft can be composed from what a person left in it.

/// One `##` section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub heading: String,
    /// List points and paragraphs, in order, without list marks.
    pub paragraphs: Vec<String>,
}

/// The parts of an outline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// What stands between the title and the first section.
    pub lead: String,
    pub list: Vec<Section>,
}

impl Sections {
    /// Reads headings, list points and paragraphs. Anything else stays as the paragraph it is, so that nothing a person wrote is lost.
    pub fn read(markdown: &str) -> Sections {
        let mut sections = Sections::default();
        let mut lead: Vec<String> = Vec::new();
        let mut joins = false;
        for line in markdown.lines() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with("# ") {
                joins = false;
            } else if let Some(heading) = trimmed.strip_prefix("##") {
                sections
                    .list
                    .push(Section { heading: heading.trim_start_matches('#').trim().to_owned(), paragraphs: Vec::new() });
                joins = false;
            } else {
                let paragraphs = sections.list.last_mut().map_or(&mut lead, |section| &mut section.paragraphs);
                let point = point(trimmed);
                match paragraphs.last_mut() {
                    Some(last) if joins && point.is_none() => {
                        last.push(' ');
                        last.push_str(trimmed);
                    }
                    _ => paragraphs.push(point.unwrap_or(trimmed).to_owned()),
                }
                joins = true;
            }
        }
        sections.lead = lead.join("\n\n");
        sections
    }
}

/// The text of a list point, or nothing.
fn point(line: &str) -> Option<&str> {
    if let Some(rest) = ["- ", "* ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)) {
        return Some(rest.trim());
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0 && digits <= 3).then(|| line[digits..].strip_prefix(". ")).flatten().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_keep_every_word_a_person_wrote() {
        let read = Sections::read(
            "# T\n\nA lead.\n\n## One\n- first [c1]\n- second\n  goes on\n\n1. third\n\nplain words\nover two lines\n\n## Two\n> quoted\n",
        );
        assert_eq!(read.lead, "A lead.");
        assert_eq!(read.list[0].paragraphs, ["first [c1]", "second goes on", "third", "plain words over two lines"]);
        assert_eq!(read.list[1], Section { heading: "Two".into(), paragraphs: vec!["> quoted".into()] });
    }
}
