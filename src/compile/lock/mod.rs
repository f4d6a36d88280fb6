//! `loop.lock`: which version of each module a workflow uses, where it comes from, and the digest of its files.
//!
//! The file stands beside the workflow and is written by `loopctl add`, `update` and `remove` only. It is KDL, so that a person can
//! read it in review; it is sorted and always laid out the same way, so that two people who lock the same modules write the same bytes.
//! Nothing here touches a disk: the compiler reads a lock to check what it was given, `packages` to know what to fetch.

mod read;
mod tree;

use crate::diag::Span;
use crate::syntax::quoted;
use kdl::{KdlDocument, KdlEntry, KdlEntryFormat, KdlNode};
use semver::{Version, VersionReq};
use std::collections::BTreeMap;

pub use tree::{MANIFEST, is_part, module_files, tree_digest};

/// The name of the file, beside the workflow.
pub const LOCK_FILE: &str = "loop.lock";

/// The only form of the file that there has been so far.
pub const LOCK_FORM: i128 = 1;

/// Where a module is looked for before the cache of this machine: `vendor/OWNER/NAME` beside the workflow.
pub const VENDOR_FOLDER: &str = "vendor";

/// Paths that begin so are answered from the cache of this machine: `@modules/<sha256>/module.kdl`.
pub const CACHE_PREFIX: &str = "@modules/";

const HEADER: &str = "// written by loopctl; `loopctl update` changes it, and it belongs into version control\n";

/// The locked modules by name, `owner/name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    pub modules: BTreeMap<String, Locked>,
}

/// One module as it was fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    pub version: Version,
    /// [`tree_digest`] of its files: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// What the workflow asked for when the module was locked; `update` stays within it.
    pub wanted: VersionReq,
    pub source: LockedSource,
    /// The locked modules that it is made of, and the range of each that it asks for. Each is a line of the lock of its own.
    pub needs: BTreeMap<String, VersionReq>,
    /// The line of the module in `loop.lock`; empty for one that has just been made.
    pub span: Span,
}

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedSource {
    /// A folder, relative to the folder of the lock file. Its files are used as they were when it was locked: a change in the folder
    /// counts after `loopctl update`.
    Path { dir: String },
    Git {
        url: String,
        reference: Reference,
        /// The commit: 40 or 64 lower-case hexadecimal digits.
        revision: String,
        /// The folder of the module in the repository; `None` when it is the top.
        dir: Option<String>,
    },
    Archive {
        /// An address, or a path relative to the folder of the lock file.
        url: String,
        /// SHA-256 of the archive's own bytes.
        archive_sha256: String,
        /// The folder of the module in the archive; `None` when it is the top, or the one folder at the top.
        dir: Option<String>,
    },
}

/// What in a git repository was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    Tag(String),
    Branch(String),
    Rev(String),
}

impl Reference {
    /// `tag`, `branch` or `rev`.
    pub fn kind(&self) -> &'static str {
        match self {
            Reference::Tag(_) => "tag",
            Reference::Branch(_) => "branch",
            Reference::Rev(_) => "rev",
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Reference::Tag(name) | Reference::Branch(name) | Reference::Rev(name) => name,
        }
    }
}

impl LockedSource {
    /// What a person would call it: `git https://example.com/voice.git, tag v1.2.3`.
    pub fn describe(&self) -> String {
        match self {
            LockedSource::Path { dir } => format!("folder {dir}"),
            LockedSource::Git { url, reference, dir, .. } => {
                let within = dir.as_ref().map_or(String::new(), |dir| format!(", folder {dir}"));
                format!("git {url}, {} {}{within}", reference.kind(), reference.name())
            }
            LockedSource::Archive { url, dir, .. } => {
                let within = dir.as_ref().map_or(String::new(), |dir| format!(", folder {dir}"));
                format!("archive {url}{within}")
            }
        }
    }
}

impl Locked {
    /// The path under which the compiler finds the module in the cache of this machine.
    pub fn cache_path(&self) -> String {
        format!("{CACHE_PREFIX}{}", self.sha256)
    }
}

/// The path of a vendored module, relative to the folder of the workflow.
pub fn vendor_path(module: &str) -> String {
    format!("{VENDOR_FOLDER}/{module}")
}

/// `owner/name`: each a letter and then letters, digits and hyphens, all small, at most 64. Such a name is also a safe path on every
/// system.
pub fn is_module_name(name: &str) -> bool {
    let word = |word: &str| {
        word.len() <= 64
            && word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    name.split_once('/').is_some_and(|(owner, name)| word(owner) && word(name))
}

impl Lock {
    /// The text of the file: sorted by module, the same for the same modules.
    pub fn write(&self) -> String {
        let mut document = KdlDocument::new();
        let mut form = KdlNode::new("lock");
        form.push(KdlEntry::new(LOCK_FORM));
        document.nodes_mut().push(form);
        for (name, locked) in &self.modules {
            let mut node = KdlNode::new("module");
            node.push(text(None, name));
            node.push(text(Some("version"), &locked.version.to_string()));
            node.push(text(Some("sha256"), &locked.sha256));
            let mut wanted = KdlNode::new("wanted");
            wanted.push(text(None, &locked.wanted.to_string()));
            let needs = locked.needs.iter().map(|(name, wanted)| {
                let mut needs = KdlNode::new("needs");
                needs.push(text(None, name));
                needs.push(text(None, &wanted.to_string()));
                needs
            });
            node.ensure_children().nodes_mut().extend([wanted, source_node(&locked.source)].into_iter().chain(needs));
            document.nodes_mut().push(node);
        }
        document.autoformat();
        format!("{HEADER}{document}")
    }
}

fn source_node(source: &LockedSource) -> KdlNode {
    let (kind, properties) = match source {
        LockedSource::Path { dir } => ("path", vec![("dir", Some(dir))]),
        LockedSource::Git { url, reference, revision, dir } => {
            let (Reference::Tag(name) | Reference::Branch(name) | Reference::Rev(name)) = reference;
            ("git", vec![("url", Some(url)), (reference.kind(), Some(name)), ("revision", Some(revision)), ("dir", dir.as_ref())])
        }
        LockedSource::Archive { url, archive_sha256, dir } => {
            ("archive", vec![("url", Some(url)), ("sha256", Some(archive_sha256)), ("dir", dir.as_ref())])
        }
    };
    let mut node = KdlNode::new("source");
    node.push(text(None, kind));
    for (name, value) in properties {
        if let Some(value) = value {
            node.push(text(Some(name), value));
        }
    }
    node
}

/// A text between quotation marks, also where KDL could do without them: every line of the file then looks alike.
fn text(name: Option<&str>, value: &str) -> KdlEntry {
    let mut entry = match name {
        Some(name) => KdlEntry::new_prop(name, value),
        None => KdlEntry::new(value),
    };
    entry.set_format(KdlEntryFormat {
        value_repr: quoted(value),
        leading: " ".to_owned(),
        autoformat_keep: true,
        ..KdlEntryFormat::default()
    });
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;

    fn locked(version: &str, source: LockedSource) -> Locked {
        Locked {
            version: Version::parse(version).unwrap(),
            sha256: "ab".repeat(32),
            wanted: VersionReq::parse("^1.2").unwrap(),
            source,
            needs: BTreeMap::from([("acme/words".to_owned(), VersionReq::STAR)]),
            span: Span::default(),
        }
    }

    fn example() -> Lock {
        let git = |reference, dir| LockedSource::Git {
            url: "https://example.com/voice.git".into(),
            reference,
            revision: "0".repeat(40),
            dir,
        };
        let archive = LockedSource::Archive {
            url: "modules/a \"b\".tar.gz".into(),
            archive_sha256: "cd".repeat(32),
            dir: Some("x".into()),
        };
        Lock {
            modules: BTreeMap::from([
                ("acme/voice".to_owned(), locked("1.2.3", git(Reference::Tag("v1.2.3".into()), None))),
                ("acme/branch".to_owned(), locked("1.3.0-beta.1+b", git(Reference::Branch("main".into()), Some("a/b".into())))),
                ("acme/rev".to_owned(), locked("1.2.0", git(Reference::Rev("0".repeat(40)), None))),
                ("near/by".to_owned(), locked("1.2.0", LockedSource::Path { dir: "../modules/by".into() })),
                ("far/off".to_owned(), locked("1.2.0", archive)),
            ]),
        }
    }

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        let lock = example();
        let written = lock.write();
        let (mut read, findings) = Lock::read(FileId(0), &written);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(read.write(), written);
        for locked in read.modules.values_mut() {
            assert!(!locked.span.is_empty());
            locked.span = Span::default();
        }
        assert_eq!(read, lock);
    }

    #[test]
    fn the_file_is_sorted_laid_out_and_proper_kdl() {
        let lock = Lock { modules: example().modules.into_iter().filter(|(name, _)| name.ends_with("voice")).collect() };
        let digest = "ab".repeat(32);
        let revision = "0".repeat(40);
        assert_eq!(
            lock.write(),
            format!(
                "{HEADER}lock 1\nmodule \"acme/voice\" version=\"1.2.3\" sha256=\"{digest}\" {{\n    wanted \"^1.2\"\n    \
                 source \"git\" url=\"https://example.com/voice.git\" tag=\"v1.2.3\" revision=\"{revision}\"\n    \
                 needs \"acme/words\" \"*\"\n}}\n"
            )
        );
        let text = example().write();
        assert!(KdlDocument::parse(&text).is_ok());
        assert_eq!(crate::syntax::format(FileId(0), &text), Ok(text), "`loopctl fmt` has nothing to do");
        assert!(Lock::read(FileId(0), &Lock::default().write()).1.is_empty());
    }

    #[test]
    fn names_of_modules_are_safe_as_paths() {
        for name in ["acme/voice", "a1/b-2-c", "std/intelligence"] {
            assert!(is_module_name(name), "{name}");
        }
        for name in [
            "voice",
            "acme/",
            "/voice",
            "acme/../x",
            "Acme/voice",
            "acme/voice/x",
            "acme/-x",
            "acme/1x",
            "acme/vo ice",
            "é/x",
            "",
        ] {
            assert!(!is_module_name(name), "{name}");
        }
        assert!(!is_module_name(&format!("{}/x", "a".repeat(65))));
    }
}
