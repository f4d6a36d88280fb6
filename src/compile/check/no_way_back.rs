//! A gate sends pieces back to a step that makes them again. That step has to write, to lie before the gate, and nothing between the
//! two may wait for a whole: with pieces going round, the whole would never be there.

use super::CheckContext;
use crate::compile::sketch::Sketch;
use crate::diag::Diagnostic;
use crate::step::Mode;
use crate::step::spec::SEND_BACK;
use std::collections::BTreeSet;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let sketch = cx.sketch;
    for (at, step) in sketch.steps.iter().enumerate() {
        if step.broken || !step.is(|spec| spec.decides && spec.node(SEND_BACK).is_some()) {
            continue;
        }
        let before = before(sketch, at);
        for name in step.config.texts(SEND_BACK) {
            // A name that no step has was said where names are resolved.
            let Some(to) = sketch.steps.iter().position(|other| other.id.as_str() == name) else { continue };
            let target = &sketch.steps[to];
            if target.kind.is_none() {
                continue;
            }
            let span = step.references.iter().find(|reference| reference.text == name).map_or(step.name_span, |found| found.span);
            let finding = |label: String, help: String| {
                let message = format!("`{}` cannot send back to `{}`", step.title(), target.title());
                Diagnostic::error("loop::no-way-back", message).at(span, label).help(help)
            };
            if !target.is(|spec| spec.generates) {
                let help = "name an `outline` or `draft` step before the gate".to_owned();
                sink.push(finding("a step that writes nothing has nothing to make again".to_owned(), help));
            } else if !before.contains(&to) {
                let help = format!("let what `{}` gives lead to the gate, or name a step that does", target.id);
                sink.push(finding("nothing that it gives comes to this gate".to_owned(), help));
            } else if let Some(whole) =
                between(sketch, to, &before).find(|step| sketch.steps[*step].is(|spec| spec.mode != Mode::Each))
            {
                let whole = &sketch.steps[whole];
                let help = format!("send back to a step behind `{}`, or take it out of this way", whole.id);
                sink.push(finding(format!("`{}` between the two waits for everything", whole.title()), help));
            }
        }
    }
}

/// All steps before one.
fn before(sketch: &Sketch, at: usize) -> BTreeSet<usize> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![at]);
    while let Some(next) = left.pop() {
        left.extend(sketch.steps[next].wires.iter().filter_map(|wire| wire.from).filter(|from| seen.insert(*from)));
    }
    seen
}

/// The steps of `before` that `to` leads to.
fn between<'s>(sketch: &'s Sketch, to: usize, before: &'s BTreeSet<usize>) -> impl Iterator<Item = usize> + 's {
    before.iter().copied().filter(move |step| self::before(sketch, *step).contains(&to))
}
