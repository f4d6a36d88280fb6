//! The workflow's folder as a test sees it: its own files in front of those that are there.

use crate::base::files::{FileError, Files};
use crate::compile::paths;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files relative to a folder, with some texts laid over them one by one: unlike with `Overlay`, a folder that holds a
/// fixture keeps its other files.
pub struct Fixtures<'a> {
    pub texts: &'a BTreeMap<String, Arc<str>>,
    pub behind: &'a dyn Files,
    /// The folder behind; paths are relative to it.
    pub folder: &'a str,
}

impl Files for Fixtures<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        match self.texts.get(&paths::join("", path)) {
            Some(text) => Ok(text.clone()),
            None => self.behind.text(&paths::join(self.folder, path)),
        }
    }

    fn exists(&self, path: &str) -> bool {
        let plain = paths::join("", path);
        let below = format!("{plain}/");
        self.texts.keys().any(|text| *text == plain || text.starts_with(&below))
            || self.behind.exists(&paths::join(self.folder, path))
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let below = format!("{}/", paths::join("", folder));
        let laid = self.texts.keys().filter_map(|path| path.strip_prefix(&below)).map(str::to_owned);
        let all: BTreeSet<String> = self.behind.list(&paths::join(self.folder, folder)).into_iter().chain(laid).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    #[test]
    fn a_fixture_is_laid_over_one_file_and_its_folder_keeps_the_others() {
        let behind = MemoryFiles::new([("loops/os/a.md", "disk"), ("loops/os/b.md", "disk")]);
        let texts = BTreeMap::from([("os/a.md".to_owned(), Arc::from("test")), ("os/c.md".to_owned(), Arc::from("test"))]);
        let files = Fixtures { texts: &texts, behind: &behind, folder: "loops" };
        assert_eq!(files.list("os"), ["a.md", "b.md", "c.md"]);
        assert_eq!(files.text("./os/a.md").as_deref(), Ok("test"));
        assert_eq!(files.text("os/b.md").as_deref(), Ok("disk"));
        assert!(files.exists("os") && files.exists("os/c.md") && !files.exists("os/d.md"));
    }
}
