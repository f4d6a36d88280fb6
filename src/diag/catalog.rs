//! Every diagnostic code with its one-line title. `docs/errors/<slug>.md` holds the long story; a test keeps both in step.
//!
//! Each area has its own list, sorted by slug. To add an area, write its list and name it in `AREAS`.

/// One entry. `code` is `area::slug`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub code: &'static str,
    pub title: &'static str,
}

const fn entry(code: &'static str, title: &'static str) -> Entry {
    Entry { code, title }
}

const AREAS: &[&[Entry]] = &[KDL];

/// How a file is spelled: found by `syntax`.
pub const KDL: &[Entry] = &[
    entry("kdl::bad-annotation", "an annotation in parentheses is broken or stands in the wrong place"),
    entry("kdl::bad-escape", "a backslash in a text starts no escape"),
    entry("kdl::bad-name", "the name of a node is missing or cannot be a name"),
    entry("kdl::bad-number", "something starts like a number and is none"),
    entry("kdl::bare-keyword", "`true`, `false`, `null`, `inf` or `nan` stands without its `#`"),
    entry("kdl::block-on-next-line", "a `{` stands on the line below its node"),
    entry("kdl::colon-value", "a `:` stands between a name and its value"),
    entry("kdl::dangling-slashdash", "a `/-` has nothing to take out"),
    entry("kdl::entry-after-block", "something follows a block on the same line"),
    entry("kdl::forbidden-character", "an invisible character may not stand in a file"),
    entry("kdl::hash-comment", "a comment starts with `#`"),
    entry("kdl::list-brackets", "a list is written in brackets"),
    entry("kdl::missing-space", "two values touch each other"),
    entry("kdl::missing-value", "a property has no value"),
    entry("kdl::nameless-block", "a block has no name in front"),
    entry("kdl::old-raw-string", "a raw text is spelled as in KDL 1"),
    entry("kdl::second-block", "a node has two blocks"),
    entry("kdl::spaced-equals", "a `=` stands after the name of a node"),
    entry("kdl::stray-brace", "a `}` closes nothing"),
    entry("kdl::text-indentation", "a line of a long text is indented less than its end"),
    entry("kdl::text-marks", "a `\"\"\"` does not stand where it must"),
    entry("kdl::too-deep", "blocks stand too deep within blocks"),
    entry("kdl::too-large", "a file is too large to be read"),
    entry("kdl::too-many-mistakes", "a file has more mistakes than are shown"),
    entry("kdl::unclosed-block", "a block is not closed"),
    entry("kdl::unclosed-comment", "a comment is not closed"),
    entry("kdl::unclosed-string", "a text is not closed"),
    entry("kdl::unexpected-character", "a character cannot stand where it stands"),
    entry("kdl::unknown-keyword", "a word with `#` is no keyword"),
];

const COUNT: usize = {
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        count += AREAS[area].len();
        area += 1;
    }
    count
};

static ALL: [Entry; COUNT] = {
    let mut all = [entry("", ""); COUNT];
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        let mut index = 0;
        while index < AREAS[area].len() {
            all[count] = AREAS[area][index];
            count += 1;
            index += 1;
        }
        area += 1;
    }
    all
};

/// All codes, area by area.
pub static CATALOG: &[Entry] = &ALL;

/// Finds a code, with or without its area: `loop::unknown-step` or `unknown-step`.
pub fn find(code: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.code == code || entry.code.split("::").nth(1) == Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::pages;
    use std::collections::BTreeSet;

    #[test]
    fn areas_are_sorted_and_no_slug_stands_twice() {
        for area in AREAS {
            assert!(area.is_sorted_by_key(|entry| entry.code), "{:?}", area.first());
        }
        let slugs: BTreeSet<&str> = CATALOG.iter().filter_map(|entry| entry.code.split("::").nth(1)).collect();
        assert_eq!(slugs.len(), CATALOG.len());
        assert!(slugs.iter().all(|slug| slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[test]
    fn codes_are_found_with_and_without_their_area() {
        assert_eq!(find("bad-escape"), find("kdl::bad-escape"));
        assert!(find("bad-escape").is_some() && find("kdl").is_none() && find("").is_none());
    }

    #[test]
    fn every_code_has_a_page_that_starts_with_it() {
        for entry in CATALOG {
            let page = pages::page(entry.code).unwrap_or_else(|| panic!("docs/errors has no page for {}", entry.code));
            assert!(page.starts_with(&format!("# {}\n", entry.code)), "{}", entry.code);
        }
    }
}
