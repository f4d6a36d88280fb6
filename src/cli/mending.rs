//! Mending a workflow: apply the fixes that its diagnostics carry, compile again, until nothing more can be mended.
//!
//! All of it happens in memory, so that the files change once, at the end, and `--diff` can show the whole of it.

use crate::base::files::{Files, MemoryFiles, Overlay};
use crate::builtin;
use crate::compile::{Compiled, compile};
use crate::diag::{Diagnostic, mend};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fixing one thing can bring the next to light; nothing needs more rounds than this.
const ROUNDS_MOST: usize = 10;

/// A workflow after mending.
pub struct Mended {
    /// What is still said.
    pub compiled: Compiled,
    /// Each changed file by its path: the text before and the text after.
    pub changes: BTreeMap<String, (Arc<str>, Arc<str>)>,
    /// In the order in which they were applied.
    pub fixed: Vec<Fixed>,
}

/// One fix that was applied.
pub struct Fixed {
    pub code: &'static str,
    pub file: String,
    /// Line and column from 1, in the text of its round.
    pub place: (usize, usize),
    pub title: String,
}

/// Mends the workflow at `path`. A diagnostic for which `wanted` is false is not mended.
pub fn mended(files: &dyn Files, path: &str, wanted: impl Fn(&Diagnostic) -> bool) -> Mended {
    let registry = builtin::registry();
    let mut overlay = Overlay { front: MemoryFiles::default(), behind: files };
    let mut compiled = compile(&overlay, path, registry);
    let mut fixed = Vec::new();
    for _ in 0..ROUNDS_MOST {
        let mut texts: Vec<(String, String)> = Vec::new();
        for (id, file) in compiled.sources.iter() {
            let fixable = compiled.diagnostics.iter().filter(|finding| wanted(finding));
            let carried: Vec<_> = fixable.filter_map(|finding| Some((finding.code, finding.fix.as_ref()?))).collect();
            let (text, applied) = mend(&file.text, carried.iter().map(|(_, fix)| *fix).filter(|fix| fix.span.file == id));
            for fix in &applied {
                let code = carried.iter().find(|(_, other)| std::ptr::eq(*other, *fix)).map_or("", |(code, _)| *code);
                let place = file.position(fix.span.start as usize);
                fixed.push(Fixed { code, file: file.name.clone(), place, title: fix.title.clone() });
            }
            if !applied.is_empty() {
                texts.push((file.name.clone(), text));
            }
        }
        if texts.is_empty() {
            break;
        }
        overlay.front.0.extend(texts.into_iter().map(|(name, text)| (name, Arc::from(text))));
        compiled = compile(&overlay, path, registry);
    }
    let changes = std::mem::take(&mut overlay.front.0).into_iter().filter_map(|(name, after)| {
        let before = files.text(&name).ok()?;
        (before != after).then_some((name, (before, after)))
    });
    Mended { compiled, changes: changes.collect(), fixed }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: &str = r#"worklow "example" {
    without "strategy" "production" "distribution" "conversion"
    abot: "Several slips at once."
    limt { concurrency = 4 }
    intelligence {
        source "site" kind="event" { path "data/events.jsonl" } # all of them
    }
    learning {
        attribut "credit" { from "site"; window 30d }
        report "weekly" { from "credti" }
    }
}
"#;

    fn files(text: &str) -> MemoryFiles {
        MemoryFiles::new([("loop.kdl", text), ("data/events.jsonl", "{}\n")])
    }

    #[test]
    fn several_faults_are_mended_in_one_run_and_nothing_is_left() {
        let mended = super::mended(&files(WRONG), "loop.kdl", |_| true);
        let (_, after) = &mended.changes["loop.kdl"];
        assert!(mended.compiled.diagnostics.is_empty(), "{:#?}\n{after}", mended.compiled.diagnostics);
        assert!(mended.fixed.len() >= 8, "{}", mended.fixed.len());
        for right in [
            "workflow \"example\"",
            "about \"Several",
            "limit { concurrency 4 }",
            "kind=\"events\"",
            "// all of them",
            "attribute \"credit\"",
            "window \"30d\"",
            "from \"credit\"",
        ] {
            assert!(after.contains(right), "{right}\n{after}");
        }
        // Mending again changes nothing.
        assert!(super::mended(&files(after), "loop.kdl", |_| true).changes.is_empty());
    }

    #[test]
    fn what_is_not_wanted_and_what_has_no_fix_stays() {
        let mended = super::mended(&files(WRONG), "loop.kdl", |_| false);
        assert!(mended.changes.is_empty() && mended.fixed.is_empty() && mended.compiled.has_errors());
        let text = WRONG.replace("\"credti\"", "\"nothing like it\"");
        let mended = super::mended(&files(&text), "loop.kdl", |_| true);
        let left: Vec<&str> = mended.compiled.diagnostics.iter().map(|finding| finding.code).collect();
        assert!(left.contains(&"loop::unknown-step"), "{left:?}");
    }

    #[test]
    fn any_damage_to_a_workflow_is_mended_to_a_fixed_point() {
        let sound = include_str!("../../workflows/first-loop.kdl");
        let mut rng = crate::base::Rng::new(7);
        for _ in 0..60 {
            let mut text: Vec<char> = sound.chars().collect();
            for _ in 0..1 + rng.below(4) {
                let at = rng.below(text.len() as u64) as usize;
                text[at] = ['{', '}', '"', '=', ':', 'x', ' ', ';', '#', '\n'][rng.below(10) as usize];
            }
            let text: String = text.into_iter().collect();
            let after = |text: &str| {
                let mended = super::mended(&files(text), "loop.kdl", |_| true);
                mended.changes.get("loop.kdl").map_or(text.to_owned(), |(_, after)| after.to_string())
            };
            let once = after(&text);
            assert_eq!(after(&once), once, "from\n{text}");
        }
    }
}
