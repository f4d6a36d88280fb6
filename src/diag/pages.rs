//! The story behind each diagnostic, as written in `docs/errors/` and built into the binary.

use include_dir::{Dir, include_dir};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/docs/errors");

/// The page of a code (`loop::unknown-step` is `docs/errors/unknown-step.md`).
pub fn page(code: &str) -> Option<&'static str> {
    let slug = code.rsplit("::").next()?;
    PAGES.get_file(format!("{slug}.md"))?.contents_utf8()
}
