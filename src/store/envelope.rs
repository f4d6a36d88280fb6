//! The envelope around every stored value: format version, how the value is kept, the batch that wrote it, and a CRC-32.
//!
//! ```text
//! byte 0      format version, now 1
//! byte 1      0: the value follows; 1: the value is a file, its digest and length follow;
//!             2: its length follows, then the value, compressed; 3: as 1, but the file is compressed, and the value's length follows
//! bytes 2–9   number of the batch, big-endian
//! bytes 10–13 CRC-32 over the key (with its length) and all other bytes, big-endian
//! bytes 14–   the value; or 32 bytes of digest and 8 bytes of length; or 4 bytes of length and a deflated value
//! ```
//! The key is inside the checksum, so a value that turns up under another key is noticed too.

use crate::base::Digest;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};

/// Written today. Older versions stay readable for ever; newer ones are refused.
pub const VERSION: u8 = 1;
/// Bytes before the value.
pub const HEADER: usize = 14;

const INLINE: u8 = 0;
const FILE: u8 = 1;
const PACKED: u8 = 2;
const PACKED_FILE: u8 = 3;

/// Values of at least this many bytes are compressed where that makes them smaller.
const PACK_LEAST: usize = 1 << 10;

/// What is inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Inline(&'a [u8]),
    /// The value is the file with this digest, `length` bytes long.
    File {
        digest: [u8; 32],
        length: u64,
    },
    /// The value is compressed; it has `length` bytes.
    Packed {
        bytes: &'a [u8],
        length: u32,
    },
    /// The value is the file with this digest, `stored` bytes long and compressed; it has `length` bytes.
    PackedFile {
        digest: [u8; 32],
        stored: u64,
        length: u64,
    },
}

/// An envelope that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    pub sequence: u64,
    pub crc: u32,
    pub content: Content<'a>,
}

/// Why an envelope cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("it is cut short at {0} bytes")]
    Short(usize),
    #[error("its checksum does not fit")]
    Checksum,
    #[error("it was written by a newer loopctl (format {0})")]
    Newer(u8),
    #[error("its form {0} is unknown")]
    Form(u8),
    #[error("it cannot be unpacked")]
    Packed,
}

/// A value compressed, when it is large enough and that makes it smaller.
pub fn pack(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() < PACK_LEAST || u32::try_from(value.len()).is_err() {
        return None;
    }
    let mut packer = DeflateEncoder::new(Vec::with_capacity(value.len() / 3), Compression::fast());
    packer.write_all(value).ok()?;
    packer.finish().ok().filter(|packed| packed.len() < value.len() - value.len() / 8)
}

/// The value again. What says that it is longer or shorter than it is cannot make us take more room than it said.
pub fn unpack(packed: &[u8], length: u64) -> Result<Vec<u8>, EnvelopeError> {
    let mut value = Vec::with_capacity(usize::try_from(length.min(1 << 24)).unwrap_or_default());
    let read = DeflateDecoder::new(packed).take(length + 1).read_to_end(&mut value);
    if read.is_ok() && value.len() as u64 == length { Ok(value) } else { Err(EnvelopeError::Packed) }
}

/// Wraps a value.
pub fn seal(key: &[u8], sequence: u64, content: &Content<'_>) -> Vec<u8> {
    let mut bytes = vec![VERSION, INLINE];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0; 4]);
    match content {
        Content::Inline(value) => bytes.extend(*value),
        Content::File { digest, length } => {
            bytes[1] = FILE;
            bytes.extend(digest);
            bytes.extend(length.to_be_bytes());
        }
        Content::Packed { bytes: packed, length } => {
            bytes[1] = PACKED;
            bytes.extend(length.to_be_bytes());
            bytes.extend(*packed);
        }
        Content::PackedFile { digest, stored, length } => {
            bytes[1] = PACKED_FILE;
            bytes.extend(digest);
            bytes.extend(stored.to_be_bytes());
            bytes.extend(length.to_be_bytes());
        }
    }
    let crc = checksum(key, &bytes);
    bytes[10..HEADER].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// Unwraps and checks a value.
pub fn open<'a>(key: &[u8], bytes: &'a [u8]) -> Result<Opened<'a>, EnvelopeError> {
    if bytes.len() < HEADER {
        return Err(EnvelopeError::Short(bytes.len()));
    }
    if bytes[0] > VERSION {
        return Err(EnvelopeError::Newer(bytes[0]));
    }
    let crc = stored_checksum(bytes);
    if checksum(key, bytes) != crc {
        return Err(EnvelopeError::Checksum);
    }
    let value = &bytes[HEADER..];
    let content = match bytes[1] {
        INLINE => Content::Inline(value),
        FILE if value.len() == 40 => Content::File {
            digest: value[..32].try_into().expect("32 bytes of 40"),
            length: u64::from_be_bytes(value[32..].try_into().expect("8 bytes of 40")),
        },
        PACKED if value.len() >= 4 => {
            Content::Packed { bytes: &value[4..], length: u32::from_be_bytes(value[..4].try_into().expect("4 bytes")) }
        }
        PACKED_FILE if value.len() == 48 => Content::PackedFile {
            digest: value[..32].try_into().expect("32 bytes of 48"),
            stored: u64::from_be_bytes(value[32..40].try_into().expect("8 bytes of 48")),
            length: u64::from_be_bytes(value[40..].try_into().expect("8 bytes of 48")),
        },
        form => return Err(EnvelopeError::Form(form)),
    };
    Ok(Opened { sequence: u64::from_be_bytes(bytes[2..10].try_into().expect("8 bytes")), crc, content })
}

/// The checksum that stands in an envelope, unchecked; 0 when it is cut short.
pub fn stored_checksum(bytes: &[u8]) -> u32 {
    bytes.get(10..HEADER).map_or(0, |crc| u32::from_be_bytes(crc.try_into().expect("4 bytes")))
}

fn checksum(key: &[u8], bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&(key.len() as u32).to_be_bytes());
    hasher.update(key);
    hasher.update(&bytes[..10]);
    hasher.update(&bytes[HEADER..]);
    hasher.finalize()
}

/// The digest as the name of a file.
pub fn file_name(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest by which a value is kept as a file.
pub fn file_digest(value: &[u8]) -> [u8; 32] {
    *Digest::of(value).bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first version of this format. It must open for ever.
    const OLD: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0, 0, 42, 0x05, 0x6e, 0x81, 0x2c, b'{', b'"', b'a', b'"', b':', b'1', b'}'];

    #[test]
    fn old_bytes_still_open() {
        let opened = open(b"entry/1", OLD).expect("an old envelope");
        assert_eq!(opened.sequence, 42);
        assert_eq!(opened.content, Content::Inline(br#"{"a":1}"#));
        assert_eq!(seal(b"entry/1", 42, &opened.content), OLD);
    }

    #[test]
    fn a_single_flipped_bit_anywhere_is_noticed() {
        let packed = pack(&[b'x'; 2_000]).expect("it becomes smaller");
        let contents = [
            Content::Inline(b"value"),
            Content::File { digest: [7; 32], length: 70_000 },
            Content::Packed { bytes: &packed, length: 2_000 },
            Content::PackedFile { digest: [7; 32], stored: 70_000, length: 700_000 },
        ];
        for content in contents {
            let sealed = seal(b"key", 3, &content);
            assert_eq!(open(b"key", &sealed).expect("whole").content, content);
            for bit in 0..sealed.len() * 8 {
                let mut bytes = sealed.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(open(b"key", &bytes).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_value_under_another_key_is_noticed() {
        let sealed = seal(b"key", 3, &Content::Inline(b"value"));
        assert_eq!(open(b"kez", &sealed), Err(EnvelopeError::Checksum));
    }

    #[test]
    fn every_cut_is_noticed() {
        let sealed = seal(b"key", 3, &Content::Inline(b"value"));
        for length in 0..sealed.len() {
            assert!(open(b"key", &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn what_was_packed_comes_back_and_a_wrong_length_is_noticed() {
        let value: Vec<u8> = (0..5_000u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let packed = pack(&value).expect("it becomes smaller");
        assert!(packed.len() * 2 < value.len());
        assert_eq!(unpack(&packed, value.len() as u64).as_deref(), Ok(&value[..]));
        for wrong in [0, 1, value.len() as u64 - 1, value.len() as u64 + 1, u64::from(u32::MAX)] {
            assert_eq!(unpack(&packed, wrong), Err(EnvelopeError::Packed), "{wrong}");
        }
        assert_eq!(unpack(&packed[..packed.len() / 2], value.len() as u64), Err(EnvelopeError::Packed));
        assert_eq!(pack(&value[..100]), None, "small values are kept as they are");
        let mut rng = crate::base::Rng::new(1);
        let noise: Vec<u8> = (0..4_000).map(|_| rng.below(256) as u8).collect();
        assert_eq!(pack(&noise), None, "what does not become smaller is kept as it is");
    }
}
