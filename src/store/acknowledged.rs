//! The side file `HEAD`: what was acknowledged, kept apart from the store, so that a store that comes back shorter is noticed.
//!
//! Two slots of 4,096 bytes are written in turn, so a write that was torn by a power cut leaves the other slot whole. A
//! batch is acknowledged only when its slot is on the disk, after the store itself.
//!
//! ```text
//! bytes 0–3   "LCHD"             bytes 16–23 number of the batch     bytes 28–29 length of the note
//! byte 4      slot version, 1    bytes 24–27 chain of the batch      then the note
//! bytes 8–15  generation         last 4 bytes of the slot: CRC-32 over all before
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

const SLOT: usize = 4096;
const MAGIC: &[u8; 4] = b"LCHD";
const NOTE_AT: usize = 30;

/// What one slot says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Which folder holds the store; compacting moves on to the next.
    pub generation: u64,
    pub sequence: u64,
    pub chain: u32,
    pub note: Vec<u8>,
}

/// The open file.
#[derive(Debug)]
pub struct Acknowledged {
    file: File,
    /// Which slot is written next.
    next: u64,
    pub mark: Mark,
}

/// What was found.
pub enum Found {
    Absent,
    /// There is a file, but neither slot is whole.
    Damaged,
    Mark(Mark),
}

/// Reads the newest whole slot.
pub fn read(path: &Path) -> io::Result<Found> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        Err(cause) => return Err(cause),
    };
    Ok(newest(&bytes).map_or(Found::Damaged, |(_, mark)| Found::Mark(mark)))
}

impl Acknowledged {
    /// Opens the file, or makes one that says `first`.
    pub fn open(path: &Path, first: Mark) -> io::Result<Acknowledged> {
        let bytes = match std::fs::read(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        match newest(&bytes) {
            Some((slot, mark)) => {
                let file = OpenOptions::new().read(true).write(true).open(path)?;
                Ok(Acknowledged { file, next: 1 - slot, mark })
            }
            None => Ok(Acknowledged { file: make(path, &first)?, next: 1, mark: first }),
        }
    }

    /// Writes a mark; it is on the disk when this returns.
    pub fn set(&mut self, mark: Mark) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.next * SLOT as u64))?;
        self.file.write_all(&encode(&mark))?;
        self.file.sync_data()?;
        self.next = 1 - self.next;
        self.mark = mark;
        Ok(())
    }
}

/// A new file, there as a whole or not at all: a crash or a full disk must not leave one that says nothing.
fn make(path: &Path, first: &Mark) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut bytes = encode(first);
    // The full length at once: later writes change no file size, which makes them cheaper to sync.
    bytes.resize(2 * SLOT, 0);
    let mut file = File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    OpenOptions::new().read(true).write(true).open(path)
}

fn encode(mark: &Mark) -> Vec<u8> {
    let note = &mark.note[..mark.note.len().min(SLOT - NOTE_AT - 4)];
    let mut slot = vec![0; SLOT];
    slot[..4].copy_from_slice(MAGIC);
    slot[4] = 1;
    slot[8..16].copy_from_slice(&mark.generation.to_be_bytes());
    slot[16..24].copy_from_slice(&mark.sequence.to_be_bytes());
    slot[24..28].copy_from_slice(&mark.chain.to_be_bytes());
    slot[28..30].copy_from_slice(&(note.len() as u16).to_be_bytes());
    slot[NOTE_AT..NOTE_AT + note.len()].copy_from_slice(note);
    let crc = crc32fast::hash(&slot[..SLOT - 4]);
    slot[SLOT - 4..].copy_from_slice(&crc.to_be_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Mark> {
    let whole = slot.len() == SLOT && &slot[..4] == MAGIC && slot[4] == 1;
    if !whole || crc32fast::hash(&slot[..SLOT - 4]).to_be_bytes() != slot[SLOT - 4..] {
        return None;
    }
    let number = |at: usize| u64::from_be_bytes(slot[at..at + 8].try_into().expect("8 bytes"));
    let length = usize::from(u16::from_be_bytes([slot[28], slot[29]]));
    Some(Mark {
        generation: number(8),
        sequence: number(16),
        chain: u32::from_be_bytes(slot[24..28].try_into().expect("4 bytes")),
        note: slot.get(NOTE_AT..NOTE_AT + length)?.to_vec(),
    })
}

/// The whole slot with the highest generation and sequence, and which of the two it is.
fn newest(bytes: &[u8]) -> Option<(u64, Mark)> {
    bytes
        .chunks(SLOT)
        .take(2)
        .enumerate()
        .filter_map(|(slot, bytes)| Some((slot as u64, decode(bytes)?)))
        .max_by_key(|(_, mark)| (mark.generation, mark.sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: u64) -> Mark {
        Mark { generation: 1, sequence, chain: 7, note: format!("note {sequence}").into_bytes() }
    }

    fn found(path: &Path) -> Option<Mark> {
        match read(path).expect("readable") {
            Found::Mark(mark) => Some(mark),
            Found::Absent | Found::Damaged => None,
        }
    }

    #[test]
    fn a_torn_write_leaves_the_mark_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("HEAD");
        let mut acknowledged = Acknowledged::open(&path, mark(0)).expect("made");
        acknowledged.set(mark(1)).expect("written");
        acknowledged.set(mark(2)).expect("written");
        let bytes = std::fs::read(&path).expect("readable");
        // Mark 2 went over mark 0 in the first slot.
        for at in (0..SLOT).step_by(31).chain([SLOT - 1]) {
            let mut torn = bytes.clone();
            torn[at] ^= 0xff;
            std::fs::write(&path, torn).expect("writable");
            assert_eq!(found(&path), Some(mark(1)), "byte {at}");
        }
        let again = Acknowledged::open(&path, mark(0)).expect("opened");
        assert_eq!((again.mark, again.next), (mark(1), 0));
    }

    #[test]
    fn the_newest_mark_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("HEAD");
        assert!(matches!(read(&path), Ok(Found::Absent)));
        let mut acknowledged = Acknowledged::open(&path, mark(0)).expect("made");
        for sequence in 1..6 {
            acknowledged.set(mark(sequence)).expect("written");
            assert_eq!(found(&path), Some(mark(sequence)));
        }
        std::fs::write(&path, b"something else").expect("writable");
        assert!(matches!(read(&path), Ok(Found::Damaged)));
    }
}
