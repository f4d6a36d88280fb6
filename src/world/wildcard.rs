//! Wildcards in file names: `*` is any run of characters, `?` is one, and `**` as a whole part of a path is any number of folders.

/// Whether a `/`-separated path matches a pattern. A pattern without `/` matches a name in the folder itself, not below it.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    runs(&pattern, &path, &|part| *part == "**", &|part, name| name_matches(part, name))
}

fn name_matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    runs(&pattern, &name, &|c| *c == '*', &|p, c| *p == '?' || p == c)
}

/// The greedy matcher with one point of return: after a mismatch the latest star takes one more. Never exponential, at worst the
/// product of both lengths (Krauss, "Matching wildcards: an algorithm", 2008).
fn runs<P, T>(pattern: &[P], text: &[T], is_star: &dyn Fn(&P) -> bool, fits: &dyn Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && is_star(&pattern[p]) {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && fits(&pattern[p], &text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, taken)) = back {
            back = Some((star, taken + 1));
            p = star + 1;
            t = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_names_and_folders() {
        for (pattern, path, expected) in [
            ("*.xml", "a.xml", true),
            ("*.xml", "a.xml.bak", false),
            ("*.xml", "deep/a.xml", false),
            ("*", "", true),
            ("?.csv", "é.csv", true),
            ("?.csv", "ab.csv", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("feeds/*.xml", "feeds/a.xml", true),
            ("**/*.md", "a.md", true),
            ("**/*.md", "x/y/a.md", true),
            ("**/*.md", "x/y/a.txt", false),
            ("[a].md", "[a].md", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_in_time() {
        let pattern = "a*".repeat(200);
        assert!(!matches(&format!("{pattern}b"), &"a".repeat(2_000)));
    }
}
