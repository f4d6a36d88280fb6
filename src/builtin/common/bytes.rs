//! From bytes to text: unpacking gzip and finding the encoding, because exports and feeds arrive in any.

use encoding_rs::Encoding;
use std::borrow::Cow;
use std::io::Read;

/// No unpacked file is larger than this (256 MiB): a small file must not be able to fill the memory.
pub const UNPACKED_MAX: u64 = 256 << 20;

/// Unpacks gzip (also several members in a row); anything else comes back as it is.
///
/// # Errors
/// A sentence without a period when the file is cut off, damaged or larger than [`UNPACKED_MAX`].
pub fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(UNPACKED_MAX + 1)
        .read_to_end(&mut unpacked)
        .map_err(|_| "the gzip file is cut off or damaged".to_owned())?;
    if unpacked.len() as u64 > UNPACKED_MAX {
        return Err(format!("the unpacked file is larger than {} MiB", UNPACKED_MAX >> 20));
    }
    Ok(Cow::Owned(unpacked))
}

/// Decodes text. A byte order mark wins, then the `declared` label, then UTF-8 if the bytes are valid, then windows-1252,
/// which is what files without any of these most often are. The second value says that some bytes could not be read.
///
/// # Errors
/// The label when it names no encoding.
pub fn decode<'a>(bytes: &'a [u8], declared: Option<&str>) -> Result<(Cow<'a, str>, bool), String> {
    let encoding = match (Encoding::for_bom(bytes), declared) {
        (Some((encoding, _)), _) => encoding,
        (None, Some(label)) => Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| label.to_owned())?,
        (None, None) if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        (None, None) => encoding_rs::WINDOWS_1252,
    };
    let (text, _, damaged) = encoding.decode(bytes);
    Ok((text, damaged))
}

/// [`decode`] without a declared encoding.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    encoding_of(bytes).decode(bytes).0
}

fn encoding_of(bytes: &[u8]) -> &'static Encoding {
    match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_unpacked_and_a_cut_file_says_so() {
        let packed = gzip("hello hello hello");
        assert_eq!(&*unpack(&packed).unwrap(), b"hello hello hello");
        assert!(unpack(&packed[..packed.len() - 9]).unwrap_err().contains("cut off"));
        assert_eq!(&*unpack(b"plain").unwrap(), b"plain");
    }

    #[test]
    fn encodings_are_found() {
        assert_eq!(text(b"\xef\xbb\xbfa"), "a");
        assert_eq!(text(b"Diputaci\xf3n"), "Diputación");
        assert_eq!(text("Kliknutí".as_bytes()), "Kliknutí");
        assert_eq!(text(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decode(b"\xec", Some("windows-1250")).unwrap().0, "ě");
        assert_eq!(decode(b"x", Some("klingon")), Err("klingon".to_owned()));
    }
}
