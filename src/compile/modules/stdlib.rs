//! The modules that are built into the program: the folders of `stdlib/`, by layer and name.

use crate::base::files::{FileError, Files};
use crate::base::packed::{Packed, packed};
use crate::model::Layer;
use std::sync::Arc;

static STDLIB: Packed = packed!("stdlib");

/// Where they lie, as far as paths are concerned.
pub const ROOT: &str = "@std/";

/// The folder of a built-in module, such as `@std/intelligence/rivals`.
pub fn folder(name: &str) -> Option<String> {
    let layer = Layer::ALL.into_iter().find(|layer| STDLIB.has(&format!("{}/{name}/module.kdl", layer.name())))?;
    Some(format!("{ROOT}{}/{name}", layer.name()))
}

/// The layer and name of every built-in module, in the order of the loop.
pub fn names() -> impl Iterator<Item = (Layer, &'static str)> {
    Layer::ALL.into_iter().flat_map(|layer| {
        let names = STDLIB.below(layer.name()).filter_map(|path| path.strip_suffix("/module.kdl"));
        names.map(move |name| (layer, name))
    })
}

/// A file of a built-in module by its path below `@std/`.
pub fn text(path: &str) -> Option<String> {
    STDLIB.text(path)
}

/// Files with the built-in modules under `@std/`. What is behind goes first, so that a cycle goes on with the modules it began with.
pub struct WithStdlib<'a>(pub &'a dyn Files);

impl Files for WithStdlib<'_> {
    fn text(&self, path: &str) -> Result<Arc<str>, FileError> {
        let Some(inside) = path.strip_prefix(ROOT) else { return self.0.text(path) };
        self.0.text(path).or_else(|_| text(inside).map(Arc::from).ok_or(FileError::Missing))
    }

    fn exists(&self, path: &str) -> bool {
        self.0.exists(path)
            || path.strip_prefix(ROOT).is_some_and(|inside| STDLIB.has(inside) || STDLIB.below(inside).next().is_some())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let Some(inside) = folder.strip_prefix(ROOT) else { return self.0.list(folder) };
        STDLIB.below(inside).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    #[test]
    fn built_in_modules_are_files_behind_those_of_the_project() {
        let (layer, name) = names().next().expect("there are some");
        let path = format!("{}/module.kdl", folder(name).expect("it was listed"));
        assert_eq!(path, format!("@std/{}/{name}/module.kdl", layer.name()));
        let nothing = MemoryFiles::default();
        assert!(WithStdlib(&nothing).text(&path).is_ok_and(|text| text.contains("module \"std/")));
        assert!(WithStdlib(&nothing).list(&folder(name).unwrap()).contains(&"module.kdl".to_owned()));
        let pinned = MemoryFiles::new([(path.as_str(), "pinned")]);
        assert_eq!(WithStdlib(&pinned).text(&path).as_deref(), Ok("pinned"));
        assert!(WithStdlib(&nothing).text("@std/none").is_err());
    }
}
