//! What stands after `use`: `std/rivals@1`, `acme/voice@^1.2`, `./modules/voice.kdl`.

use semver::VersionReq;
use std::ops::Range;

/// Which module is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Reference {
    /// A file or folder, relative to the file that names it.
    Path(String),
    /// A module by its name. Without a range every version will do.
    Named { owner: String, name: String, wanted: VersionReq },
}

/// Why a text names no module. The range is in bytes of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Malformed {
    pub range: Range<usize>,
    pub message: String,
    pub help: String,
}

impl Reference {
    /// # Errors
    /// Says which part cannot be understood.
    pub fn parse(text: &str) -> Result<Reference, Malformed> {
        if text.starts_with("./") || text.starts_with("../") {
            return Ok(Reference::Path(text.to_owned()));
        }
        let (full, wanted) = text.split_once('@').map_or((text, None), |(full, wanted)| (full, Some(wanted)));
        let whole = |message: String, help: String| Malformed { range: 0..full.len(), message, help };
        let Some((owner, name)) = full.split_once('/') else {
            let help = format!("write the owner and the name, such as `std/{full}`, or a path that starts with `./`");
            return Err(whole(format!("`{full}` is not the name of a module"), help));
        };
        if !is_word(owner) || !is_word(name) {
            let help = match full.ends_with(".kdl") {
                true => format!("a path starts with `./`: write `./{full}`"),
                false => "owner and name are small letters, digits and `-`, such as `acme/voice`".to_owned(),
            };
            return Err(whole(format!("`{full}` is not the name of a module"), help));
        }
        let wanted = match wanted.map(VersionReq::parse) {
            None => VersionReq::STAR,
            Some(Ok(wanted)) => wanted,
            Some(Err(_)) => {
                let written = &text[full.len() + 1..];
                return Err(Malformed {
                    range: full.len() + 1..text.len(),
                    message: format!("`{written}` is not a range of versions"),
                    help: format!("write `{full}@1` for any version 1, `{full}@^1.2` from 1.2 on, or `{full}@=1.2.3`"),
                });
            }
        };
        Ok(Reference::Named { owner: owner.to_owned(), name: name.to_owned(), wanted })
    }

    /// `acme/voice`, or the path.
    pub fn full_name(&self) -> String {
        match self {
            Reference::Path(path) => path.clone(),
            Reference::Named { owner, name, .. } => format!("{owner}/{name}"),
        }
    }

    /// What stands before the dot when the use does not say it with `as=`.
    pub fn short_name(&self) -> &str {
        match self {
            Reference::Named { name, .. } => name,
            Reference::Path(path) => {
                let path = path.trim_end_matches('/');
                let file = path.strip_suffix("/module.kdl").unwrap_or(path);
                let last = file.rsplit('/').next().unwrap_or(file);
                last.strip_suffix(".kdl").unwrap_or(last)
            }
        }
    }
}

/// Small letters, digits and `-`, and a letter first.
pub fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_by_owner_name_and_range_or_by_a_path() {
        let parsed = Reference::parse("acme/voice@^1.2").unwrap();
        assert_eq!((parsed.full_name().as_str(), parsed.short_name()), ("acme/voice", "voice"));
        let Reference::Named { wanted, .. } = parsed else { panic!() };
        assert!(wanted.matches(&semver::Version::new(1, 9, 0)) && !wanted.matches(&semver::Version::new(2, 0, 0)));
        for (path, short) in [("./modules/voice.kdl", "voice"), ("../shared/voice/module.kdl", "voice"), ("./voice/", "voice")] {
            let parsed = Reference::parse(path).unwrap();
            assert_eq!((&parsed, parsed.short_name()), (&Reference::Path(path.to_owned()), short));
        }
    }

    #[test]
    fn what_names_no_module_says_what_to_write() {
        for (text, part, help) in [
            ("voice", "voice", "std/voice"),
            ("modules/voice.kdl", "modules/voice.kdl", "`./modules/voice.kdl`"),
            ("Acme/voice", "Acme/voice", "small letters"),
            ("acme/voice@one", "one", "acme/voice@1"),
            ("a/b/c", "a/b/c", "small letters"),
            ("", "", "std/"),
        ] {
            let malformed = Reference::parse(text).unwrap_err();
            assert_eq!(&text[malformed.range.clone()], part, "{malformed:?}");
            assert!(malformed.help.contains(help), "{malformed:?}");
        }
    }
}
