//! Every diagnostic code with its one-line title. `docs/errors/<slug>.md` holds the long story; a test keeps both in step.

/// One entry. `code` is `area::slug`.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub code: &'static str,
    pub title: &'static str,
}

/// All codes, sorted by code.
pub const CATALOG: &[Entry] = &[];

/// Finds a code, with or without its area: `loop::unknown-step` or `unknown-step`.
pub fn find(code: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.code == code || entry.code.split("::").nth(1) == Some(code))
}
