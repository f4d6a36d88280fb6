//! Generated text without the Client OS sounds like nobody; a rule that reads pillars needs pillars.

use super::CheckContext;
use crate::compile::paths;
use crate::diag::Diagnostic;
use crate::step::ValueType;

pub(super) fn rule(cx: &CheckContext<'_>, sink: &mut Vec<Diagnostic>) {
    let folder = cx.sketch.settings.text("client-os");
    if folder.is_none() && cx.sketch.strangers.is_any() {
        return;
    }
    if folder.is_none()
        && let Some(step) = cx.sketch.steps.iter().find(|step| step.is(|spec| spec.generates))
        && !step.broken
    {
        sink.push(
            Diagnostic::warning("loop::no-client-os", format!("`{}` writes without a Client OS", step.title()))
                .at(step.name_span, "it knows no voice, no pillars and no locked decisions")
                .help("add `client-os \"client-os\"` at the top of the workflow; `loopctl init` writes a first folder"),
        );
        return;
    }
    let full = folder.map(|folder| paths::join(cx.folder, folder));
    if full.as_ref().is_some_and(|full| !cx.files.exists(full)) {
        return;
    }
    let has_pillars = full
        .as_ref()
        .is_some_and(|full| cx.files.list(full).iter().any(|path| paths::name(path).split('.').next() == Some("pillars")));
    if has_pillars {
        return;
    }
    let reads_pillars = cx.sketch.steps.iter().find_map(|step| {
        let reference =
            step.references.iter().find(|reference| reference.ty == ValueType::Expression && names_pillar(&reference.text))?;
        let start = reference.text.find("pillar")?;
        Some(reference.part(start, start + "pillar".len()))
    });
    if let Some(place) = reads_pillars {
        let (message, help) = match &full {
            Some(full) => (
                format!("a rule reads `pillar`, but `{full}` has no pillars"),
                format!("add `{full}/pillars.kdl` with a `pillar` for each territory; without it the rule is neutral"),
            ),
            None => (
                "a rule reads `pillar`, but the workflow has no Client OS".to_owned(),
                "add `client-os \"client-os\"` and in it `pillars.kdl`; without it the rule is neutral".to_owned(),
            ),
        };
        sink.push(Diagnostic::warning("loop::missing-pillars", message).at(place, "always missing").help(help));
    }
}

/// Whether `pillar` stands in an expression as a name of its own, as in `pillar.weight`.
fn names_pillar(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '"';
    text.match_indices("pillar").any(|(at, word)| {
        !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn pillar_is_found_as_a_name() {
        for (text, expected) in
            [("pillar.weight", true), ("1 + pillar.weight", true), ("pillars", false), ("signal.pillar", false)]
        {
            assert_eq!(super::names_pillar(text), expected, "{text}");
        }
    }
}
