//! The world of a test: a scripted one with the workflow's folder and the fixtures laid over it.

use crate::base::{RequestKey, Timestamp};
use crate::compile::test_file::Test;
use crate::runtime::World;
use crate::step::{Body, Fetched, Publish, Reply, Request, Target};
use crate::world::{ScriptedWorld, wildcard};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

/// Where a test plays.
pub struct Stage {
    script: ScriptedWorld,
    fixtures: BTreeMap<String, Arc<str>>,
}

impl Stage {
    /// `root` is the folder that the test file's path was relative to.
    pub fn new(test: &Test, root: &Path, now: Timestamp) -> Stage {
        let mut script = ScriptedWorld::new(now).reading(root.join(&test.folder));
        for (address, text) in &test.pages {
            script = script.page(address, text.as_ref());
        }
        for (task, text) in &test.writes {
            script = script.writing(task, text.as_ref());
        }
        Stage { script, fixtures: test.fixtures.clone() }
    }

    /// What went out, by channel and key.
    pub fn published(&self) -> Vec<Publish> {
        self.script.published()
    }

    fn answer(&self, key: &RequestKey, request: &Request) -> Reply {
        let Request::Fetch(fetch) = request else { return self.script.answer(key, request) };
        match &fetch.target {
            Target::File(path) => match self.fixtures.get(plain(path)) {
                Some(text) => Reply::Fetched(content(path, text)),
                None => self.script.answer(key, request),
            },
            Target::Folder { path, glob } => {
                let below = format!("{}/", plain(path));
                let laid: BTreeMap<String, Body> = self
                    .fixtures
                    .iter()
                    .filter_map(|(path, text)| Some((path.strip_prefix(&below)?.to_owned(), body(text))))
                    .filter(|(name, _)| wildcard::matches(glob, name))
                    .collect();
                match self.script.answer(key, request) {
                    Reply::Fetched(Fetched::Entries(entries)) => {
                        let mut all: BTreeMap<String, Body> = entries.into_iter().collect();
                        all.extend(laid);
                        Reply::Fetched(Fetched::Entries(all.into_iter().collect()))
                    }
                    // A folder that only the test has.
                    Reply::Fetched(Fetched::Missing { .. }) if !laid.is_empty() => {
                        Reply::Fetched(Fetched::Entries(laid.into_iter().collect()))
                    }
                    reply => reply,
                }
            }
            Target::Url(_) => self.script.answer(key, request),
        }
    }
}

/// Fixtures are kept without `./` in front and `/` behind.
fn plain(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

fn body(text: &str) -> Body {
    Body::new(text.as_bytes().to_vec())
}

fn content(place: &str, text: &str) -> Fetched {
    Fetched::Content { body: body(text), content_type: None, etag: None, last_modified: None, place: place.to_owned() }
}

impl World for Stage {
    fn perform<'a>(&'a self, key: &'a RequestKey, request: &'a Request) -> Pin<Box<dyn Future<Output = Reply> + Send + 'a>> {
        Box::pin(async move { self.answer(key, request) })
    }
}
