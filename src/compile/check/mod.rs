//! What the compiler knows about the domain, one rule a file. A rule sees the sketch after names and wires are resolved, and stays silent
//! where something it depends on is broken.

use super::sketch::Sketch;
use crate::base::files::Files;
use crate::diag::Diagnostic;

/// What a rule may look at.
pub(super) struct CheckContext<'c> {
    pub sketch: &'c Sketch,
    pub files: &'c dyn Files,
    /// The folder of the workflow file.
    pub folder: &'c str,
}

type Rule = fn(&CheckContext<'_>, &mut Vec<Diagnostic>);

/// All rules.
const RULES: &[Rule] = &[];

pub(super) fn check(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    for rule in RULES {
        rule(cx, sink);
    }
}
