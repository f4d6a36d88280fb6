//! What a change of the files does, in words: shared by `plan` and `run --watch`.

use crate::base::StepId;
use crate::engine::Reruns;
use crate::plan::{Change, WorkflowDiff};
use crate::report::style::{CODE, DIM, WAIT, count, paint};

/// So many steps of one kind are named; the others are counted.
const NAMED: usize = 6;

/// Which steps run again and why, what follows, and what does not run again. One line each, indented by two.
pub fn reruns(reruns: &Reruns) -> String {
    let mut text = String::new();
    for (steps, because) in reruns.groups() {
        let verb = if steps.len() == 1 { "re-runs" } else { "re-run" };
        text.push_str(&format!("  {} {} {verb}: {}\n", paint(WAIT, "↻"), names(&steps), reasons(because)));
    }
    if !reruns.direct.is_empty() && !reruns.after.is_empty() {
        let after: Vec<&StepId> = reruns.after.iter().collect();
        text.push_str(&format!("  {} after it, where what they get changes: {}\n", paint(WAIT, "↻"), names(&after)));
    }
    if !reruns.direct.is_empty() && !reruns.kept.is_empty() {
        let kept: Vec<&StepId> = reruns.kept.iter().collect();
        text.push_str(&format!("  {} {}\n", paint(DIM, "="), paint(DIM, format!("not touched by it: {}", names(&kept)))));
    }
    text
}

/// What is different about the workflow apart from what makes steps run again. One line each, indented by two.
pub fn besides(diff: &WorkflowDiff, reruns: &Reruns) -> String {
    besides_of(diff, reruns).into_iter().map(|line| format!("  {} {line}\n", paint(CODE, "~"))).collect()
}

/// The same without layout.
pub fn besides_of(diff: &WorkflowDiff, reruns: &Reruns) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(diff.removed.iter().map(|step| format!("{step} is gone")));
    let told: Vec<&Change> = reruns.direct.iter().flat_map(|rerun| &rerun.because).collect();
    lines.extend(diff.workflow.iter().chain(&diff.client_os).filter(|change| !told.contains(change)).map(Change::to_string));
    for change in &diff.changed {
        let others = change.what.iter().filter(|what| !told.contains(what));
        lines.extend(others.map(|what| format!("{}: {what}", change.step)));
    }
    lines
}

pub fn reasons(because: &[Change]) -> String {
    because.iter().map(Change::to_string).collect::<Vec<_>>().join("; ")
}

/// `a`, `a and b`, `a, b, c and 4 more`.
pub fn names(steps: &[&StepId]) -> String {
    let shown = if steps.len() <= NAMED { steps.len() } else { NAMED - 1 };
    let mut names: Vec<String> = steps[..shown].iter().map(ToString::to_string).collect();
    if steps.len() > shown {
        names.push(format!("{} more", steps.len() - shown));
    }
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// `loop.kdl`, `loop.kdl and 3 more files`.
pub fn files(paths: &[String]) -> String {
    match paths {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {}", count(rest.len(), "more file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Rerun;
    use crate::plan::At;

    fn steps(names: &[&str]) -> Vec<StepId> {
        names.iter().map(StepId::new).collect()
    }

    #[test]
    fn steps_with_one_reason_share_a_line() {
        let change = |line| Change {
            part: "client-os".to_owned(),
            what: "os/brand.md changed".to_owned(),
            at: Some(At { file: "os/brand.md".to_owned(), line }),
        };
        let rerun = |step: &str, line| Rerun { step: StepId::new(step), because: vec![change(line)] };
        let told = reruns(&Reruns {
            direct: vec![rerun("outlines", 3), rerun("drafts", 3), rerun("score", 4)],
            after: steps(&["editor"]),
            kept: steps(&["press"]),
        });
        let plain = anstream::adapter::strip_str(&told).to_string();
        assert_eq!(
            plain,
            "  ↻ outlines and drafts re-run: os/brand.md changed at line 3\n  ↻ score re-runs: os/brand.md changed at line 4\n  \
             ↻ after it, where what they get changes: editor\n  = not touched by it: press\n"
        );
    }

    #[test]
    fn many_names_are_counted() {
        let all = steps(&["a", "b", "c", "d", "e", "f", "g"]);
        let all: Vec<&StepId> = all.iter().collect();
        assert_eq!(names(&all[..1]), "a");
        assert_eq!(names(&all[..2]), "a and b");
        assert_eq!(names(&all), "a, b, c, d, e and 2 more");
    }
}
