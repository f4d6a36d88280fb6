//! What stands after `loopctl add`: a folder, a git repository or an archive, and perhaps a range of versions.

use super::error::Error;
use super::git::is_revision;
use crate::compile::lock::Reference;
use semver::VersionReq;
use std::path::Path;

/// Where a module is to be fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A folder, as the user typed it.
    Path {
        dir: String,
    },
    Git {
        url: String,
        choice: Choice,
        dir: Option<String>,
    },
    /// An address, or a path to a file.
    Archive {
        url: String,
        sha256: Option<String>,
        dir: Option<String>,
    },
}

/// Which commit of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The highest version among the tags that is in the range.
    Newest,
    Named(Reference),
}

/// What a user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub origin: Origin,
    /// The range behind `@`, when one is given.
    pub range: Option<VersionReq>,
}

/// Options of `loopctl add` that say more about a source.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub tag: Option<String>,
    pub branch: Option<String>,
    pub rev: Option<String>,
    pub dir: Option<String>,
    pub sha256: Option<String>,
}

impl Wish {
    /// Reads `./modules/voice`, `https://example.com/acme/voice.git@^1.2`, `git@example.com:acme/voice.git` or `https://example.com/voice.tar.gz`.
    /// `is_folder` says whether a text is a folder of this machine.
    ///
    /// # Errors
    /// When it is none of these, or the options do not fit it.
    pub fn parse(text: &str, details: &Details, is_folder: impl Fn(&str) -> bool) -> Result<Wish, Error> {
        without_secret(text)?;
        let (place, range) = match text.rsplit_once('@') {
            // The `@` of `git@example.com:…` is followed by a host.
            Some((place, range)) if !place.is_empty() && !range.contains(['/', ':']) => {
                let parsed = VersionReq::parse(range).map_err(|_| {
                    let help = format!("write `{place}@^1.2` for any version 1 from 1.2 on, or `{place}@=1.2.3`");
                    Error::bad_source(format!("`{range}` is not a range of versions"), help)
                })?;
                (place, Some(parsed))
            }
            _ => (text, None),
        };
        safe_folder(details.dir.as_deref())?;
        let named = [
            details.tag.clone().map(Reference::Tag),
            details.branch.clone().map(Reference::Branch),
            details.rev.clone().map(Reference::Rev),
        ];
        let named: Vec<Reference> = named.into_iter().flatten().collect();
        if named.len() > 1 {
            return Err(Error::bad_source("`--tag`, `--branch` and `--rev` exclude each other", "name one of them"));
        }
        let named = named.into_iter().next();
        let lower = place.to_lowercase();
        let is_archive =
            [".tar.gz", ".tgz", ".tar"].iter().any(|end| lower.split(['?', '#']).next().unwrap_or("").ends_with(end));
        let plain = place.strip_prefix("git+").unwrap_or(place);
        let path = lower.split(['?', '#']).next().unwrap_or("");
        if plain == place && [".zip", ".tar.xz", ".tar.bz2", ".tar.zst", ".7z", ".rar"].iter().any(|end| path.ends_with(end)) {
            let help = "modules are read from `.tar.gz` and `.tar`; most places that offer one form offer these too";
            return Err(Error::bad_source(format!("`{place}` is an archive of another form"), help));
        }
        let is_address = plain.contains("://") || (plain.contains('@') && plain.contains(':'));
        if is_archive && plain == place {
            if let Some(reference) = named {
                let help = "the address of an archive is the version; leave the option out";
                return Err(Error::bad_source(format!("an archive has no {}", reference.kind()), help));
            }
            let sha256 = details.sha256.as_ref().map(|text| digits(text)).transpose()?;
            return Ok(Wish { origin: Origin::Archive { url: place.to_owned(), sha256, dir: details.dir.clone() }, range });
        }
        if details.sha256.is_some() {
            let help = "a git repository is named with `--rev`, and a folder is read as it is";
            return Err(Error::bad_source("`--sha256` is for archives", help));
        }
        if is_address || named.is_some() || (lower.ends_with(".git") && is_folder(place)) {
            let choice = named.map_or(Choice::Newest, Choice::Named);
            if let Choice::Named(Reference::Rev(rev)) = &choice
                && !is_revision(rev)
                && !(rev.len() >= 7 && rev.bytes().all(|byte| byte.is_ascii_hexdigit()))
            {
                let help = "write the digits of a commit; a tag is named with `--tag`, a branch with `--branch`";
                return Err(Error::bad_source(format!("`{rev}` is not a commit"), help));
            }
            return Ok(Wish { origin: Origin::Git { url: plain.to_owned(), choice, dir: details.dir.clone() }, range });
        }
        if is_folder(place) {
            let dir = match &details.dir {
                Some(dir) => format!("{}/{dir}", place.trim_end_matches('/')),
                None => place.to_owned(),
            };
            return Ok(Wish { origin: Origin::Path { dir }, range });
        }
        let help = match place {
            _ if place.starts_with("std/") => {
                "modules of `std` are built in: write `use` into the workflow, nothing has to be added"
            }
            _ if Path::new(place).components().count() == 2 && !place.starts_with('.') => {
                "there is no registry of modules: name the folder, the git address or the `.tar.gz` it comes from"
            }
            _ => "name a folder such as `./modules/voice`, a git address, or the address of a `.tar.gz`",
        };
        Err(Error::bad_source(format!("`{place}` is no folder here and no address"), help))
    }
}

/// A lock file is read by the whole team, so a password must not get into it.
fn without_secret(url: &str) -> Result<(), Error> {
    let url = url.strip_prefix("git+").unwrap_or(url);
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let Some((user, _)) = authority.rsplit_once('@') else { return Ok(()) };
    // `ssh://git@example.com` names a user as it must; behind `https://` a name alone is a token.
    if user.contains(':') || url.starts_with("http") {
        return Err(Error::bad_source(
            "the address holds a password or a token, which would stand in `loop.lock`",
            "leave it out, and let git's credential helper or a key open the door",
        ));
    }
    Ok(())
}

fn safe_folder(dir: Option<&str>) -> Result<(), Error> {
    match dir.and_then(|dir| super::tree::odd(dir.trim_end_matches('/')).map(|reason| (dir, reason))) {
        Some((dir, reason)) => {
            Err(Error::bad_source(format!("`{dir}` is no folder of a module: {reason}"), "write it as `modules/voice`"))
        }
        None => Ok(()),
    }
}

fn digits(text: &str) -> Result<String, Error> {
    let text = text.strip_prefix("sha256:").unwrap_or(text).to_lowercase();
    match text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(text),
        false => Err(Error::bad_source("`--sha256` takes 64 hexadecimal digits", "`sha256sum` prints them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, details: &Details) -> Result<Wish, Error> {
        Wish::parse(text, details, |place| place.starts_with("./") || place.starts_with("/srv"))
    }

    fn origin(text: &str) -> String {
        match parse(text, &Details::default()) {
            Ok(Wish { origin, range }) => {
                let range = range.map_or(String::new(), |range| format!(" {range}"));
                match origin {
                    Origin::Path { dir } => format!("path {dir}{range}"),
                    Origin::Git { url, .. } => format!("git {url}{range}"),
                    Origin::Archive { url, .. } => format!("archive {url}{range}"),
                }
            }
            Err(error) => format!("{}: {} / {}", error.code, error.message, error.help),
        }
    }

    #[test]
    fn a_source_is_known_by_its_form() {
        for (text, expected) in [
            ("./modules/voice", "path ./modules/voice"),
            ("./modules/voice@^1", "path ./modules/voice ^1"),
            ("https://example.com/acme/voice", "git https://example.com/acme/voice"),
            ("https://example.com/acme/voice.git@^1.2", "git https://example.com/acme/voice.git ^1.2"),
            ("git@example.com:acme/voice.git", "git git@example.com:acme/voice.git"),
            ("git@example.com:acme/voice.git@1", "git git@example.com:acme/voice.git ^1"),
            ("ssh://git@example.com/acme/voice", "git ssh://git@example.com/acme/voice"),
            ("/srv/voice.git", "git /srv/voice.git"),
            ("file:///srv/voice.git", "git file:///srv/voice.git"),
            ("https://example.com/voice-1.2.0.tar.gz", "archive https://example.com/voice-1.2.0.tar.gz"),
            ("https://example.com/voice.tgz?x=1@>=1.0.0, <3", "archive https://example.com/voice.tgz?x=1 >=1.0.0, <3"),
            ("modules/voice.tar.gz", "archive modules/voice.tar.gz"),
        ] {
            assert_eq!(origin(text), expected);
        }
    }

    #[test]
    fn what_is_no_source_says_what_to_write() {
        for (text, expected) in [
            ("acme/voice", "there is no registry"),
            ("std/rivals", "built in"),
            ("https://example.com/voice.zip?x=1", "an archive of another form"),
            ("./voice@newest", "`newest` is not a range"),
            ("https://ann:secret@example.com/voice.git", "password"),
            ("https://ghp_token@example.com/voice.git", "password"),
            ("nothing-here", "is no folder here"),
        ] {
            let told = origin(text);
            assert!(told.starts_with("packages::bad-source") && told.contains(expected), "{text}: {told}");
            assert!(!told.contains("secret") && !told.contains("ghp_"), "{told}");
        }
    }

    #[test]
    fn options_fit_their_source_or_are_refused() {
        let url = "https://example.com/v.git";
        let tagged = parse(url, &Details { tag: Some("v1".into()), ..Details::default() }).unwrap();
        assert!(matches!(tagged.origin, Origin::Git { choice: Choice::Named(Reference::Tag(tag)), .. } if tag == "v1"));
        let refused = [
            (url, Details { tag: Some("a".into()), branch: Some("b".into()), ..Details::default() }),
            (url, Details { rev: Some("main".into()), ..Details::default() }),
            (url, Details { sha256: Some("ab".repeat(32)), ..Details::default() }),
            (url, Details { dir: Some("../x".into()), ..Details::default() }),
            ("./v.tar.gz", Details { branch: Some("b".into()), ..Details::default() }),
            ("./v.tar.gz", Details { sha256: Some("12".into()), ..Details::default() }),
        ];
        for (text, details) in refused {
            assert_eq!(parse(text, &details).unwrap_err().code, "packages::bad-source", "{details:?}");
        }
    }
}
