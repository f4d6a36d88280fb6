//! Loading for commands: the workspace's project, and what is said while it is loaded.

use super::exit::Failure;
use super::output::Output;
use crate::client_os;
use crate::report::style::{CODE, WAIT, count, paint};
use crate::world::{Secrets, missing_secrets};
use std::path::Path;

pub use crate::workspace::{
    Place, Project, as_typed, compile, find, invalid, long_handle, pick, split_path, split_words, typed_name,
};

/// Which version of the files a project was loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As they are now.
    Current,
    /// As the open cycle began with them, because they are not valid now.
    Pinned,
}

impl Project {
    /// [`Project::read`]; what is wrong with the file is shown when the failure is.
    pub fn load(place: &Place, file: Option<&Path>, _output: &Output) -> Result<Project, Failure> {
        Project::read(place, file)
    }

    /// [`Project::read_or_pinned`], saying what is wrong with the file as it is now.
    pub fn load_or_pinned(place: &Place, file: Option<&Path>, output: &Output) -> Result<(Project, Standing), Failure> {
        let (project, wrong) = Project::read_or_pinned(place, file)?;
        let Some(wrong) = wrong else { return Ok((project, Standing::Current)) };
        output.findings(&wrong);
        output.progress(
            "The open cycle goes on with the files as they were when it began; what is wrong above counts from the next cycle.",
        );
        Ok((project, Standing::Pinned))
    }

    /// Says which secrets cannot be read, before a model is asked or a piece is sent without them. What does not need them goes on.
    pub fn tell_missing_secrets(&self, output: &Output) {
        for (place, error) in missing_secrets(&self.workflow, &Secrets::new(&self.root)) {
            output.progress(&format!("{} {place}: {error}", paint(WAIT, "warning:")));
            output.progress(&format!("  {} {}", paint(CODE, "help:"), error.help()));
        }
    }

    /// Says what the Client OS lacks, before pieces are written without it.
    pub fn tell_missing_client_os(&self, output: &Output) {
        let findings = client_os::check(&self.client_os);
        let (Some(folder), Some(first)) = (&self.workflow.client_os, findings.first()) else { return };
        output.progress(&format!("{} {folder}/{}: {}", paint(WAIT, "warning:"), first.path, first.message));
        output.progress(&format!("  {} {}", paint(CODE, "help:"), first.help));
        if findings.len() > 1 {
            let more = count(findings.len() - 1, "more finding");
            output.progress(&format!("  {} `loopctl os check {}` shows {more}", paint(CODE, "help:"), self.file));
        }
    }
}
