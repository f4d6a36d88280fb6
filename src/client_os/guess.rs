//! A first Client OS from what a team has written already: brand texts, pages of its site, posts it is proud of.
//!
//! Nothing is invented: a part is taken from a section with a name that means it, from a link, from a list, or is measured on the samples.
//! Every part keeps where it comes from, because what is guessed has to be looked at by a person. What nothing speaks of stays empty.

use super::brand::known;
use super::markdown;
use crate::base::InOrder;
use crate::stats::text::{content_tokens, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// What a text is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A brand text or a page of the site.
    Brand,
    /// A post in the voice that is wanted.
    Sample,
}

/// One text that was read, as Markdown or plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// A path or an address.
    pub source: String,
    pub text: String,
    pub title: Option<String>,
    pub used: Use,
}

/// Something guessed, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guessed {
    pub text: String,
    pub source: String,
}

/// What could be guessed; a part that nothing speaks of is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guess {
    /// By the section's own name, `Company` to `Pages`; lists have an element for each item.
    pub parts: BTreeMap<&'static str, Vec<Guessed>>,
    /// What the company is called.
    pub name: Option<Guessed>,
    /// Words that the texts come back to, the most frequent first.
    pub topics: Vec<Guessed>,
}

/// More items than this are no list that a person looks through.
const ITEMS_MOST: usize = 12;
/// Words that speak of no territory, however often they stand there.
const NO_TOPIC: [&str; 14] = [
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "someone",
    "anyone",
    "everyone",
    "nothing",
    "something",
    "anything",
    "everything",
    "whatever",
    "whoever",
    "others",
];
const SAMPLES_MOST: usize = 3;
const TOPICS_MOST: usize = 4;
/// Verbs that ask a reader to do something.
const ASKING: [&str; 12] =
    ["book", "buy", "call", "contact", "demo", "download", "join", "register", "sign up", "start", "subscribe", "try"];

/// Guesses from texts, in their order: what stands first counts more.
pub fn guess(materials: &[Material]) -> Guess {
    let mut guess = Guess::default();
    for material in materials.iter().filter(|material| material.used == Use::Brand) {
        name(material, &mut guess);
        sections(material, &mut guess);
        never_said(material, &mut guess);
        links(material, &mut guess);
    }
    company(materials, &mut guess);
    voice(materials, &mut guess);
    samples(materials, &mut guess);
    topics(materials, &mut guess);
    for items in guess.parts.values_mut() {
        let mut seen = BTreeSet::new();
        items.retain(|item| seen.insert(item.text.to_lowercase()));
        items.truncate(ITEMS_MOST);
    }
    guess
}

/// A heading that means a part: `## Tone of voice`, but also `VOICE` or `Voice:` on a line of its own, as a PDF's text has it.
fn meaning(line: &str) -> Option<&'static str> {
    let name = line.trim().trim_start_matches('#').trim().trim_end_matches([':', '#']).trim();
    let short = !name.is_empty() && name.len() <= 40 && !name.ends_with(['.', ',']);
    let more = |name: &str| match name.to_lowercase().as_str() {
        "our company" | "about us" | "the company" | "our story" | "mission" => Some("Company"),
        "our voice" | "how we sound" | "how we write" | "writing style" | "style" => Some("Voice"),
        "our audience"
        | "ideal customer"
        | "ideal customers"
        | "ideal customer profile"
        | "icp"
        | "who we help"
        | "customers"
        | "our customers"
        | "who it is for"
        | "target audience" => Some("Audience"),
        "our services" | "what we do" | "what we offer" | "features" | "solutions" => Some("Services"),
        "call to action" | "cta" | "next step" => Some("Calls to action"),
        "words we avoid" | "avoid" | "do not say" | "don't say" | "we never say" | "banned words" => Some("Forbidden phrases"),
        _ => None,
    };
    short.then(|| known(name).or_else(|| more(name))).flatten()
}

/// `Voice: calm and plain`: a name that means a part, and what is said of it behind a colon.
fn labelled(line: &str) -> Option<(&'static str, Vec<String>)> {
    let (label, said) = line.trim().trim_start_matches(['-', '*', ' ']).split_once(':')?;
    let meant = meaning(label.trim_matches(['*', '_', ' ']))?;
    let said = said.trim().trim_start_matches(['*', '_']).trim();
    // `http://…` and a heading with a colon say nothing behind it.
    if said.is_empty() || said.starts_with("//") {
        return None;
    }
    let is_list = matches!(meant, "Services" | "Forbidden phrases") && !said.trim_end_matches('.').contains(". ");
    let parts = |said: &str| said.trim_end_matches('.').split([',', ';']).map(|part| format!("- {}", unquoted(part))).collect();
    Some((meant, if is_list { parts(said) } else { vec![said.to_owned()] }))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches(['"', '“', '”', '„', '‘', '’', '\'', '«', '»'])
}

/// The company's name: the first heading of a brand text, or a page's title, without what kind of document it is.
fn name(material: &Material, guess: &mut Guess) {
    const KINDS: [&str; 8] = [
        " brand book",
        " brand guidelines",
        " brand guide",
        " style guide",
        " brand context",
        " tone of voice",
        " brand",
        " client os",
    ];
    if guess.name.is_some() {
        return;
    }
    let first = material.text.lines().map(str::trim).find(|line| !line.is_empty());
    let heading = first.filter(|line| line.starts_with("# ") || !line.ends_with(['.', ':', '!', '?']));
    let said = material.title.as_deref().or(heading).unwrap_or_default();
    let said = one_line(said.trim_start_matches('#'));
    let end = [" | ", " – ", " — ", " - ", ": "].iter().filter_map(|mark| said.find(mark)).min().unwrap_or(said.len());
    let said = &said[..end];
    let lower = said.to_lowercase();
    let end = KINDS.iter().find(|kind| lower.ends_with(*kind)).map_or(said.len(), |kind| said.len() - kind.len());
    let said = said.get(..end).unwrap_or_default().trim();
    let words = said.split_whitespace().count();
    if (1..=5).contains(&words) && said.len() <= 60 && meaning(said).is_none() && said.chars().any(char::is_alphabetic) {
        guess.name = Some(Guessed { text: said.to_owned(), source: material.source.clone() });
    }
}

/// Phrases in quotation marks in a sentence that says that they are never used: `We never say "game changer"`.
fn never_said(material: &Material, guess: &mut Guess) {
    const NEVER: [&str; 8] =
        ["never say", "never use", "never write", "do not say", "don't say", "don’t say", "do not use", "avoid"];
    for sentence in material.text.split(['.', '\n']) {
        let lower = sentence.to_lowercase();
        let Some(at) = NEVER.iter().filter_map(|never| lower.find(never)).min() else { continue };
        let Some(rest) = sentence.get(at..) else { continue };
        let marked: Vec<&str> = rest.split(['"', '“', '”', '„', '«', '»']).skip(1).step_by(2).collect();
        let phrases = marked.into_iter().map(str::trim).filter(|phrase| (1..=6).contains(&phrase.split_whitespace().count()));
        let guessed = phrases.map(|phrase| Guessed { text: phrase.to_owned(), source: material.source.clone() });
        guess.parts.entry("Forbidden phrases").or_default().extend(guessed);
    }
}

fn sections(material: &Material, guess: &mut Guess) {
    let mut part: Option<&'static str> = None;
    let mut found: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for line in material.text.lines() {
        if let Some(meant) = meaning(line) {
            part = Some(meant);
        } else if let Some((meant, said)) = labelled(line) {
            found.entry(meant).or_default().extend(said);
            part = None;
        } else if line.trim_start().starts_with('#') {
            part = None;
        } else if let Some(part) = part {
            found.entry(part).or_default().push(line.to_owned());
        }
    }
    for (part, lines) in found {
        let source = material.source.clone();
        let items: Vec<String> = match part {
            "Company" | "Voice" | "Audience" => {
                let text = lines.join("\n");
                // What fits on a card; the rest stands in the source.
                let paragraphs: Vec<String> = text.split("\n\n").map(one_line).filter(|text| !text.is_empty()).take(2).collect();
                Some(paragraphs.join("\n\n")).filter(|text| !text.is_empty()).into_iter().collect()
            }
            _ => {
                let listed: Vec<String> = lines.iter().filter_map(|line| markdown::item_text(line)).map(one_line).collect();
                if listed.is_empty() { lines.iter().map(|line| one_line(line)).collect() } else { listed }
            }
        };
        // A part that was found in an earlier text is only added to when it is a list.
        let entry = guess.parts.entry(part).or_default();
        let is_text = matches!(part, "Company" | "Voice" | "Audience");
        if !is_text || entry.is_empty() {
            entry.extend(items.into_iter().filter(|text| !text.is_empty()).map(|text| Guessed { text, source: source.clone() }));
        }
    }
}

/// Links of a page: those that ask for something are calls to action, the others are pages of one's own.
fn links(material: &Material, guess: &mut Guess) {
    let mut rest = material.text.as_str();
    while let Some(at) = rest.find("](http") {
        let (before, after) = rest.split_at(at);
        let words = before.rsplit_once('[').map_or("", |(_, words)| words);
        let url: String = after[2..].chars().take_while(|c| !matches!(c, ')' | ' ' | '\n' | '>')).collect();
        rest = &after[2..];
        let words = one_line(words);
        if words.is_empty() || words.len() > 80 || words.contains(']') {
            continue;
        }
        let lower = format!(" {} ", words.to_lowercase());
        let asks = ASKING.iter().any(|verb| lower.contains(&format!(" {verb} ")));
        let (part, text) =
            if asks { ("Calls to action", format!("[{words}]({url})")) } else { ("Pages", format!("[{words}]({url})")) };
        guess.parts.entry(part).or_default().push(Guessed { text, source: material.source.clone() });
    }
}

/// Who is speaking: where no section says it, the first paragraph of the first brand text.
fn company(materials: &[Material], guess: &mut Guess) {
    if guess.parts.get("Company").is_some_and(|found| !found.is_empty()) {
        return;
    }
    let brand = materials.iter().filter(|material| material.used == Use::Brand);
    let first = brand.clone().find_map(|material| {
        let text = paragraphs(&material.text).find(|text| text.split_whitespace().count() >= 8)?;
        Some(Guessed { text, source: material.source.clone() })
    });
    guess.parts.entry("Company").or_default().extend(first);
}

/// How the samples sound, in numbers that a writer can keep to.
fn voice(materials: &[Material], guess: &mut Guess) {
    if guess.parts.get("Voice").is_some_and(|found| !found.is_empty()) {
        return;
    }
    let samples: Vec<&Material> = materials.iter().filter(|material| material.used == Use::Sample).collect();
    let text: String = samples.iter().flat_map(|sample| paragraphs(&sample.text)).collect::<Vec<_>>().join(" ");
    let words = tokens(&text);
    let sentences = text.split(['.', '!', '?']).filter(|sentence| sentence.split_whitespace().count() > 1).count();
    if sentences < 5 {
        return;
    }
    let share = |all: &[&str]| words.iter().filter(|word| all.contains(&word.as_str())).count() * 100 / words.len().max(1);
    let mut said = vec![format!("Sentences of about {} words.", words.len().div_ceil(sentences))];
    if share(&["we", "our", "us"]) >= 1 {
        said.push("We speak as “we”.".to_owned());
    }
    if share(&["you", "your"]) >= 1 {
        said.push("We speak to “you”.".to_owned());
    }
    let loud = text.matches('!').count() * 100 / sentences;
    said.push(if loud == 0 { "No exclamation marks." } else { "Exclamation marks now and then." }.to_owned());
    let source = format!("{} samples, measured", samples.len());
    guess.parts.entry("Voice").or_default().push(Guessed { text: said.join(" "), source });
}

fn samples(materials: &[Material], guess: &mut Guess) {
    let samples = materials.iter().filter(|material| material.used == Use::Sample);
    let chosen = samples.filter_map(|material| {
        let text = paragraphs(&material.text).find(|text| (15..=90).contains(&text.split_whitespace().count()))?;
        Some(Guessed { text, source: material.source.clone() })
    });
    guess.parts.entry("Approved samples").or_default().extend(chosen.take(SAMPLES_MOST));
}

/// Words of four letters and more that most of the texts come back to.
fn topics(materials: &[Material], guess: &mut Guess) {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for material in materials {
        let mut seen = BTreeSet::new();
        for word in content_tokens(&material.text).into_iter().filter(|word| word.len() >= 4 && !word.contains("http")) {
            if word.chars().all(char::is_alphabetic) && !NO_TOPIC.contains(&word.as_str()) {
                let count = counts.entry(word.clone()).or_default();
                count.0 += usize::from(seen.insert(word));
                count.1 += 1;
            }
        }
    }
    let mut ranked: Vec<(String, (usize, usize))> = counts.into_iter().filter(|(_, (_, times))| *times >= 3).collect();
    ranked.order_by(|(a, (texts_a, times_a)), (b, (texts_b, times_b))| (texts_b, times_b, a).cmp(&(texts_a, times_a, b)));
    let source = |texts: usize, times: usize| format!("{times} times in {texts} of {} texts", materials.len());
    let topic = |(text, (texts, times)): (String, (usize, usize))| Guessed { text, source: source(texts, times) };
    guess.topics = ranked.into_iter().take(TOPICS_MOST).map(topic).collect();
}

/// Paragraphs of running words: no headings, lists, tables, front matter or code.
fn paragraphs(text: &str) -> impl Iterator<Item = String> + '_ {
    let text = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---")).map_or(text, |(_, body)| body);
    text.split("\n\n")
        // A heading may stand right above its text, and what a label says belongs to another part.
        .map(|part| {
            let is_text =
                |line: &&str| !line.trim_start().starts_with('#') && labelled(line).is_none() && meaning(line).is_none();
            part.lines().filter(is_text).collect::<Vec<_>>().join("\n")
        })
        .filter(|part| !part.trim_start().starts_with(['-', '*', '|', '>', '`', '<', '!']))
        .map(|part| one_line(&part))
        .filter(|part| !part.is_empty())
}

/// On one line, without what would begin a comment or end one.
pub fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.replace("<!--", "").replace("-->", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(text: &str, used: Use) -> Material {
        Material { source: "brand.pdf".into(), text: text.into(), title: None, used }
    }

    fn part(guess: &Guess, name: &str) -> Vec<String> {
        guess.parts.get(name).into_iter().flatten().map(|item| item.text.clone()).collect()
    }

    #[test]
    fn sections_with_names_that_mean_a_part_are_taken_with_their_source() {
        let text = "ACME BRAND BOOK\n\nTone of voice\nPlain and exact.\n\n## Our customers\nSmall teams.\n\nWe never say:\n- game changer\n- synergy\n\n## History\nLong.\n";
        let guess = guess(&[material(text, Use::Brand)]);
        assert_eq!(part(&guess, "Voice"), ["Plain and exact."]);
        assert_eq!(part(&guess, "Audience"), ["Small teams."]);
        assert_eq!(part(&guess, "Forbidden phrases"), ["game changer", "synergy"]);
        assert_eq!(guess.parts["Voice"][0].source, "brand.pdf");
    }

    #[test]
    fn links_that_ask_are_calls_to_action_and_others_are_pages() {
        let text = "Acme helps small software teams run what they build every day.\n\n[Book a time](https://acme.example/book) [Pricing](https://acme.example/pricing)";
        let guess = guess(&[material(text, Use::Brand)]);
        assert_eq!(part(&guess, "Calls to action"), ["[Book a time](https://acme.example/book)"]);
        assert_eq!(part(&guess, "Pages"), ["[Pricing](https://acme.example/pricing)"]);
        assert_eq!(part(&guess, "Company"), ["Acme helps small software teams run what they build every day."]);
    }

    #[test]
    fn a_text_with_labels_instead_of_headings_is_understood() {
        let text = "# Brightwater brand guide\nWe help small clinics see which appointment reminders work.\nVoice: calm, plain, no hype. We never say \"game-changer\" or “revolutionary”.\n**Our services:** reminder audits, no-show reports\nCall to action: Book a 20-minute audit.\nIdeal customer: practice managers of small clinics.\nSee http://a.example/: a page.\n";
        let guess = guess(&[material(text, Use::Brand)]);
        assert_eq!(guess.name.as_ref().map(|name| name.text.as_str()), Some("Brightwater"));
        assert_eq!(part(&guess, "Voice"), ["calm, plain, no hype. We never say \"game-changer\" or “revolutionary”."]);
        assert_eq!(part(&guess, "Services"), ["reminder audits", "no-show reports"]);
        assert_eq!(part(&guess, "Calls to action"), ["Book a 20-minute audit."]);
        assert_eq!(part(&guess, "Audience"), ["practice managers of small clinics."]);
        assert_eq!(part(&guess, "Forbidden phrases"), ["game-changer", "revolutionary"]);
        assert!(part(&guess, "Company")[0].starts_with("We help small clinics see which appointment reminders work. See"));
    }

    #[test]
    fn the_voice_of_samples_is_measured_and_nothing_is_said_of_too_little() {
        let text = "We tried it on our own setup first. You can do the same in an afternoon. It took us two hours. Bring your last bill with you. The sum is below.\n";
        let guess = super::guess(&[material(text, Use::Sample)]);
        assert_eq!(
            part(&guess, "Voice"),
            ["Sentences of about 7 words. We speak as “we”. We speak to “you”. No exclamation marks."]
        );
        assert_eq!(part(&guess, "Approved samples").len(), 1);
        assert_eq!(part(&super::guess(&[material("Hello.", Use::Sample)]), "Voice"), Vec::<String>::new());
        assert_eq!(super::guess(&[]), super::guess(&[]));
    }

    #[test]
    fn hostile_text_stays_text() {
        let guess = guess(&[material("## Voice\n<!-- --> \u{1b}[2J plain --> <!-- x\n](http](http[](http\n", Use::Brand)]);
        assert_eq!(part(&guess, "Voice"), ["[2J plain x ](http](http[](http"]);
    }
}
