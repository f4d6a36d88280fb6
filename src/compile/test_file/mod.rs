//! Tests in the language: what a `*.test.kdl` file says, checked against the workflow that it is about.
//!
//! A test names a workflow, lays fixtures over its folder, says what people answer, and what it expects. Reading follows the
//! rules of the compiler: it is pure, never fails, and says every mistake once. `rehearse` runs what is read here.

mod expectations;
mod fixtures;
pub(in crate::compile) mod read;
pub mod words;

pub use fixtures::Fixtures;
pub use read::read;

use crate::base::StepId;
use crate::client_os::Snapshot;
use crate::diag::{Diagnostic, Sources, Span};
use crate::model::{GoodKind, Workflow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the names of test files end with.
pub const ENDING: &str = ".test.kdl";

/// What became of a test file.
#[derive(Debug)]
pub struct TestFile {
    /// The tests in which there is no mistake, in the order of the file.
    pub tests: Vec<Test>,
    /// The text that the diagnostics point into.
    pub sources: Sources,
    /// Every independent mistake, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// One test, ready to be run.
#[derive(Clone, Debug)]
pub struct Test {
    pub name: String,
    /// Its head, for findings that belong to no line of it.
    pub span: Span,
    /// The folder of the workflow, relative to where the test file's own path is relative to.
    pub folder: String,
    /// With the time of the test, so it is always a recording.
    pub workflow: Arc<Workflow>,
    pub client_os: Arc<Snapshot>,
    /// Texts by path relative to `folder`, in front of what is on the disk.
    pub fixtures: BTreeMap<String, Arc<str>>,
    /// Texts by web address.
    pub pages: BTreeMap<String, Arc<str>>,
    /// What a provider writes, by task.
    pub writes: BTreeMap<String, Arc<str>>,
    /// From 1 to 100.
    pub cycles: u32,
    pub decisions: Vec<Decision>,
    pub expectations: Vec<Expectation>,
}

/// What people answer at a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub span: Span,
    pub gate: StepId,
    pub answer: Answer,
    /// By rank from 1; every one when left out.
    pub item: Option<u32>,
    /// From 1; in every one when left out.
    pub cycle: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Approve,
    Edit(String),
    Reject(Option<String>),
    /// To this step, as long as rounds are left; then it is approved.
    SendBack {
        to: StepId,
        reason: String,
    },
    /// Nobody answers.
    Wait,
}

/// Something that must be so in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    pub span: Span,
    pub what: Expected,
}

/// How many; `None` leaves a side open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub least: Option<u64>,
    pub most: Option<u64>,
}

impl Range {
    pub fn holds(&self, count: usize) -> bool {
        let count = count as u64;
        self.least.is_none_or(|least| count >= least) && self.most.is_none_or(|most| count <= most)
    }

    pub fn is_open(&self) -> bool {
        self.least.is_none() && self.most.is_none()
    }
}

/// What is expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    Items(Box<Items>),
    Published { channel: String, contains: Option<String>, count: Range },
    Parameter { path: String, declared: f64, least: Option<f64>, most: Option<f64>, cycle: Option<u32> },
    End { waiting: bool },
}

/// What a step gives in one cycle. Expressions were checked, so they compile.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    pub step: StepId,
    /// From 1; the last one when left out.
    pub cycle: Option<u32>,
    /// Only goods of this kind count.
    pub kind: Option<GoodKind>,
    pub filter: Option<String>,
    pub contains: Option<String>,
    /// `None` when the line says nothing about items.
    pub count: Option<Range>,
    pub all: Option<String>,
    pub deferred: Option<u64>,
    pub failed: Option<u64>,
    pub note: Option<String>,
}

/// Whether a path names a test file.
pub fn is_test_file(path: &str) -> bool {
    path.ends_with(ENDING)
}
