//! Backup and change of engine: a store as lines of JSON, each with its own checksum, with a count at the end.
//!
//! ```text
//! {"loopctl-export":1}
//! {"key":"bWV0YQ==","text":"{\"entries\":3}","crc":305419896}
//! {"end":1,"crc":2596996162}
//! ```

use super::checkpoint::{Batch, CheckpointStore};
use super::{error, keys};
use crate::runtime::JournalError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Start {
    #[serde(rename = "loopctl-export")]
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    crc: u32,
}

#[derive(Serialize, Deserialize)]
struct End {
    end: u64,
    /// Over the checksums of all lines in order.
    crc: u32,
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(key.len() as u32).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// Writes everything to `out` and says how many values that were.
pub fn export(store: &dyn CheckpointStore, out: &mut dyn Write) -> Result<u64, JournalError> {
    let failed = |cause: std::io::Error| error::io(Path::new("the export"), "write", cause);
    let mut all = crc32fast::Hasher::new();
    let mut count = 0;
    writeln!(out, "{}", to_json(&Start { version: 1 })).map_err(failed)?;
    store.scan(b"", &mut |key, value| {
        let crc = checksum(key, &value);
        all.update(&crc.to_be_bytes());
        count += 1;
        let (text, base64) = match String::from_utf8(value) {
            Ok(text) => (Some(text), None),
            Err(bytes) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
        };
        writeln!(out, "{}", to_json(&Line { key: STANDARD.encode(key), text, base64, crc })).map_err(failed)
    })?;
    writeln!(out, "{}", to_json(&End { end: count, crc: all.finalize() })).map_err(failed)?;
    out.flush().map_err(failed)?;
    Ok(count)
}

/// Fills an empty store from an export and says how many values that were.
///
/// The whole export is read and checked before anything is written: a damaged one changes nothing.
pub fn import(store: &mut dyn CheckpointStore, from: &mut dyn BufRead) -> Result<u64, JournalError> {
    if store.head().keys > 0 {
        return Err(JournalError {
            code: "store::not-empty",
            message: "an export can only be brought into an empty store".to_owned(),
            help: "choose a new folder with `--state FOLDER`".to_owned(),
            source: None,
        });
    }
    let mut batch = Batch::default();
    let mut all = crc32fast::Hasher::new();
    let mut ended = false;
    for (number, text) in from.lines().enumerate() {
        let number = number + 1;
        let text = text.map_err(|cause| error::io(Path::new("the export"), "read", cause))?;
        let wrong = |what: &str| error::damaged(format!("line {number} of the export {what}"), None);
        if ended {
            return Err(wrong("stands after its end"));
        }
        if number == 1 {
            match serde_json::from_str::<Start>(&text) {
                Ok(Start { version: 1 }) => continue,
                Ok(_) => return Err(wrong("was written by a newer loopctl")),
                Err(_) => return Err(wrong("does not say `loopctl-export`")),
            }
        }
        if let Ok(End { end, crc }) = serde_json::from_str(&text) {
            if end != batch.changes.len() as u64 || crc != all.clone().finalize() {
                return Err(wrong(&format!("says {end} values, but {} came before it or they differ", batch.changes.len())));
            }
            ended = true;
            continue;
        }
        let line: Line = serde_json::from_str(&text).map_err(|_| wrong("is cut short or changed"))?;
        let key = STANDARD.decode(&line.key).map_err(|_| wrong("has a damaged key"))?;
        let value = match (line.text, line.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| wrong("has a damaged value"))?,
            _ => return Err(wrong("has no value")),
        };
        if checksum(&key, &value) != line.crc || key == keys::HEAD {
            return Err(wrong("does not fit its checksum"));
        }
        all.update(&line.crc.to_be_bytes());
        batch.put(key, value);
    }
    if !ended {
        return Err(error::damaged("the export ends too early: its last line is missing", None));
    }
    let count = batch.changes.len() as u64;
    store.commit(batch, true)?;
    Ok(count)
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types always serialise")
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::*;

    fn filled() -> MemoryStore {
        let mut store = MemoryStore::new();
        let mut batch = Batch::default();
        batch.put(b"a\xff".to_vec(), b"text".to_vec());
        batch.put(b"b".to_vec(), vec![0xff, 0]);
        store.commit(batch, true).expect("memory takes all");
        store
    }

    fn exported() -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(export(&filled(), &mut out).expect("memory reads all"), 2);
        out
    }

    #[test]
    fn an_export_brings_everything_back() {
        let mut store = MemoryStore::new();
        assert_eq!(import(&mut store, &mut exported().as_slice()).expect("whole"), 2);
        assert_eq!(store.list(b"").expect("readable"), filled().list(b"").expect("readable"));
        assert_eq!(import(&mut store, &mut exported().as_slice()).expect_err("not empty").code, "store::not-empty");
    }

    #[test]
    fn a_damaged_export_changes_nothing() {
        let good = exported();
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            for bad in [&good[..at], &changed] {
                let mut store = MemoryStore::new();
                // Without its last line break an export is still whole.
                if import(&mut store, &mut &bad[..]).is_ok() {
                    assert_eq!(store.list(b"").expect("readable"), filled().list(b"").expect("readable"), "byte {at}");
                } else {
                    assert_eq!(store.head().sequence, 0);
                }
            }
        }
    }
}
