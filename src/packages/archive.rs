//! Reading a module out of a `.tar.gz` that a stranger has made.
//!
//! Nothing is unpacked to a disk here: every entry is looked at first, and only regular files reach memory. One bad entry refuses the whole
//! archive, because an archive that tries such a thing once is not one to take the rest from.

use super::error::Error;
use super::tree::{BYTES_MOST, Gathering, ModuleTree, odd, shown};
use crate::compile::lock::MANIFEST;
use flate2::read::GzDecoder;
use std::io::{self, Read};
use tar::EntryType;

/// Bytes of an archive as it is sent: 16 MiB.
pub const ARCHIVE_MOST: u64 = 16 << 20;
/// Entries of any kind in an archive.
const ENTRIES_MOST: usize = 10_000;

/// The module in an archive: in the folder `dir` when one is named, else at the top, else in the one folder at the top.
///
/// # Errors
/// Names the entry that may not be there, or says that the bytes are no archive.
pub fn read_archive(bytes: &[u8], dir: Option<&str>) -> Result<ModuleTree, Error> {
    let unpacked: Box<dyn Read + '_> = match bytes {
        [0x1f, 0x8b, ..] => Box::new(GzDecoder::new(bytes)),
        // A server that unpacks on the way sends the plain form.
        _ if bytes.get(257..262) == Some(b"ustar") => Box::new(bytes),
        _ => return Err(unreadable("it is neither a `.tar.gz` nor a `.tar`")),
    };
    let mut archive = tar::Archive::new(Counted { inner: unpacked, left: BYTES_MOST + (ENTRIES_MOST as u64) * 1024 });
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut checks = Gathering::new("the archive");
    let mut before = String::from("its beginning");
    for (number, entry) in archive.entries().map_err(|error| broken(&error, &before))?.enumerate() {
        let mut entry = entry.map_err(|error| broken(&error, &before))?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let raw = entry.path_bytes().into_owned();
        let Ok(path) = String::from_utf8(raw) else {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            return Err(Error::unsafe_content(format!("the archive holds `{}`: the name is not UTF-8", shown(&name))));
        };
        if number >= ENTRIES_MOST {
            return Err(Error::unsafe_content(format!(
                "the archive holds more than {ENTRIES_MOST} entries, `{}` among them",
                shown(&path)
            )));
        }
        let plain = path.strip_prefix("./").unwrap_or(&path);
        match kind {
            EntryType::Directory => {
                let folder = plain.trim_end_matches('/');
                if let Some(reason) = odd(folder).filter(|_| !matches!(folder, "" | ".") || path.starts_with('/')) {
                    return Err(Error::unsafe_content(format!("the archive holds the folder `{}`: {reason}", shown(&path))));
                }
            }
            EntryType::Regular => {
                checks.admit(plain, entry.size())?;
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(|error| broken(&error, plain))?;
                found.push((plain.to_owned(), bytes));
            }
            kind => {
                let message = format!("the archive holds `{}`, which is {}", shown(&path), named(kind));
                return Err(Error::unsafe_content(message));
            }
        }
        before = format!("`{}`", shown(plain));
    }
    checks.finish()?;
    let prefix = top(&found, dir);
    let mut module = Gathering::new("the archive");
    for (path, bytes) in found {
        if let Some(inside) = path.strip_prefix(&prefix) {
            module.admit(inside, bytes.len() as u64)?;
            module.take(inside, bytes);
        }
    }
    let module = module.finish()?;
    if !module.has_manifest() {
        let place = prefix.trim_end_matches('/');
        let place = if place.is_empty() { "at its top".to_owned() } else { format!("in its folder `{place}`") };
        let help = "name the folder of the module with `--dir`; `tar tzf` lists what is in the archive";
        return Err(Error::not_a_module(format!("the archive has no `{MANIFEST}` {place}"), help));
    }
    Ok(module)
}

/// The folder the module is in, with its slash; empty for the top.
fn top(found: &[(String, Vec<u8>)], dir: Option<&str>) -> String {
    let one = || {
        let (first, _) = found.first()?.0.split_once('/')?;
        let prefix = format!("{first}/");
        found.iter().all(|(path, _)| path.starts_with(&prefix)).then_some(prefix)
    };
    let at_top = found.iter().any(|(path, _)| path == MANIFEST);
    let around = if at_top { String::new() } else { one().unwrap_or_default() };
    let Some(dir) = dir else { return around };
    let dir = format!("{}/", dir.trim_matches('/'));
    // A folder may be named with or without the one that hosts put around everything.
    if found.iter().any(|(path, _)| path.starts_with(&dir)) { dir } else { format!("{around}{dir}") }
}

fn named(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a file with holes",
        _ => "neither a file nor a folder",
    }
}

fn unreadable(reason: impl Into<String>) -> Error {
    Error::unreachable(
        format!("the archive cannot be read: {}", reason.into()),
        "check that the address leads to a `.tar.gz`: a page with a download button, for example, is none",
    )
}

fn broken(error: &io::Error, place: &str) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TooMuch>()) {
        Some(_) => Error::unsafe_content(format!("the archive unpacks to more than {BYTES_MOST} bytes, after {place}")),
        None => unreadable(format!("it breaks off or is damaged after {place}")),
    }
}

/// The unpacked archive is larger than a module may be.
#[derive(Debug, thiserror::Error)]
#[error("too much")]
struct TooMuch;

/// Passes on so many bytes and then fails: what packs well must not fill the memory.
struct Counted<'a> {
    inner: Box<dyn Read + 'a>,
    left: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(TooMuch));
        }
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..room])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    /// An archive with entries as they are given, also such as no proper program writes.
    pub fn packed(entries: &[(EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, path, bytes) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    const FILE: EntryType = EntryType::Regular;
    const MODULE: (EntryType, &str, &[u8]) = (FILE, "module.kdl", b"module");

    fn paths(tree: &ModuleTree) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn a_module_is_found_at_the_top_in_one_folder_or_in_the_one_that_is_named() {
        let flat = packed(&[(EntryType::Directory, "./", b""), (FILE, "./module.kdl", b"m"), (FILE, "./t/a.hbs", b"t")]);
        assert_eq!(paths(&read_archive(&flat, None).unwrap()), ["module.kdl", "t/a.hbs"]);
        let wrapped = packed(&[
            (EntryType::XGlobalHeader, "pax_global_header", b"52 comment=0123456789012345678901234567890123456789\n"),
            (EntryType::Directory, "voice-1.2.0/", b""),
            (FILE, "voice-1.2.0/module.kdl", b"m"),
            (FILE, "voice-1.2.0/sub/module.kdl", b"s"),
        ]);
        assert_eq!(paths(&read_archive(&wrapped, None).unwrap()), ["module.kdl", "sub/module.kdl"]);
        for dir in ["sub", "sub/", "voice-1.2.0/sub"] {
            assert_eq!(read_archive(&wrapped, Some(dir)).unwrap().text("module.kdl"), Some("s"), "{dir}");
        }
        let error = read_archive(&wrapped, Some("none")).unwrap_err();
        assert_eq!(error.code, "packages::no-module");
        assert!(error.message.contains("`voice-1.2.0/none`"), "{error}");
    }

    #[test]
    fn one_bad_entry_refuses_the_archive_and_is_named() {
        for (kind, path, reason) in [
            (FILE, "../evil.kdl", "climbs"),
            (FILE, "a/../../evil.kdl", "climbs"),
            (FILE, "/etc/cron.d/evil", "absolute"),
            (FILE, "a\\..\\evil", "not safe"),
            (FILE, "bell\u{7}", "not safe"),
            (FILE, "MODULE.kdl", "twice"),
            (FILE, "module.kdl/x", "as a file and as a folder"),
            (EntryType::Directory, "../up", "climbs"),
            (EntryType::Directory, "/", "has no name"),
            (EntryType::Symlink, "link", "a symbolic link"),
            (EntryType::Link, "hard", "a hard link"),
            (EntryType::Char, "tty", "a device"),
            (EntryType::Block, "disk", "a device"),
            (EntryType::Fifo, "pipe", "a pipe"),
            (EntryType::new(b'Z'), "odd", "neither a file nor a folder"),
        ] {
            let error = read_archive(&packed(&[MODULE, (kind, path, b"")]), None).unwrap_err();
            assert_eq!(error.code, "packages::unsafe-content", "{path}: {error}");
            assert!(error.message.contains(reason), "{path}: {error}");
            let named = path.split('/').next_back().unwrap().trim_end_matches(['\u{7}', 'x']).trim_end_matches('/');
            assert!(error.message.contains(named), "{path}: {error}");
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let zeros = vec![0; 8 << 20];
        let names: Vec<String> = (0..9).map(|number| format!("zeros{number}")).collect();
        let mut entries = vec![MODULE];
        entries.extend(names.iter().map(|name| (FILE, name.as_str(), zeros.as_slice())));
        let bomb = packed(&entries);
        assert!(bomb.len() < 1 << 20, "it packs well: {}", bomb.len());
        let error = read_archive(&bomb, None).unwrap_err();
        assert!(error.code == "packages::unsafe-content" && error.message.contains("`zeros7`"), "{error}");
        // One that says it holds a large file.
        let mut header = tar::Header::new_gnu();
        header.set_path("huge").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(header.as_bytes()).unwrap();
        let error = read_archive(&packer.finish().unwrap(), None).unwrap_err();
        assert!(error.message.contains("`huge`"), "{error}");
        // A name that is a hundred megabytes long.
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(100 << 20);
        header.set_cksum();
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(header.as_bytes()).unwrap();
        packer.write_all(&vec![b'a'; 100 << 20]).unwrap();
        let error = read_archive(&packer.finish().unwrap(), None).unwrap_err();
        assert_eq!(error.code, "packages::unsafe-content", "{error}");
    }

    #[test]
    fn any_damage_ends_in_an_error_and_not_in_a_panic() {
        let whole = packed(&[MODULE, (FILE, "t/a.hbs", b"text")]);
        for end in 0..whole.len() {
            assert!(read_archive(&whole[..end], None).is_err() || end + 64 > whole.len(), "{end}");
            let mut flipped = whole.clone();
            flipped[end] ^= 0x55;
            let _ = read_archive(&flipped, None);
        }
        for bytes in [b"".as_slice(), b"<html>", &[0x1f, 0x8b], &[0; 2048]] {
            assert_eq!(read_archive(bytes, None).unwrap_err().code, "packages::unreachable-source");
        }
    }
}
