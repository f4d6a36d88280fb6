//! The story behind each diagnostic, as written in `docs/errors/` and built into the binary.

use crate::base::packed::{Packed, packed};

static PAGES: Packed = packed!("errors");

/// The page of a code (`loop::unknown-step` is `docs/errors/unknown-step.md`).
pub fn page(code: &str) -> Option<String> {
    let slug = code.rsplit("::").next()?;
    PAGES.text(&format!("{slug}.md"))
}
