//! The side file `HEAD`: what was acknowledged, kept apart from the store, so that a store that comes back shorter is noticed.
//!
//! Two slots of 4,096 bytes are written in turn, so a write that was torn by a power cut leaves the other slot whole. A
//! batch is acknowledged only when its slot is on the disk, after the store itself.
//!
//! ```text
//! bytes 0–3   "LCHD"             bytes 16–23 number of the batch     bytes 28–29 length of the note
//! byte 4      slot version, 1    bytes 24–27 chain of the batch      then the note
//! byte 5      engine             last 4 bytes of the slot: CRC-32 over all before
//! bytes 8–15  generation
//! ```
//! An engine that never comes back with less than it synced needs no sync here for each batch: then one slot is written over and
//! over, and the other keeps what was synced last, so that a power cut still leaves one of them whole.

use super::engine::EngineKind;
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
    pub engine: EngineKind,
    pub sequence: u64,
    pub chain: u32,
    pub note: Vec<u8>,
}

/// The open file.
#[derive(Debug)]
pub struct Acknowledged {
    file: File,
    /// Which slot is written next: never the one that was synced last.
    next: u64,
    /// How many marks were written since the last one that was synced.
    pub lag: u32,
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
                // What a killed process wrote last may not be on the disk yet, and the other slot is written over next.
                file.sync_data()?;
                Ok(Acknowledged { file, next: 1 - slot, lag: 0, mark })
            }
            None => Ok(Acknowledged { file: make(path, &first)?, next: 1, lag: 0, mark: first }),
        }
    }

    /// Writes a mark; with `sync` it is on the disk when this returns. Without, a killed process leaves it too, a power cut may not.
    pub fn set(&mut self, mark: Mark, sync: bool) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.next * SLOT as u64))?;
        self.file.write_all(&encode(&mark))?;
        self.mark = mark;
        self.lag += 1;
        if sync { self.sync() } else { Ok(()) }
    }

    /// Brings the last mark to the disk.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.lag > 0 {
            self.file.sync_data()?;
            self.next = 1 - self.next;
            self.lag = 0;
        }
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
    slot[5] = mark.engine.code();
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
        engine: EngineKind::from_code(slot[5])?,
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
        Mark { generation: 1, engine: EngineKind::Redb, sequence, chain: 7, note: format!("note {sequence}").into_bytes() }
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
        acknowledged.set(mark(1), true).expect("written");
        acknowledged.set(mark(2), true).expect("written");
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
            acknowledged.set(mark(sequence), true).expect("written");
            assert_eq!(found(&path), Some(mark(sequence)));
        }
        std::fs::write(&path, b"something else").expect("writable");
        assert!(matches!(read(&path), Ok(Found::Damaged)));
    }

    #[test]
    fn marks_that_are_not_synced_never_touch_the_one_that_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("HEAD");
        let mut acknowledged = Acknowledged::open(&path, mark(0)).expect("made");
        acknowledged.set(mark(1), true).expect("written");
        let synced = std::fs::read(&path).expect("readable");
        for sequence in 2..7 {
            acknowledged.set(mark(sequence), false).expect("written");
            assert_eq!(found(&path), Some(mark(sequence)), "a killed process leaves it");
            let bytes = std::fs::read(&path).expect("readable");
            // Whatever part of the writes reaches the disk, the synced mark or a newer one is there.
            for cut in [SLOT / 2, SLOT, SLOT * 2] {
                let torn: Vec<u8> = bytes[..cut].iter().chain(&synced[cut..]).copied().collect();
                let found = newest(&torn).map(|(_, mark)| mark.sequence);
                assert!(found.is_some_and(|found| found == 1 || found == sequence), "{found:?}");
            }
        }
        acknowledged.sync().expect("synced");
        acknowledged.set(mark(7), false).expect("written");
        let bytes = std::fs::read(&path).expect("readable");
        let slots: Vec<_> = bytes.chunks(SLOT).filter_map(decode).map(|mark| mark.sequence).collect();
        assert_eq!(slots.iter().max(), Some(&7));
        assert!(slots.contains(&6), "{slots:?}");
    }

    #[test]
    fn a_mark_of_before_there_was_a_choice_is_one_of_sled() {
        let mut slot = encode(&Mark { generation: 3, sequence: 9, ..Mark::default() });
        assert_eq!(slot[5], 0);
        assert_eq!(decode(&slot).map(|mark| mark.engine), Some(EngineKind::Sled));
        // One of an engine that this program does not know is not read as something else.
        slot[5] = 9;
        let crc = crc32fast::hash(&slot[..SLOT - 4]);
        slot[SLOT - 4..].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(decode(&slot), None);
    }
}
