//! The public data sets the tests measure on. They lie beside the repository and may be absent; a test then says
//! that it was skipped and returns.

// The whole file is compiled for tests only (`mod.rs` says so); the marks here tell the house test where tests begin.
#[cfg(test)]
use std::io::Read;
#[cfg(test)]
use std::path::PathBuf;

/// The text of `../shared/data/<name>` (unpacked when it ends in `.gz`), or `None` with a line saying so.
pub fn text(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    let Ok(bytes) = std::fs::read(&path) else {
        crate::base::skip::skipped(&path);
        return None;
    };
    if !name.ends_with(".gz") {
        return Some(String::from_utf8(bytes).expect("the data sets are UTF-8"));
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("the data sets are whole");
    Some(text)
}

/// Rows of a comma-separated file without its header, split into fields; quotes are honoured.
pub fn rows(name: &str) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let text = text(name)?;
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let rows = reader.records().map(|row| row.expect("a row").iter().map(str::to_owned).collect()).collect();
    Some((header, rows))
}

/// Two numbers agree to within `tolerance`, relative to the larger one when that is above 1.
#[track_caller]
pub fn close(found: f64, expected: f64, tolerance: f64) {
    let scale = expected.abs().max(1.0);
    assert!((found - expected).abs() <= tolerance * scale, "found {found:?}, expected {expected:?}");
}

/// Two numbers agree relative to the expected one, however small it is.
#[track_caller]
pub fn close_relative(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs(), "found {found:e}, expected {expected:e}");
}
