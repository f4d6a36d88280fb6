//! Every diagnostic code with its one-line title. `docs/errors/<slug>.md` holds the long story; a test keeps both in step.
//!
//! Each area has its own list, sorted by slug. To add an area, write its list and name it in `AREAS`.

/// One entry. `code` is `area::slug`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub code: &'static str,
    pub title: &'static str,
}

const fn entry(code: &'static str, title: &'static str) -> Entry {
    Entry { code, title }
}

const AREAS: &[&[Entry]] = &[CHECK, KDL, LOCK, LOOP, PACKAGES, TEST, WORLD];

/// What is wrong with a text: found by `loopctl check`, and on drafts.
pub const CHECK: &[Entry] = &[
    entry("check::broken-rule", "a rule of the Client OS does not run"),
    entry("check::duplicate", "an own page answers this already"),
    entry("check::forbidden", "a phrase that the brand or a locked decision forbids"),
    entry("check::markup", "markup that would act where the piece is shown"),
    entry("check::platform", "a text is more than its platform takes"),
    entry("check::readability", "a text asks for too many years of school"),
    entry("check::voice", "a text does not sound like the team"),
];

/// How a file is spelled: found by `syntax`.
pub const KDL: &[Entry] = &[
    entry("kdl::bad-annotation", "an annotation in parentheses is broken or stands in the wrong place"),
    entry("kdl::bad-escape", "a backslash in a text starts no escape"),
    entry("kdl::bad-name", "the name of a node is missing or cannot be a name"),
    entry("kdl::bad-number", "something starts like a number and is none"),
    entry("kdl::bare-keyword", "`true`, `false`, `null`, `inf` or `nan` stands without its `#`"),
    entry("kdl::block-on-next-line", "a `{` stands on the line below its node"),
    entry("kdl::colon-value", "a `:` stands between a name and its value"),
    entry("kdl::dangling-slashdash", "a `/-` has nothing to take out"),
    entry("kdl::entry-after-block", "something follows a block on the same line"),
    entry("kdl::forbidden-character", "an invisible character may not stand in a file"),
    entry("kdl::hash-comment", "a comment starts with `#`"),
    entry("kdl::list-brackets", "a list is written in brackets"),
    entry("kdl::missing-space", "two values touch each other"),
    entry("kdl::missing-value", "a property has no value"),
    entry("kdl::nameless-block", "a block has no name in front"),
    entry("kdl::old-raw-string", "a raw text is spelled as in KDL 1"),
    entry("kdl::second-block", "a node has two blocks"),
    entry("kdl::spaced-equals", "a `=` stands after the name of a node"),
    entry("kdl::stray-brace", "a `}` closes nothing"),
    entry("kdl::text-indentation", "a line of a long text is indented less than its end"),
    entry("kdl::text-marks", "a `\"\"\"` does not stand where it must"),
    entry("kdl::too-deep", "blocks stand too deep within blocks"),
    entry("kdl::too-large", "a file is too large to be read"),
    entry("kdl::too-many-mistakes", "a file has more mistakes than are shown"),
    entry("kdl::unclosed-block", "a block is not closed"),
    entry("kdl::unclosed-comment", "a comment is not closed"),
    entry("kdl::unclosed-string", "a text is not closed"),
    entry("kdl::unexpected-character", "a character cannot stand where it stands"),
    entry("kdl::unknown-keyword", "a word with `#` is no keyword"),
];

/// What `loop.lock` says: found by `compile::lock`.
pub const LOCK: &[Entry] = &[
    entry("lock::broken-lock", "a lock file is not as loopctl writes it"),
    entry("lock::newer-form", "a lock file was written by a newer loopctl"),
];

/// What a workflow says: found by `compile`.
pub const LOOP: &[Entry] = &[
    entry("loop::backward-wire", "a wire runs back to an earlier layer"),
    entry("loop::bad-expression", "an expression cannot be computed"),
    entry("loop::bad-template", "a template names what its step does not have"),
    entry("loop::ceilings-below-total", "money of a budget can go nowhere"),
    entry("loop::duplicate-channel", "one piece would reach one audience twice"),
    entry("loop::exceeded-cap", "a cap that is always exceeded"),
    entry("loop::extra-argument", "a setting has more values than it takes"),
    entry("loop::floor-above-ceiling", "a bound of a budget asks for more than it allows"),
    entry("loop::floors-above-total", "a budget must give more than it has"),
    entry("loop::generation-without-source", "text would be generated with no signal behind it"),
    entry("loop::group-out-of-reach", "a group of channels has a bound that its channels cannot meet"),
    entry("loop::idle-budget", "a budget has nothing to decide"),
    entry("loop::idle-escalation", "an escalation asks nobody new"),
    entry("loop::idle-feedback", "feedback changes nothing"),
    entry("loop::late-nudge", "a reminder or an escalation comes after its gate has expired"),
    entry("loop::lock-outside-bounds", "an amount is locked where its own bounds forbid it"),
    entry("loop::malformed-value", "a value has the right type and the wrong form"),
    entry("loop::missing-argument", "a setting stands without its value"),
    entry("loop::missing-file", "a file or folder that is named cannot be read"),
    entry("loop::missing-layer", "a layer of the loop has no steps"),
    entry("loop::missing-node", "a block lacks a setting it needs"),
    entry("loop::missing-pillars", "a rule reads pillars and there are none"),
    entry("loop::missing-property", "a line lacks a property it needs"),
    entry("loop::mixed-currencies", "amounts of money are in two currencies"),
    entry("loop::module-changed", "the files of a module are not those that were locked"),
    entry("loop::module-reaches-out", "a module names what only a workflow or a machine has"),
    entry("loop::module-unavailable", "the files of a locked module are not there"),
    entry("loop::module-version", "a module has another version than is wanted"),
    entry("loop::needless-delay", "a step waits for the next cycle where it need not"),
    entry("loop::needless-without", "a layer is said to be missing and is there"),
    entry("loop::no-client-os", "text is generated without a Client OS"),
    entry("loop::no-way-back", "a gate sends pieces back where nothing can make them again"),
    entry("loop::no-workflow", "the file holds no workflow"),
    entry("loop::not-a-module", "a file that should hold a module does not"),
    entry("loop::open-loop", "nothing flows from Learning back"),
    entry("loop::out-of-range", "a number is outside what makes sense"),
    entry("loop::overlapping-groups", "a channel stands in two groups of a budget"),
    entry("loop::port-mismatch", "a wire cannot carry what its ends give and take"),
    entry("loop::recursive-module", "modules are made of each other"),
    entry("loop::repeated-name", "two things have one name"),
    entry("loop::repeated-node", "a setting stands twice where it may stand once"),
    entry("loop::repeated-property", "a property is set twice"),
    entry("loop::repeated-wire", "a step is named twice after `from`"),
    entry("loop::secret-in-plain-text", "a secret stands in the file"),
    entry("loop::unapproved-outline", "a draft is written from an outline that nobody has approved"),
    entry("loop::unbounded-feedback", "learning may move a parameter without bounds"),
    entry("loop::uncapped-generator", "a generating step has no cap"),
    entry("loop::uncounted-sends", "a limit on what one person gets counts nobody"),
    entry("loop::undecidable-gate", "nobody can decide at a gate"),
    entry("loop::undeclared-parameter", "a module fills in a parameter that it does not declare"),
    entry("loop::ungated-publish", "a piece goes out around a gate, or without any"),
    entry("loop::unknown-annotation", "an annotation that means nothing here"),
    entry("loop::unknown-channel", "a channel that is not defined"),
    entry("loop::unknown-choice", "a word that is not one of the choices"),
    entry("loop::unknown-connector", "a `kind=` that does not exist"),
    entry("loop::unknown-export", "a module has no such step"),
    entry("loop::unknown-kind", "a verb that no kind of step has"),
    entry("loop::unknown-module", "a module that is not known here"),
    entry("loop::unknown-node", "a setting that does not exist"),
    entry("loop::unknown-parameter", "a parameter that cannot be tuned"),
    entry("loop::unknown-property", "a property that does not exist"),
    entry("loop::unknown-provider", "a provider that is not defined"),
    entry("loop::unknown-step", "a step that does not exist"),
    entry("loop::unknown-zone", "a time zone that does not exist"),
    entry("loop::unlocked-module", "a module whose version is not locked"),
    entry("loop::unpriced-model", "a budget in money does not count a model without a price"),
    entry("loop::unreachable-cap", "a cap that can never be reached"),
    entry("loop::unreachable-step", "nothing flows into a step"),
    entry("loop::unread-source", "nobody reads a source"),
    entry("loop::unread-step", "nobody reads what a step gives"),
    entry("loop::unreadable-file", "the workflow file cannot be read"),
    entry("loop::untrusted-publish", "text of strangers goes out before anyone has seen it"),
    entry("loop::unusable-name", "a name that cannot be used"),
    entry("loop::unused-definition", "a provider or a channel that no step uses"),
    entry("loop::unused-module", "a module of which no step is used"),
    entry("loop::unused-parameter", "a parameter that changes nothing"),
    entry("loop::wire-cycle", "wires run in a circle"),
    entry("loop::wrong-layer", "a step stands in a layer where it does not belong"),
    entry("loop::wrong-type", "a value of the wrong type"),
];

/// What stops a module on its way here: told by the commands `add`, `update`, `vendor` and `remove`.
pub const PACKAGES: &[Entry] = &[
    entry("packages::alias-taken", "the name before the dot is taken or cannot be one"),
    entry("packages::bad-source", "what is to be added is no source of modules"),
    entry("packages::changed-release", "a published version is not what it was"),
    entry("packages::checksum-mismatch", "a module is not what was locked"),
    entry("packages::conflict", "modules ask for versions or sources of another one that do not suit each other"),
    entry("packages::no-fitting-version", "a source has no version that is wanted"),
    entry("packages::no-git", "a module is in a git repository and git is not installed"),
    entry("packages::no-module", "what was fetched is no module"),
    entry("packages::not-locked", "a module is not in the lock file"),
    entry("packages::still-used", "a module cannot be removed while it is used"),
    entry("packages::unreachable-source", "a source cannot be read"),
    entry("packages::unsafe-content", "an archive or repository holds something that a module may not hold"),
    entry("packages::unwritable", "a module cannot be kept on the disk"),
];

/// What a test says and what came of it: found by `compile::test_file` and `rehearse`.
pub const TEST: &[Entry] = &[
    entry("test::broken-workflow", "the workflow that a test or a world is about is not valid"),
    entry("test::cannot-run", "a test cannot be run to its end"),
    entry("test::idle-decision", "a test decides about something that never waited"),
    entry("test::no-tests", "a test file holds no test"),
    entry("test::not-met", "what a test expects is not so"),
];

/// What a world says: found by `compile::world_file`.
pub const WORLD: &[Entry] = &[
    entry("world::no-world", "a world file holds no world"),
    entry("world::unheard", "no source of the workflow reads what a world writes"),
];

const COUNT: usize = {
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        count += AREAS[area].len();
        area += 1;
    }
    count
};

static ALL: [Entry; COUNT] = {
    let mut all = [entry("", ""); COUNT];
    let (mut count, mut area) = (0, 0);
    while area < AREAS.len() {
        let mut index = 0;
        while index < AREAS[area].len() {
            all[count] = AREAS[area][index];
            count += 1;
            index += 1;
        }
        area += 1;
    }
    all
};

/// All codes, area by area.
pub static CATALOG: &[Entry] = &ALL;

/// Finds a code, with or without its area: `loop::unknown-step` or `unknown-step`.
pub fn find(code: &str) -> Option<&'static Entry> {
    CATALOG.iter().find(|entry| entry.code == code || entry.code.split("::").nth(1) == Some(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::pages;
    use std::collections::BTreeSet;

    #[test]
    fn areas_are_sorted_and_no_slug_stands_twice() {
        for area in AREAS {
            assert!(area.is_sorted_by_key(|entry| entry.code), "{:?}", area.first());
        }
        let slugs: BTreeSet<&str> = CATALOG.iter().filter_map(|entry| entry.code.split("::").nth(1)).collect();
        assert_eq!(slugs.len(), CATALOG.len());
        assert!(slugs.iter().all(|slug| slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }

    #[test]
    fn codes_are_found_with_and_without_their_area() {
        assert_eq!(find("bad-escape"), find("kdl::bad-escape"));
        assert!(find("bad-escape").is_some() && find("kdl").is_none() && find("").is_none());
    }

    #[test]
    fn every_code_has_a_page_that_starts_with_it() {
        for entry in CATALOG {
            let page = pages::page(entry.code).unwrap_or_else(|| panic!("docs/errors has no page for {}", entry.code));
            assert!(page.starts_with(&format!("# {}\n", entry.code)), "{}", entry.code);
        }
    }
}
