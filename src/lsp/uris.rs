//! Addresses of documents: `file:` URIs to paths and back, and a stand-in path for a document that has no file yet.

use lsp_types::Uri;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr as _;

/// The path of a `file:` URI, without `.` and `..`; `None` for another scheme or another host.
pub fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(after) => {
            let slash = after.find('/')?;
            matches!(&after[..slash], "" | "localhost").then_some(&after[slash..])?
        }
        None => rest,
    };
    let path = path.split(['?', '#']).next().unwrap_or("");
    let decoded = decode(path)?;
    // `/C:/loops` is `C:/loops`.
    let drive = decoded.as_bytes();
    let path = match cfg!(windows) && drive.len() > 2 && drive[2] == b':' {
        true => &decoded[1..],
        false => &decoded[..],
    };
    (path.starts_with('/') || cfg!(windows)).then(|| normal(Path::new(path)))
}

/// The `file:` URI of an absolute path.
pub fn uri_of(path: &Path) -> Option<Uri> {
    let text = path.to_str()?.replace(std::path::MAIN_SEPARATOR, "/");
    let mut uri = String::with_capacity(text.len() + 8);
    uri.push_str(if text.starts_with('/') { "file://" } else { "file:///" });
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    Uri::from_str(&uri).ok()
}

/// A path for a document that is not a file, below `folder`, so that relative paths in it mean something.
pub fn stand_in(folder: &Path, uri: &str) -> PathBuf {
    let plain: String = uri.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' }).collect();
    let name: String = plain.chars().rev().take(100).collect::<Vec<_>>().into_iter().rev().collect();
    folder.join(format!("unsaved {name}"))
}

fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let hex = text.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(out).ok().filter(|path| !path.contains('\0'))
}

/// The path without `.` and `..`, by its letters alone.
pub fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_addresses() {
        for path in ["/a/b.kdl", "/mein Ordner/größe 100%.kdl", "/a/x#1?.hbs", "/"] {
            let uri = uri_of(Path::new(path)).expect("an address");
            assert_eq!(path_of(uri.as_str()).as_deref(), Some(Path::new(path)), "{}", uri.as_str());
        }
        assert_eq!(path_of("file:///a/./b/../c%20d.kdl").as_deref(), Some(Path::new("/a/c d.kdl")));
        assert_eq!(path_of("file://localhost/a").as_deref(), Some(Path::new("/a")));
    }

    #[test]
    fn what_is_no_file_has_no_path() {
        for uri in [
            "untitled:Untitled-1",
            "http://a/b",
            "file://elsewhere/a",
            "file:",
            "",
            "file:///%zz",
            "file:///%ff",
            "file:///a%00b",
            "file:///%",
        ] {
            assert_eq!(path_of(uri), None, "{uri}");
        }
        assert_eq!(stand_in(Path::new("/p"), "untitled:Untitled-1").as_path(), Path::new("/p/unsaved untitled_Untitled-1"));
    }
}
