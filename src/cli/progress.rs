//! Progress while a cycle runs: a line per finished step, and on a terminal a spinner that says what is going on.

use super::output::Output;
use crate::engine::{Notice, Nudge};
use crate::model::Workflow;
use crate::report::style::{BAD, DIM, GOOD, WAIT, count, fit, paint};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

pub struct Progress<'a> {
    output: &'a Output,
    workflow: &'a Workflow,
    spinner: Option<ProgressBar>,
    started: usize,
    finished: usize,
}

impl<'a> Progress<'a> {
    pub fn new(output: &'a Output, workflow: &'a Workflow) -> Progress<'a> {
        let spinner = (output.is_watched() && !output.json).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Progress { output, workflow, spinner, started: 0, finished: 0 }
    }

    pub fn tell(&mut self, notice: &Notice) {
        match notice {
            Notice::Started(task) => {
                self.started += 1;
                if let Some(spinner) = &self.spinner {
                    spinner.set_message(format!("{} · {} done", task.step, count(self.finished, "task")));
                }
            }
            Notice::Finished { task, headline, .. } => {
                self.finished += 1;
                // Steps that work once say a line; the others are counted when the step is done.
                if task.item.is_none() {
                    self.line(&paint(GOOD, "✓"), &task.step, headline.as_deref().unwrap_or("done"));
                }
            }
            Notice::Failed { task, message } => self.line(&paint(BAD, "✗"), &task.step, message),
            Notice::Waiting { task, title } => self.line(&paint(WAIT, "◐"), &task.step, &format!("waits for a person: {title}")),
            Notice::Nudged { key, nudge, title } => {
                let what = match nudge {
                    Nudge::Reminded => "reminded about",
                    Nudge::Escalated => "escalated",
                };
                self.line(&paint(WAIT, "◐"), &key.task.step, &format!("{what}: {title}"));
            }
            Notice::Void { message, .. } => self.note(message),
            Notice::Deferred { .. } | Notice::StepDone(_) => {}
        }
    }

    fn note(&self, text: &str) {
        let line = format!("  {} {text}", paint(WAIT, "!"));
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| self.output.progress(&line)),
            None => self.output.progress(&line),
        }
    }

    fn line(&self, mark: &str, step: &crate::base::StepId, text: &str) {
        let layer = self.workflow.step(step).map_or("", |step| step.layer.title());
        let line = format!(
            "  {mark} {} {}",
            paint(DIM, format!("{layer:<13}")),
            fit(&format!("{step}  {text}"), self.output.width().saturating_sub(18))
        );
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| self.output.progress(&line)),
            None => self.output.progress(&line),
        }
    }

    pub fn finish(self) {
        if let Some(spinner) = self.spinner {
            spinner.finish_and_clear();
        }
    }
}
