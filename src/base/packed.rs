//! Folders that are built into the program, each file packed on its own.
//!
//! `build.rs` packs the files and writes a list of them; a file is unpacked when somebody asks for it. Modules with the data of their
//! tests and the pages of diagnostics are a third of a megabyte as they stand, and a fourth of that packed.

use std::io::Read;

/// The files of one folder, by their paths below it, sorted.
pub struct Packed(pub &'static [(&'static str, &'static [u8])]);

/// The folder that `build.rs` packed under this name.
macro_rules! packed {
    ($name:literal) => {
        $crate::base::packed::Packed(include!(concat!(env!("OUT_DIR"), "/packed/", $name, ".rs")))
    };
}
pub(crate) use packed;

impl Packed {
    pub fn text(&self, path: &str) -> Option<String> {
        let at = self.0.binary_search_by_key(&path, |(known, _)| *known).ok()?;
        let mut text = String::new();
        flate2::read::DeflateDecoder::new(self.0[at].1).read_to_string(&mut text).expect("build.rs packed a text");
        Some(text)
    }

    pub fn has(&self, path: &str) -> bool {
        self.0.binary_search_by_key(&path, |(known, _)| *known).is_ok()
    }

    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(path, _)| *path)
    }

    /// The files below a folder, by their paths below it; the folder itself is one without a slash at its end.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.paths().filter_map(move |path| path.strip_prefix(folder)?.strip_prefix('/'))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_packed_is_what_lies_in_the_folder() {
        let packed = packed!("errors");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors");
        assert!(packed.paths().count() > 100 && packed.paths().is_sorted());
        for path in packed.paths() {
            assert_eq!(packed.text(path), std::fs::read_to_string(folder.join(path)).ok(), "{path}");
        }
        assert_eq!(packed.paths().count(), std::fs::read_dir(&folder).map_or(0, Iterator::count));
        assert!(packed.has("README.md") || packed.text("none.md").is_none());
        let modules = packed!("stdlib");
        assert!(modules.below("learning/guard").any(|path| path == "module.kdl"));
        assert_eq!(modules.below("learning/guar").count(), 0);
    }
}
