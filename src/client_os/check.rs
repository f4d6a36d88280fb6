//! What is missing in a Client OS, and what contradicts.
//!
//! A missing part says what degrades without it and what to write. A contradiction names the line of the part that should
//! give way: the sample that holds a forbidden phrase, not the phrase.

use super::context::{READING_SECONDS, pack};
use super::finding::Finding;
use super::limits::LIMITS;
use super::snapshot::Snapshot;
use crate::base::{InOrder, Timestamp};
use crate::diag::{Severity, nearest};
use std::collections::BTreeMap;

/// Platforms that style guides are usually written for; only used to notice a slip of the pen.
const PLATFORMS: [&str; 19] = [
    "article",
    "blog",
    "bluesky",
    "docs",
    "email",
    "facebook",
    "instagram",
    "landing-page",
    "linkedin",
    "mastodon",
    "newsletter",
    "podcast",
    "press",
    "reddit",
    "script",
    "thread",
    "threads",
    "video",
    "youtube",
];

/// All findings, by file and line.
pub fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    missing(snapshot, &mut findings);
    phrases(snapshot, &mut findings);
    pillars(snapshot, &mut findings);
    others(snapshot, &mut findings);
    limits(snapshot, &mut findings);
    findings.order_by(|a, b| (&a.path, a.line, &a.message).cmp(&(&b.path, b.line, &b.message)));
    findings
}

/// What was true once: goals whose last day is over.
pub fn stale(snapshot: &Snapshot, now: Timestamp) -> Vec<Finding> {
    let text = snapshot.files.get("strategy.kdl").map_or("", String::as_str);
    let over = snapshot.goals.iter().filter_map(|goal| {
        let until = goal.until.as_deref()?;
        // The day itself counts, wherever it ends last.
        let days = now.days_since(Timestamp::parse(until)?);
        (days >= 1.5).then(|| {
            let message = format!("the goal `{}` was for the time until {until}, and that is over", goal.name);
            let help = "set a new `target=` and `until=`, or take the goal out: every step reads it as if it held";
            Finding::new(Severity::Warning, "strategy.kdl", line_of(text, &format!("\"{}\"", goal.name)), message, help)
        })
    });
    over.collect()
}

fn missing(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let parts: [(&str, &str, bool, Severity, &str); 11] = [
        (
            "brand.md",
            "Company",
            snapshot.company.is_empty(),
            Severity::Warning,
            "drafts cannot say who is speaking; write two sentences under `## Company`",
        ),
        (
            "brand.md",
            "Voice",
            snapshot.voice.is_empty(),
            Severity::Warning,
            "drafts sound like everybody; write how you sound under `## Voice`",
        ),
        (
            "brand.md",
            "Audience",
            snapshot.audience.is_empty(),
            Severity::Warning,
            "briefs cannot say who a piece is for; write it under `## Audience`",
        ),
        (
            "brand.md",
            "Services",
            snapshot.services.is_empty(),
            Severity::Advice,
            "pieces cannot point to what you sell; list it under `## Services`",
        ),
        (
            "brand.md",
            "Calls to action",
            snapshot.ctas.is_empty(),
            Severity::Warning,
            "pieces end without a next step; list one under `## Calls to action`",
        ),
        (
            "brand.md",
            "Forbidden phrases",
            snapshot.forbidden.is_empty(),
            Severity::Advice,
            "`check \"forbidden\"` has nothing to look for; list phrases under `## Forbidden phrases`",
        ),
        (
            "brand.md",
            "Approved samples",
            snapshot.samples.is_empty(),
            Severity::Advice,
            "a model has no example of your voice; put two or three paragraphs under `## Approved samples`",
        ),
        (
            "brand.md",
            "Pages",
            snapshot.pages.is_empty(),
            Severity::Advice,
            "briefs cannot link to own pages; list `- [title](https://…)` under `## Pages`",
        ),
        (
            "pillars.kdl",
            "pillar",
            snapshot.pillars.is_empty(),
            Severity::Warning,
            "`score` cannot tell topics that fit from others; write `pillar \"Operations\" weight=0.3 { topics \"deploy\" }`",
        ),
        (
            "strategy.kdl",
            "goal",
            snapshot.goals.is_empty(),
            Severity::Advice,
            "reports cannot compare with a target; write `goal \"qualified visits\" target=120 per=\"month\" metric=\"qualified\"`",
        ),
        (
            "decisions.md",
            "locked decision",
            snapshot.decisions.is_empty(),
            Severity::Advice,
            "nothing is settled for good; write `## name`, a sentence, and `- never say: \"phrase\"` lines",
        ),
    ];
    for (path, part, is_missing, severity, help) in parts {
        if is_missing {
            let message = if snapshot.files.contains_key(path) {
                format!("there is no {part}")
            } else {
                format!("there is no {part}, because there is no `{path}`")
            };
            findings.push(Finding::new(severity, path, 1, message, help));
        }
    }
    if snapshot.styles.is_empty() {
        let help = "pieces keep to no platform's form; write `styles/blog.md` with length, headings and links";
        findings.push(Finding::new(Severity::Advice, "styles", 1, "there is no style guide", help));
    }
}

/// Our own words must not hold what we forbid.
fn phrases(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut own: Vec<(&str, &str)> =
        vec![("the company text", snapshot.company.as_str()), ("the voice", snapshot.voice.as_str())];
    own.extend(snapshot.services.iter().map(|service| ("a service", service.as_str())));
    own.extend(snapshot.ctas.iter().map(|cta| ("a call to action", cta.as_str())));
    own.extend(snapshot.samples.iter().map(|sample| ("an approved sample", sample.as_str())));
    let brand = snapshot.files.get("brand.md").map_or("", String::as_str);
    for (what, text) in own {
        for phrase in snapshot.forbidden.iter().filter(|phrase| says(text, phrase)) {
            findings.push(Finding::new(
                Severity::Warning,
                "brand.md",
                line_of(brand, text),
                format!("{what} says “{phrase}”, which is a forbidden phrase"),
                "say it in another way, or take the phrase off the list",
            ));
        }
        for decision in &snapshot.decisions {
            for phrase in decision.forbids.iter().filter(|phrase| says(text, phrase)) {
                findings.push(Finding::new(
                    Severity::Warning,
                    "brand.md",
                    line_of(brand, text),
                    format!("{what} says “{phrase}”, which the locked decision `{}` forbids", decision.name),
                    "say it in another way; a locked decision is changed by a person only",
                ));
            }
        }
    }
    let mut seen = BTreeMap::new();
    for phrase in &snapshot.forbidden {
        if seen.insert(phrase.to_lowercase(), ()).is_some() {
            let message = format!("the phrase “{phrase}” is forbidden twice");
            findings.push(Finding::new(Severity::Advice, "brand.md", line_of(brand, phrase), message, "remove one"));
        }
    }
}

/// Limits of a style guide that nothing reads.
fn limits(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    for platform in snapshot.styles.keys() {
        let path = format!("styles/{platform}.md");
        let file = snapshot.files.get(&path).map_or("", String::as_str);
        for (line, name, most) in super::limits::lines(file) {
            if !LIMITS.contains(&name.as_str()) {
                let help = match nearest(&name, LIMITS.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it may be {}", LIMITS.join(", ")),
                };
                findings.push(Finding::new(Severity::Warning, &path, line, format!("no limit is called `{name}`"), help));
            } else if most.is_none() {
                let message = format!("the limit `{name}` has no number");
                findings.push(Finding::new(Severity::Warning, &path, line, message, format!("write `- {name}: 240`")));
            }
        }
    }
}

fn pillars(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let text = snapshot.files.get("pillars.kdl").map_or("", String::as_str);
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for pillar in &snapshot.pillars {
        let line = line_of(text, &format!("\"{}\"", pillar.name));
        if pillar.topics.is_empty() {
            let help = "no topic is ever placed in it; write words such as `topics \"deploy\" \"scaling\"`";
            findings.push(Finding::new(
                Severity::Warning,
                "pillars.kdl",
                line,
                format!("the pillar `{}` has no topics", pillar.name),
                help,
            ));
        }
        if pillar.about.is_empty() {
            let help = "a model cannot tell what it covers; write `about \"…\"`";
            findings.push(Finding::new(
                Severity::Advice,
                "pillars.kdl",
                line,
                format!("the pillar `{}` has no `about`", pillar.name),
                help,
            ));
        }
        for topic in &pillar.topics {
            if let Some(other) = owners.insert(topic.to_lowercase(), &pillar.name)
                && other != pillar.name
            {
                let message = format!("the topic “{topic}” stands in `{other}` and in `{}`", pillar.name);
                let help = "a topic that fits both goes to the one with more matching words, then to the first; keep it in one";
                findings.push(Finding::new(Severity::Warning, "pillars.kdl", line, message, help));
            }
        }
    }
    let locked: f64 = snapshot.pillars.iter().filter(|pillar| pillar.locked).map(|pillar| pillar.weight).sum();
    if snapshot.pillars.iter().any(|pillar| !pillar.locked) && locked > 1.0 - 1e-9 {
        let help = "lower a locked weight; pillars that are not locked get nothing";
        findings.push(Finding::new(Severity::Warning, "pillars.kdl", 1, "the locked weights leave nothing for the others", help));
    }
}

fn others(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    for platform in snapshot.styles.keys() {
        let plain = platform.to_lowercase();
        if !PLATFORMS.contains(&plain.as_str())
            && let Some(near) = nearest(&plain, PLATFORMS).filter(|_| plain.len() > 3)
        {
            let path = format!("styles/{platform}.md");
            let message = format!("`{platform}` is not a platform we know");
            findings.push(Finding::new(Severity::Warning, &path, 1, message, format!("did you mean `styles/{near}.md`?")));
        }
    }
    let brand = snapshot.files.get("brand.md").map_or("", String::as_str);
    let mut urls = BTreeMap::new();
    for (title, url) in &snapshot.pages {
        if let Some(other) = urls.insert(url, title) {
            let message = format!("the pages “{other}” and “{title}” have the same address");
            findings.push(Finding::new(Severity::Advice, "brand.md", line_of(brand, title), message, "keep one of them"));
        }
    }
    for (path, text) in &snapshot.files {
        for (number, line) in (1u32..).zip(text.lines()) {
            if let Some(mark) = ["TODO", "TBD", "FIXME", "Lorem ipsum"].into_iter().find(|mark| line.contains(mark)) {
                let help = "write the real text; a model would repeat it";
                findings.push(Finding::new(Severity::Warning, path, number, format!("“{mark}” is still in the text"), help));
            }
        }
    }
    for (verb, what) in [("outline", "an outline"), ("draft", "a draft")] {
        let pack = pack(snapshot, verb, None, READING_SECONDS);
        if !pack.left_out.is_empty() {
            let message =
                format!("what {what} reads takes more than {READING_SECONDS:.0} seconds; left out: {}", pack.left_out.join(", "));
            let help = "shorten the longest sections; what everybody must know fits on one page";
            findings.push(Finding::new(Severity::Advice, "brand.md", 1, message, help));
        }
    }
}

/// Whether a text holds a phrase: whole words, any case, any white space, straight or curly apostrophes.
fn says(text: &str, phrase: &str) -> bool {
    let plain = |text: &str| {
        let text = text.to_lowercase().replace('’', "'");
        let words: Vec<&str> =
            text.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|word| !word.is_empty()).collect();
        format!(" {} ", words.join(" "))
    };
    let phrase = plain(phrase);
    !phrase.trim().is_empty() && plain(text).contains(&phrase)
}

/// The line where a part starts, from 1; 1 when it is not found as it stands.
fn line_of(text: &str, part: &str) -> u32 {
    let first = part.lines().next().unwrap_or("");
    // An item that went on over several lines was joined, so fewer and fewer of its first words are looked for.
    let words: Vec<&str> = first.split_whitespace().take(4).collect();
    let at = text.find(first).or_else(|| (1..=words.len()).rev().find_map(|count| text.find(&words[..count].join(" "))));
    at.map_or(1, |at| u32::try_from(text[..at].matches('\n').count() + 1).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::Goal;
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::client_os::read;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> = files.iter().map(|(path, text)| (format!("os/{path}"), *text)).collect();
        let (snapshot, mut findings) = read(&MemoryFiles::new(files.iter().map(|(path, text)| (path.as_str(), *text))), "os");
        findings.extend(check(&snapshot));
        findings.iter().map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.message)).collect()
    }

    const BRAND: &str = "# Us\n## Company\nWe help.\n## Voice\nPlain.\n## Audience\nEngineers.\n## Services\n- Reviews\n## Calls to action\n- Book a time, it is better than waiting\n## Forbidden phrases\n- game changer\n- today's world\n## Approved samples\n- It is short.\n- A real\n  GAME  changer.\n- In today’s world.\n## Pages\n- [Book](https://us.example/)\n";
    const PILLARS: &str =
        "pillar \"A\" weight=0.5 { about \"a\"; topics \"x\" \"y\" }\npillar \"B\" weight=0.5 { about \"b\"; topics \"z\" }\n";

    #[test]
    fn a_goal_whose_time_is_over_is_stale_and_others_are_not() {
        let goal = |name: &str, until: Option<&str>| Goal {
            name: name.into(),
            target: 10.0,
            per: "month".into(),
            metric: "qualified".into(),
            until: until.map(str::to_owned),
        };
        let goals = vec![goal("old", Some("2026-06-30")), goal("now", Some("2026-12-31")), goal("always", None)];
        let text = "goal \"always\" target=10\ngoal \"old\" target=10 until=\"2026-06-30\"\n";
        let snapshot = Snapshot { goals, files: [("strategy.kdl".to_owned(), text.to_owned())].into(), ..Snapshot::default() };
        let at = |day: &str| stale(&snapshot, Timestamp::parse(day).expect("a day"));
        assert_eq!(at("2026-06-30"), []);
        let found = at("2026-07-02");
        assert_eq!((found.len(), found[0].line), (1, 2));
        assert!(found[0].message.contains("`old`"), "{found:?}");
    }

    #[test]
    fn contradictions_name_the_part_that_should_give_way() {
        assert_eq!(
            found(&[
                ("brand.md", BRAND),
                ("decisions.md", "## No ranking\nNo.\n- never say: \"better than\""),
                ("pillars.kdl", PILLARS),
                ("strategy.kdl", "goal \"visits\" target=10 per=\"month\" metric=\"qualified\""),
                ("styles/blog.md", "Short."),
            ]),
            [
                "brand.md:11: a call to action says “better than”, which the locked decision `No ranking` forbids",
                "brand.md:17: an approved sample says “game changer”, which is a forbidden phrase",
                "brand.md:19: an approved sample says “today's world”, which is a forbidden phrase",
            ]
        );
    }

    #[test]
    fn missing_parts_say_what_degrades() {
        let found = found(&[("brand.md", "## Voice\nTODO\n"), ("styles/linkdin.md", "x")]);
        for expected in [
            "brand.md:1: there is no Audience",
            "brand.md:2: “TODO” is still in the text",
            "pillars.kdl:1: there is no pillar, because there is no `pillars.kdl`",
            "styles/linkdin.md:1: `linkdin` is not a platform we know",
        ] {
            assert!(found.iter().any(|finding| finding == expected), "{expected} in {found:#?}");
        }
        assert!(!found.iter().any(|finding| finding.contains("no Voice")));
    }

    #[test]
    fn topics_in_two_pillars_and_empty_pillars_are_named() {
        let found = found(&[(
            "pillars.kdl",
            "pillar \"A\" weight=0.5 { about \"a\"; topics \"x\" }\npillar \"B\" weight=0.5 { about \"b\"; topics \"X\" }\npillar \"C\" weight=0\n",
        )]);
        assert!(found.contains(&"pillars.kdl:2: the topic “X” stands in `A` and in `B`".to_owned()));
        assert!(found.contains(&"pillars.kdl:3: the pillar `C` has no topics".to_owned()));
    }

    #[test]
    fn a_limit_that_nothing_reads_is_named() {
        let found = found(&[(
            "styles/linkedin.md",
            "# LinkedIn\n\nShort.\n\n## Limits\n- characters: 900\n- hashtag: 2\n- links: few\n",
        )]);
        assert!(found.contains(&"styles/linkedin.md:7: no limit is called `hashtag`".to_owned()), "{found:?}");
        assert!(found.contains(&"styles/linkedin.md:8: the limit `links` has no number".to_owned()), "{found:?}");
        assert!(!found.iter().any(|finding| finding.contains("characters")));
    }

    #[test]
    fn phrases_match_whole_words_only() {
        assert!(says("We UNLOCK, growth", "unlock"));
        assert!(!says("We unlocked growth", "unlock"));
        assert!(!says("anything", "  "));
    }

    #[test]
    fn the_bundled_client_os_is_clean() {
        for name in ["first-loop", "b2b-growth"] {
            let folder = format!("{}/workflows/{name}/client-os", env!("CARGO_MANIFEST_DIR"));
            let paths = ["brand.md", "decisions.md", "pillars.kdl", "strategy.kdl", "styles/blog.md"];
            let Some(texts) = paths
                .map(|path| std::fs::read_to_string(format!("{folder}/{path}")).ok())
                .into_iter()
                .collect::<Option<Vec<_>>>()
            else {
                println!("skipped: {folder} is not here");
                continue;
            };
            let files: Vec<(&str, &str)> = paths.iter().copied().zip(texts.iter().map(String::as_str)).collect();
            assert_eq!(found(&files), Vec::<String>::new(), "{name}");
        }
    }
}
