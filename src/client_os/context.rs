//! What one generating step reads of the Client OS: a pack that a person could read in about 90 seconds.
//!
//! What must never be broken (locked decisions, forbidden phrases) goes in whole and first. The rest follows in the order of
//! its use to the step until the time is up; what did not fit is named at the end, so that nobody wonders.

use super::snapshot::Snapshot;
use crate::base::InOrder;
use std::collections::BTreeSet;

/// Words a minute that adults read silently in English non-fiction (Brysbaert, 2019).
const WORDS_PER_MINUTE: f64 = 238.0;
/// How long a pack may take to read.
pub const READING_SECONDS: f64 = 90.0;

/// A context pack.
#[derive(Clone, Debug, PartialEq)]
pub struct Pack {
    /// Markdown.
    pub text: String,
    pub seconds: f64,
    pub tokens: u64,
    /// What did not fit, such as `approved samples (1 of 2)`.
    pub left_out: Vec<String>,
}

/// How long a person needs to read a text, in seconds.
pub fn reading_seconds(text: &str) -> f64 {
    words(text) as f64 * 60.0 / WORDS_PER_MINUTE
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

/// The words of a text that carry meaning, more or less: those of four letters and more, in lower case.
fn content_words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() > 3);
    words.map(str::to_lowercase).collect()
}

/// About how many tokens a model counts: four characters a token in English, rounded up. Other scripts need more, so a
/// character beyond Latin counts as a whole token.
pub fn token_estimate(text: &str) -> u64 {
    let (latin, other) = text
        .chars()
        .fold((0u64, 0u64), |(latin, other), c| if (c as u32) < 0x250 { (latin + 1, other) } else { (latin, other + 1) });
    latin.div_ceil(4) + other
}

/// The text that a step with this verb reads, for a platform when it writes for one.
pub fn context_for(snapshot: &Snapshot, verb: &str, platform: Option<&str>) -> String {
    pack(snapshot, verb, platform, READING_SECONDS).text
}

/// The same for a piece about something: where not all samples, services or pages fit, those stay that say most about it.
pub fn context_about(snapshot: &Snapshot, verb: &str, platform: Option<&str>, about: &str) -> String {
    pack_about(snapshot, verb, platform, READING_SECONDS, about).text
}

/// A part of a pack: a title and pieces that may be left out one by one.
struct Part {
    title: String,
    pieces: Vec<String>,
    /// Goes in whole, whatever the time.
    binding: bool,
}

fn part(title: &str, pieces: Vec<String>) -> Part {
    Part {
        title: title.to_owned(),
        pieces: pieces.into_iter().filter(|piece| !piece.trim().is_empty()).collect(),
        binding: false,
    }
}

fn bullets(items: &[String]) -> Vec<String> {
    items.iter().map(|item| format!("- {item}")).collect()
}

/// Packs what the step needs into `most_seconds` of reading.
pub fn pack(snapshot: &Snapshot, verb: &str, platform: Option<&str>, most_seconds: f64) -> Pack {
    pack_about(snapshot, verb, platform, most_seconds, "")
}

/// [`pack`], where pieces that say most about `about` go first into what room there is. They stand in the order of the files.
pub fn pack_about(snapshot: &Snapshot, verb: &str, platform: Option<&str>, most_seconds: f64, about: &str) -> Pack {
    let wanted = content_words(about);
    let mut text = String::new();
    let mut left_out = Vec::new();
    for part in parts(snapshot, verb, platform) {
        let all = part.pieces.len();
        let heading = format!("## {}\n", part.title);
        let mut order: Vec<usize> = (0..all).collect();
        order.order_by_key(|at| std::cmp::Reverse(content_words(&part.pieces[*at]).intersection(&wanted).count()));
        let mut kept: Vec<usize> = Vec::new();
        let mut words_so_far = words(&text) + words(&heading);
        for at in order {
            let more = words(&part.pieces[at]);
            if !part.binding && (words_so_far + more) as f64 * 60.0 / WORDS_PER_MINUTE > most_seconds {
                break;
            }
            words_so_far += more;
            kept.push(at);
        }
        kept.sort_unstable();
        let kept: Vec<&str> = kept.into_iter().map(|at| part.pieces[at].as_str()).collect();
        if kept.len() < all {
            let of = if kept.is_empty() { String::new() } else { format!(" ({} of {all})", all - kept.len()) };
            left_out.push(format!("{}{of}", part.title.to_lowercase()));
        }
        if !kept.is_empty() {
            text.push_str(&format!("{heading}{}\n\n", kept.join("\n")));
        }
    }
    if !left_out.is_empty() {
        text.push_str(&format!("Left out to stay within {most_seconds:.0} seconds of reading: {}.\n", left_out.join(", ")));
    }
    let text = text.trim_end().to_owned();
    Pack { seconds: reading_seconds(&text), tokens: token_estimate(&text), text, left_out }
}

fn parts(snapshot: &Snapshot, verb: &str, platform: Option<&str>) -> Vec<Part> {
    let decisions = snapshot
        .decisions
        .iter()
        .map(|decision| {
            let mut line = format!("- {}", decision.name);
            if !decision.text.is_empty() {
                line.push_str(&format!(": {}", decision.text.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
            if !decision.forbids.is_empty() {
                line.push_str(&format!(" Never say: {}.", quoted(&decision.forbids)));
            }
            line
        })
        .collect();
    let forbidden = if snapshot.forbidden.is_empty() { Vec::new() } else { vec![quoted(&snapshot.forbidden)] };
    let pillars =
        snapshot.pillars.iter().map(|pillar| format!("- {} ({:.0} %): {}", pillar.name, pillar.weight * 100.0, pillar.about));
    let goals = snapshot.goals.iter().map(|goal| {
        let until = goal.until.as_deref().map_or_else(String::new, |until| format!(", until {until}"));
        format!("- {}: {} per {}{until}", goal.name, goal.target, goal.per)
    });
    let pages = snapshot.pages.iter().map(|(title, url)| format!("- [{title}]({url})"));
    // Without a platform, a single style guide is the one that is meant.
    let style = match platform {
        Some(platform) => snapshot.styles.get_key_value(platform),
        None if snapshot.styles.len() == 1 => snapshot.styles.iter().next(),
        None => None,
    };
    let binding = |part: Part| Part { binding: true, ..part };
    let mut parts = vec![binding(part("Locked decisions", decisions)), binding(part("Never say", forbidden))];
    let company = part("Company", vec![snapshot.company.clone()]);
    let voice = part("Voice", vec![snapshot.voice.clone()]);
    let audience = part("Audience", vec![snapshot.audience.clone()]);
    let services = part("Services", bullets(&snapshot.services));
    let ctas = part("Calls to action", bullets(&snapshot.ctas));
    let samples = part("Approved samples", snapshot.samples.iter().map(|sample| format!("> {sample}")).collect());
    let pillars = part("Pillars", pillars.collect());
    let goals = part("Goals", goals.collect());
    let pages = part("Own pages", pages.collect());
    let style = part(
        &style.map_or_else(String::new, |(platform, _)| format!("Style for {platform}")),
        style.map(|(_, text)| text.clone()).into_iter().collect(),
    );
    match verb {
        // Planning needs to know for whom and why; the voice comes with the words.
        "outline" => parts.extend([audience, company, style, ctas, services, pillars, voice]),
        "brief" | "score" | "gap" => parts.extend([audience, pillars, goals, company, services, ctas, pages]),
        "draft" | "vary" | "adapt" | "personalize" => parts.extend([voice, audience, style, samples, company, ctas, services]),
        "check" => parts.extend([voice, style, samples]),
        _ => parts.extend([company, voice, audience, style, ctas, services, pillars, goals, samples, pages]),
    }
    parts.retain(|part| !part.pieces.is_empty());
    parts
}

fn quoted(phrases: &[String]) -> String {
    phrases.iter().map(|phrase| format!("“{phrase}”")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_os::Decision;

    fn snapshot() -> Snapshot {
        Snapshot {
            voice: "Plain.".into(),
            audience: "Engineers.".into(),
            forbidden: vec!["unlock".into(), "seamless".into()],
            samples: vec![
                "word ".repeat(150).trim().into(),
                "word ".repeat(150).trim().into(),
                "word ".repeat(150).trim().into(),
            ],
            decisions: vec![Decision {
                name: "No ranking".into(),
                text: "We\ndescribe.".into(),
                forbids: vec!["better than".into()],
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_minute_is_238_words() {
        assert_eq!(reading_seconds(&"word ".repeat(238)), 60.0);
        assert_eq!(reading_seconds("- — *"), 0.0);
        assert_eq!(token_estimate("abcdefgh"), 2);
        assert_eq!(token_estimate("日本"), 2);
    }

    #[test]
    fn a_pack_stays_within_its_time_and_says_what_it_left_out() {
        let pack = pack(&snapshot(), "draft", None, READING_SECONDS);
        assert_eq!(pack.left_out, ["approved samples (1 of 3)"]);
        assert!(pack.seconds < READING_SECONDS + 5.0, "{}", pack.seconds);
        assert!(pack.text.ends_with("Left out to stay within 90 seconds of reading: approved samples (1 of 3)."));
        assert!(pack.text.starts_with(
            "## Locked decisions\n- No ranking: We describe. Never say: “better than”.\n\n## Never say\n“unlock”, “seamless”"
        ));
    }

    #[test]
    fn what_binds_is_never_left_out() {
        let pack = pack(&snapshot(), "draft", None, 0.0);
        assert!(pack.text.contains("better than") && pack.text.contains("unlock"));
        assert!(!pack.text.contains("Plain."));
    }

    #[test]
    fn what_says_most_about_the_piece_stays_when_not_all_fits() {
        let long = |about: &str| format!("{about} {}", "word ".repeat(150));
        let snapshot = Snapshot { samples: vec![long("deploys"), long("volume prices"), long("teams")], ..snapshot() };
        let pack = pack_about(&snapshot, "draft", None, READING_SECONDS, "What volume prices mean");
        assert!(pack.text.contains("volume prices") && !pack.text.contains("> teams"), "{}", pack.text);
        assert_eq!(pack.left_out, ["approved samples (1 of 3)"]);
        assert!(context_for(&snapshot, "draft", None).contains("> deploys"), "without a topic the order of the files counts");
    }

    #[test]
    fn a_step_reads_what_it_needs() {
        let mut snapshot = snapshot();
        snapshot.styles.insert("blog".into(), "Short.".into());
        assert!(!context_for(&snapshot, "outline", None).contains("word word"));
        assert!(context_for(&snapshot, "draft", Some("blog")).contains("## Style for blog\nShort."));
        assert!(!context_for(&snapshot, "draft", Some("x")).contains("Style"));
        assert_eq!(context_for(&Snapshot::default(), "draft", None), "");
    }
}
