//! Finding and reading the modules that a workflow uses.
//!
//! `owner/name` is looked for in this order, and the first place that has it counts: `modules/OWNER/NAME` beside the workflow (the
//! project's own copy, free to differ), `vendor/OWNER/NAME` and the cache of this machine (both as `loop.lock` pins them, down to the
//! byte), and for `std/…` the modules that are built in. A path means the file itself. What a module is made of is looked for in the same
//! places of the same workflow, so there is one version of each name. Everything that is read is added to the sources, so that a cycle
//! stays pinned to it.

use super::definition::{self, Export, Module, Used};
use super::reference::Reference;
use super::stdlib;
use crate::base::files::{FileError, Files};
use crate::compile::lock::{LOCK_FILE, Lock, MANIFEST, module_files, tree_digest, vendor_path};
use crate::compile::paths;
use crate::compile::scalar::one_of;
use crate::diag::{Diagnostic, Sources, Span, nearest};
use crate::model::Layer;
use crate::step::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Modules made of modules stand at most so deep.
pub const DEEPEST: usize = 8;

/// The folder of a project's own copies.
const OWN_FOLDER: &str = "modules";

/// The modules that were read, by number.
pub struct Library<'l> {
    /// With the built-in modules.
    pub files: &'l dyn Files,
    pub registry: &'l Registry,
    pub sources: &'l mut Sources,
    /// The folder of the workflow.
    pub root: String,
    pub modules: Vec<Module>,
    /// For each module, what the words before a dot mean in it.
    pub aliases: Vec<BTreeMap<String, Option<usize>>>,
    /// Modules by the path of their file; `None` for one that could not be read.
    by_path: BTreeMap<String, Option<usize>>,
    /// The files that are being read, outermost first, and what people call each.
    open: Vec<(String, String)>,
    lock: Option<Lock>,
    /// Modules that were found as the lock pins them, so that they are checked once.
    verified: BTreeSet<String>,
}

/// Where a module was found.
struct Place {
    folder: String,
    file: String,
}

impl<'l> Library<'l> {
    pub fn new(files: &'l dyn Files, registry: &'l Registry, sources: &'l mut Sources, root: &str) -> Library<'l> {
        Library {
            files,
            registry,
            sources,
            root: root.to_owned(),
            modules: Vec::new(),
            aliases: Vec::new(),
            by_path: BTreeMap::new(),
            open: Vec::new(),
            lock: None,
            verified: BTreeSet::new(),
        }
    }

    /// The module that a line means. `inside` is the module that the line stands in.
    pub fn load(&mut self, used: &Used, inside: Option<&Module>, sink: &mut Vec<Diagnostic>) -> Option<usize> {
        if used.text.is_empty() {
            return None;
        }
        let reference = match Reference::parse(&used.text) {
            Ok(reference) => reference,
            Err(malformed) => {
                sink.push(
                    Diagnostic::error("loop::malformed-value", malformed.message)
                        .at(part(used, malformed.range.start, malformed.range.end), "cannot be read")
                        .help(malformed.help),
                );
                return None;
            }
        };
        let place = match &reference {
            Reference::Path(path) => self.by_the_path(path, used, inside, sink)?,
            Reference::Named { owner, name, .. } => self.by_name(owner, name, used, inside, sink)?,
        };
        if let Some(at) = self.open.iter().position(|(file, _)| *file == place.file) {
            let circle: Vec<String> =
                self.open[at..].iter().chain([&self.open[at]]).map(|(_, called)| format!("`{called}`")).collect();
            sink.push(
                Diagnostic::error("loop::recursive-module", format!("modules are made of each other: {}", circle.join(" → ")))
                    .at(used.arg, "this use closes the circle")
                    .help("take the steps that both need into a module of their own"),
            );
            return None;
        }
        if self.open.len() >= DEEPEST {
            sink.push(
                Diagnostic::error("loop::recursive-module", format!("modules stand more than {DEEPEST} deep in each other"))
                    .at(used.arg, "one too deep")
                    .help("use the built-in steps directly"),
            );
            return None;
        }
        let called = match &reference {
            Reference::Named { .. } => reference.full_name(),
            Reference::Path(_) => shown(&place.file),
        };
        let module = self.read(&place, called, used, sink)?;
        self.fits(module, &reference, used, sink).then_some(module)
    }

    fn by_the_path(&mut self, path: &str, used: &Used, inside: Option<&Module>, sink: &mut Vec<Diagnostic>) -> Option<Place> {
        let base = inside.map_or(self.root.as_str(), |module| module.folder.as_str());
        let file = paths::join(base, path);
        let file = if file.ends_with(".kdl") { file } else { paths::join(&file, MANIFEST) };
        let folder = paths::parent(&file);
        if let Some(module) = inside
            && !is_below(&file, &module.folder)
        {
            sink.push(
                Diagnostic::error("loop::module-reaches-out", format!("`{path}` is outside the module's own folder"))
                    .at(used.arg, "a module is whole wherever it lies")
                    .help("put the file into the module's folder"),
            );
            return None;
        }
        if self.files.exists(&file) {
            return Some(Place { folder, file });
        }
        let siblings: Vec<String> = self.files.list(&folder).into_iter().filter(|name| name.ends_with(".kdl")).collect();
        let finding = Diagnostic::error("loop::missing-file", format!("cannot read module `{path}`: {}", FileError::Missing))
            .at(used.arg, "named here");
        sink.push(match nearest(paths::name(&file), siblings.iter().map(String::as_str)) {
            Some(near) => {
                let written = path.rsplit_once('/').map_or(near.to_owned(), |(folder, _)| format!("{folder}/{near}"));
                finding.help(format!("did you mean `{written}`?")).fix(
                    format!("write `{written}`"),
                    used.arg,
                    format!("\"{written}\""),
                )
            }
            None => finding.help(format!("paths are relative to the file that names them: `{file}` was looked for")),
        });
        None
    }

    fn by_name(
        &mut self,
        owner: &str,
        name: &str,
        used: &Used,
        inside: Option<&Module>,
        sink: &mut Vec<Diagnostic>,
    ) -> Option<Place> {
        let full = format!("{owner}/{name}");
        let place = |folder: String| Place { file: format!("{folder}/{MANIFEST}"), folder };
        let own = place(paths::join(&self.root, &format!("{OWN_FOLDER}/{full}")));
        if self.files.exists(&own.file) {
            return Some(own);
        }
        let lock = self.lock(sink);
        let locked = lock.modules.get(&full).cloned();
        let vendored = place(paths::join(&self.root, &vendor_path(&full)));
        let is_vendored = self.files.exists(&vendored.file);
        let Some(locked) = locked else {
            if is_vendored {
                sink.push(
                    Diagnostic::warning("loop::unlocked-module", format!("the version of module `{full}` is not locked"))
                        .at(used.arg, format!("`{LOCK_FILE}` does not name it, so any change of its files goes unnoticed"))
                        .help(format!("`loopctl add {full}` locks what lies in `{}`", vendor_path(&full))),
                );
                return Some(vendored);
            }
            if owner == "std" {
                return match stdlib::folder(name) {
                    Some(folder) => Some(place(folder)),
                    None => {
                        sink.push(unknown_std(name, used));
                        None
                    }
                };
            }
            let help = match inside {
                Some(outer) if !outer.name.is_empty() && self.is_locked(&outer.name) => {
                    format!("`loopctl update {}` locks what it is made of", outer.name)
                }
                _ => "`loopctl add` with the folder, git address or archive it comes from fetches and locks it".to_owned(),
            };
            sink.push(
                Diagnostic::error("loop::unlocked-module", format!("module `{full}` is not locked"))
                    .at(used.arg, format!("`{LOCK_FILE}` does not name it, so nobody knows which files are meant"))
                    .help(help),
            );
            return None;
        };
        if let Reference::Named { wanted, .. } = Reference::parse(&used.text).ok()?
            && !wanted.matches(&locked.version)
        {
            sink.push(
                Diagnostic::error(
                    "loop::module-version",
                    format!("module `{full}` is locked at {}, which is not within `{wanted}`", locked.version),
                )
                .at(used.arg, "another version is wanted")
                .at(locked.span, "locked here")
                .help(match inside {
                    Some(outer) => {
                        format!("there is one version of each module: ask for one that suits `{}` as well", outer.name)
                    }
                    None => format!("`loopctl update {full}` takes the newest one that fits"),
                }),
            );
            return None;
        }
        let found = if is_vendored { vendored } else { place(locked.cache_path()) };
        if !self.files.exists(&found.file) {
            sink.push(
                Diagnostic::error("loop::module-unavailable", format!("the files of module `{full}` are not on this machine"))
                    .at(used.arg, format!("neither in `{}` nor in the cache", vendor_path(&full)))
                    .at(locked.span, "locked here")
                    .help(format!("`loopctl update {full} --locked` fetches them as they are locked")),
            );
            return None;
        }
        if self.verified.insert(full.clone()) {
            let files = match module_files(self.files, &found.folder) {
                Ok(files) => files,
                Err((path, error)) => {
                    sink.push(
                        Diagnostic::error("loop::missing-file", format!("cannot read `{}`: {error}", shown(&path)))
                            .at(used.arg, "a file of this module")
                            .help(format!("`loopctl update {full} --locked` fetches it again")),
                    );
                    return None;
                }
            };
            if tree_digest(&bytes(&files)) != locked.sha256 {
                self.by_path.insert(found.file, None);
                sink.push(
                    Diagnostic::error(
                        "loop::module-changed",
                        format!("the files of module `{full}` are not those that were locked"),
                    )
                    .at(used.arg, format!("`{}` holds something else", shown(&found.folder)))
                    .at(locked.span, "locked here")
                    .help(format!(
                        "`{}` brings the locked files back; for changes of your own copy it to `{OWN_FOLDER}/{full}`",
                        match is_vendored {
                            true => "loopctl vendor --force".to_owned(),
                            false => format!("loopctl update {full} --locked"),
                        }
                    )),
                );
                return None;
            }
            // All of them belong to what a cycle is pinned to, or its digest could not be told again.
            for (path, text) in files.into_iter().filter(|(path, _)| path != MANIFEST) {
                self.sources.add(format!("{}/{path}", found.folder), text);
            }
        }
        Some(found)
    }

    fn is_locked(&self, module: &str) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.modules.contains_key(module))
    }

    fn lock(&mut self, sink: &mut Vec<Diagnostic>) -> &Lock {
        if self.lock.is_none() {
            let path = paths::join(&self.root, LOCK_FILE);
            let lock = match self.files.text(&path) {
                Ok(text) => {
                    let (lock, findings) = Lock::read(self.sources.add(path, text.clone()), &text);
                    sink.extend(findings);
                    lock
                }
                // Without a lock nothing is locked.
                Err(_) => Lock::default(),
            };
            self.lock = Some(lock);
        }
        self.lock.get_or_insert_default()
    }

    /// Reads a module and those that it is made of.
    fn read(&mut self, place: &Place, called: String, used: &Used, sink: &mut Vec<Diagnostic>) -> Option<usize> {
        if let Some(read) = self.by_path.get(&place.file) {
            return *read;
        }
        self.by_path.insert(place.file.clone(), None);
        let text = match self.files.text(&place.file) {
            Ok(text) => text,
            Err(error) => {
                sink.push(
                    Diagnostic::error("loop::missing-file", format!("cannot read module `{}`: {error}", shown(&place.file)))
                        .at(used.arg, "named here")
                        .help("it should be a text file with a `module` in it"),
                );
                return None;
            }
        };
        let file = self.sources.add(place.file.clone(), text.clone());
        let before = sink.len();
        let Some(mut module) = definition::read(file, &text, &place.folder, self.registry, sink) else {
            let said = sink.split_off(before).into_iter().map(|finding| finding.at(used.arg, "a module is named here"));
            sink.extend(said.collect::<Vec<_>>());
            return None;
        };
        module.home = paths::relative(&self.root, &module.folder);
        let aliases = self.parts(&place.file, called, &mut module, sink);
        self.modules.push(module);
        self.aliases.push(aliases);
        let number = self.modules.len() - 1;
        self.by_path.insert(place.file.clone(), Some(number));
        Some(number)
    }

    /// Takes a module that was read elsewhere, with those that it is made of.
    pub fn take(&mut self, file: &str, mut module: Module, sink: &mut Vec<Diagnostic>) -> usize {
        module.home = paths::relative(&self.root, &module.folder);
        let aliases = self.parts(file, shown(file), &mut module, sink);
        self.modules.push(module);
        self.aliases.push(aliases);
        self.modules.len() - 1
    }

    fn parts(
        &mut self,
        file: &str,
        called: String,
        module: &mut Module,
        sink: &mut Vec<Diagnostic>,
    ) -> BTreeMap<String, Option<usize>> {
        self.open.push((file.to_owned(), called));
        let uses = std::mem::take(&mut module.uses);
        let before = sink.len();
        let mut aliases = Aliases::default();
        for used in &uses {
            let loaded = self.load(used, Some(module), sink);
            aliases.add(used, loaded, sink);
        }
        module.incomplete |= sink[before..].iter().any(Diagnostic::is_error);
        module.broken |= module.incomplete;
        module.uses = uses;
        self.open.pop();
        aliases.modules
    }

    /// The layers in which all steps may stand that an exported step is made of, those of other modules included.
    pub fn layers(&self, number: usize, export: &Export) -> Vec<Layer> {
        let mut layers = export.layers();
        let module = &self.modules[number];
        for node in export.parts.iter().filter_map(|part| module.tree.node(part.node)) {
            let Some((alias, verb)) = node.name().split_once('.') else { continue };
            let inner = self.aliases.get(number).and_then(|aliases| aliases.get(alias).copied().flatten());
            let step = inner.and_then(|inner| Some((inner, self.modules[inner].steps.iter().find(|step| step.name == verb)?)));
            if let Some((inner, step)) = step {
                // Circles were refused when the modules were read, so this ends.
                let allowed = self.layers(inner, step);
                layers.retain(|layer| allowed.contains(layer));
            }
        }
        layers
    }

    /// Whether a module is the one that was asked for.
    fn fits(&mut self, number: usize, reference: &Reference, used: &Used, sink: &mut Vec<Diagnostic>) -> bool {
        let Reference::Named { wanted, .. } = reference else { return true };
        let module = &self.modules[number];
        let full = reference.full_name();
        if module.broken {
            return true;
        }
        if module.name != full {
            sink.push(
                Diagnostic::error("loop::not-a-module", format!("`{full}` was looked for, and the file holds `{}`", module.name))
                    .at(used.arg, "this module is meant")
                    .at(module.version_span, "this one is found")
                    .help(format!("write its name as `module \"{full}\"`, or move it")),
            );
            return false;
        }
        if !wanted.matches(&module.version) {
            let finding = Diagnostic::error(
                "loop::module-version",
                format!("module `{full}` has version {}, which is not within `{wanted}`", module.version),
            )
            .at(used.arg, "another version is wanted")
            .at(module.version_span, "this one is found");
            sink.push(match full.starts_with("std/") {
                true => finding.help(format!("this loopctl brings {}: write `{full}@{}`", module.version, module.version.major)),
                false => finding.help(format!("`loopctl update {full}` looks for one that fits")),
            });
            return false;
        }
        true
    }
}

/// What the words before a dot mean.
#[derive(Default)]
pub struct Aliases {
    pub modules: BTreeMap<String, Option<usize>>,
    pub spans: BTreeMap<String, Span>,
}

impl Aliases {
    pub fn add(&mut self, used: &Used, module: Option<usize>, sink: &mut Vec<Diagnostic>) {
        let short = match (&used.alias, Reference::parse(&used.text)) {
            (Some(alias), _) => alias.clone(),
            (None, Ok(reference)) => reference.short_name().to_owned(),
            (None, Err(_)) => return,
        };
        if short.is_empty() || short.contains(['.', ' ', '"']) {
            sink.push(
                Diagnostic::error("loop::unusable-name", format!("`{}` cannot stand before a dot", short.escape_default()))
                    .at(used.span, "the name that stands before the dot")
                    .help("write a short name of letters, digits and `-` after `as=`"),
            );
            return;
        }
        if let Some(first) = self.spans.get(&short) {
            sink.push(
                Diagnostic::error("loop::repeated-name", format!("two modules are called `{short}` here"))
                    .at(used.span, "the same name again")
                    .at(*first, "first used here")
                    .help("give one of them another name with `as=`"),
            );
            return;
        }
        self.spans.insert(short.clone(), used.span);
        self.modules.insert(short, module);
    }
}

fn unknown_std(name: &str, used: &Used) -> Diagnostic {
    let all: Vec<(Layer, &str)> = stdlib::names().collect();
    let finding = Diagnostic::error("loop::unknown-module", format!("there is no built-in module `std/{name}`"))
        .at(used.arg, "no such module");
    if let Some(near) = nearest(name, all.iter().map(|(_, name)| *name)) {
        let version = used.text.split_once('@').map_or(String::new(), |(_, version)| format!("@{version}"));
        return finding.help(format!("did you mean `std/{near}`?")).fix(
            format!("write `std/{near}`"),
            used.arg,
            format!("\"std/{near}{version}\""),
        );
    }
    let of_layer: Vec<String> =
        all.iter().filter(|(layer, _)| layer.name() == name).map(|(_, name)| format!("std/{name}")).collect();
    match of_layer.is_empty() {
        true => finding.help("`loopctl kinds` lists the built-in modules"),
        false => finding.help(format!("for `{name}` there are {}", one_of(of_layer.iter().map(String::as_str)))),
    }
}

/// The place of a byte range of a reference.
fn part(used: &Used, start: usize, end: usize) -> Span {
    match used.inner {
        Some(inner) if start <= end && end <= inner.len() => inner.part(start, end),
        _ => used.arg,
    }
}

/// Whether a path is in a folder or below it.
pub fn is_below(path: &str, folder: &str) -> bool {
    match folder {
        "" => !path.starts_with("../") && !path.starts_with(['/', '@']),
        folder => path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
    }
}

fn bytes(files: &[(String, Arc<str>)]) -> Vec<(&str, &[u8])> {
    files.iter().map(|(path, text)| (path.as_str(), text.as_bytes())).collect()
}

/// A path as people know it: the long digest of a cached module says nothing.
pub fn shown(path: &str) -> String {
    path.strip_prefix('@').unwrap_or(path).to_owned()
}
