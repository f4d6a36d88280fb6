//! Cassettes: what model servers answered, recorded once and played back, so that a test or a demonstration asks nobody.
//!
//! A recording is found by the digest of the wire and the whole body of the question; it holds the answer alone. Neither the key
//! nor the question is in it, so what a prompt held about people is not recorded.

use crate::base::Digest;
use crate::model::{Config, Scalar};
use crate::world::disk::DiskFiles;
use crate::world::trouble::{Trouble, plain_io};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The environment variable that says what all cassettes do, whatever the workflows say.
pub const VARIABLE: &str = "LOOPCTL_CASSETTES";

/// What a cassette does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing: the server is asked.
    Live,
    /// The server is asked, and its answer is kept.
    Record,
    /// Only what was recorded is answered.
    Replay,
}

impl Mode {
    fn parse(word: &str) -> Option<Mode> {
        match word {
            "live" => Some(Mode::Live),
            "record" => Some(Mode::Record),
            "replay" => Some(Mode::Replay),
            _ => None,
        }
    }
}

/// The cassette of one provider.
#[derive(Clone, Debug)]
pub struct Cassette {
    mode: Mode,
    folder: PathBuf,
    /// As the workflow writes it, for messages.
    shown: String,
}

impl Cassette {
    /// By the node `cassette "tapes" mode="replay"` of a provider; without one every question goes out.
    ///
    /// # Errors
    /// When the folder lies outside the workflow's.
    pub fn of(config: &Config, files: &DiskFiles, variable: Option<&str>) -> Result<Cassette, Trouble> {
        let Some(node) = config.child("cassette") else { return Ok(Cassette::none()) };
        let shown = node.arg().and_then(Scalar::text).unwrap_or_default().to_owned();
        let written = node.prop("mode").and_then(Scalar::text).and_then(Mode::parse);
        let mode = variable.and_then(Mode::parse).or(written).unwrap_or(Mode::Replay);
        Ok(Cassette { mode, folder: files.output(&shown)?, shown })
    }

    pub fn none() -> Cassette {
        Cassette { mode: Mode::Live, folder: PathBuf::new(), shown: String::new() }
    }

    /// Whether a server is asked at all.
    pub fn is_live(&self) -> bool {
        self.mode != Mode::Replay
    }

    /// The place of one question.
    pub fn tape(&self, wire: &str, body: &Value) -> Tape<'_> {
        let name = match self.mode {
            Mode::Live => String::new(),
            Mode::Record | Mode::Replay => Digest::of_json(&(wire, body)).to_string().chars().take(32).collect(),
        };
        Tape { cassette: self, name }
    }
}

/// One recording, there or not yet.
pub struct Tape<'a> {
    cassette: &'a Cassette,
    name: String,
}

impl Tape<'_> {
    /// The recorded answer; `None` when the server is to be asked.
    pub fn play(&self) -> Result<Option<Vec<u8>>, Trouble> {
        if self.cassette.is_live() {
            return Ok(None);
        }
        let place = format!("{}/{}.tape", self.cassette.shown, self.name);
        match fs::read(self.cassette.folder.join(format!("{}.tape", self.name))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Trouble::permanent(
                format!("this question was never recorded: there is no `{place}`"),
                format!("the prompt, the model or a template has changed since: record again with `{VARIABLE}=record`"),
            )),
            Err(error) => Err(Trouble::permanent(
                format!("cannot read the recording `{place}`: {}", plain_io(&error)),
                format!("record it again with `{VARIABLE}=record`"),
            )),
        }
    }

    /// Keeps an answer. Written beside its place and moved there, so that a crash leaves a whole recording or none.
    pub fn record(&self, answer: &str) -> Result<(), Trouble> {
        if self.cassette.mode != Mode::Record {
            return Ok(());
        }
        let folder = &self.cassette.folder;
        let place = folder.join(format!("{}.tape", self.name));
        let draft = folder.join(format!(".{}.tape-{}", self.name, std::process::id()));
        fs::create_dir_all(folder).and_then(|()| fs::write(&draft, answer)).and_then(|()| fs::rename(&draft, &place)).map_err(
            |error| {
                Trouble::permanent(
                    format!("cannot keep a recording in `{}`: {}", self.cassette.shown, plain_io(&error)),
                    "make room there, or take `cassette` out of the provider",
                )
            },
        )
    }
}
