//! What all sources share: the nodes that say where to read, the requests they become, and the replies as documents.

use crate::base::{Digest, Timestamp, duration};
use crate::builtin::common::bytes;
use crate::model::Config;
use crate::step::{
    Body, Fetch, Fetched, NodeSpec, Note, NoteLevel, Output, PropSpec, Reply, Request, StepContext, StepError, Target, ValueType,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::borrow::Cow;
use std::collections::BTreeMap;

pub const URL: NodeSpec =
    NodeSpec::value("url", ValueType::Url, "An address to read.", r#"url "https://example.com/feed.xml""#).many();

pub const PATH: NodeSpec = NodeSpec::value(
    "path",
    ValueType::File,
    "A file to read, relative to the workflow. `.gz` is unpacked.",
    r#"path "data/input.csv""#,
)
.many();

pub const FOLDER: NodeSpec = NodeSpec {
    props: &[PropSpec {
        name: "glob",
        ty: ValueType::Glob,
        required: false,
        default: Some("*"),
        doc: "Which files of the folder, such as `*.xml`.",
    }],
    ..NodeSpec::value(
        "folder",
        ValueType::Folder,
        "A folder whose files are read in name order.",
        r#"folder "data/feeds" glob="*.xml""#,
    )
    .many()
};

pub const EVERY: NodeSpec = NodeSpec::value(
    "every",
    ValueType::Duration,
    "Reads again only when this much time has passed since the last reading; cycles in between get nothing new.",
    r#"every "1h""#,
);

/// What the server said about what we have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// One thing that was read, unpacked.
pub struct Document<'a> {
    /// How the workflow names it; the key of kept state.
    pub key: String,
    /// Where it was read in the end: an address after redirects, or a path.
    pub place: String,
    pub bytes: Cow<'a, [u8]>,
    pub digest: Digest,
    pub validators: Validators,
}

impl Document<'_> {
    /// The address it was read from, when it was not a file.
    pub fn url(&self) -> Option<&str> {
        self.place.contains("://").then_some(self.place.as_str())
    }
}

/// What came of one place.
pub enum Outcome<'a> {
    Read(Document<'a>),
    Unchanged { key: String },
    Missing { key: String, place: String },
    Blocked { key: String, place: String, reason: String },
    Failed { key: String, message: String, help: Option<String> },
}

/// The places a step reads, in the order of the file: addresses, then files, then folders.
pub fn targets(config: &Config) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    targets.extend(config.texts("url").into_iter().map(|url| Target::Url(url.to_owned())));
    targets.extend(config.texts("path").into_iter().map(|path| Target::File(path.to_owned())));
    for folder in config.all("folder") {
        if let Some(path) = folder.arg().and_then(|arg| arg.text()) {
            let glob = folder.prop("glob").and_then(|glob| glob.text()).unwrap_or("*");
            targets.push(Target::Folder { path: path.trim_end_matches('/').to_owned(), glob: glob.to_owned() });
        }
    }
    targets
}

fn key_of(target: &Target) -> &str {
    match target {
        Target::Url(url) => url,
        Target::File(path) | Target::Folder { path, .. } => path,
    }
}

/// Requests for the targets, with the validators that are kept for addresses.
pub fn requests(targets: &[Target], kept: &BTreeMap<String, Validators>) -> Vec<Request> {
    let request = |target: &Target| {
        let validators = match target {
            Target::Url(url) => kept.get(url).cloned().unwrap_or_default(),
            Target::File(_) | Target::Folder { .. } => Validators::default(),
        };
        Request::Fetch(Fetch {
            etag: validators.etag,
            last_modified: validators.last_modified,
            max_bytes: 64 << 20,
            ..Fetch::new(target.clone())
        })
    };
    targets.iter().map(request).collect()
}

/// Replies as outcomes, one per place; a folder has one per file.
pub fn outcomes<'a>(targets: &[Target], replies: &'a [Reply]) -> Vec<Outcome<'a>> {
    each(targets, replies).collect()
}

/// The same one after the other, so that only one document at a time need be unpacked.
fn each<'a>(targets: &[Target], replies: &'a [Reply]) -> impl Iterator<Item = Outcome<'a>> {
    targets.iter().zip(replies).flat_map(|(target, reply)| {
        let key = key_of(target).to_owned();
        let folder: &'a [(String, Body)] = if let Reply::Fetched(Fetched::Entries(entries)) = reply { entries } else { &[] };
        let whole = folder.is_empty().then(|| outcome(key.clone(), reply)).flatten();
        let file = move |(name, body): &'a (String, Body)| {
            let place = format!("{key}/{name}");
            document(place.clone(), place, body, Validators::default())
        };
        whole.into_iter().chain(folder.iter().map(file))
    })
}

/// What one reply that is no folder says.
fn outcome(key: String, reply: &Reply) -> Option<Outcome<'_>> {
    Some(match reply {
        Reply::Fetched(Fetched::Content { body, etag, last_modified, place, .. }) => {
            let validators = Validators { etag: etag.clone(), last_modified: last_modified.clone() };
            document(key, place.clone(), body, validators)
        }
        // A folder without a file.
        Reply::Fetched(Fetched::Entries(_)) => return None,
        Reply::Fetched(Fetched::NotModified) => Outcome::Unchanged { key },
        Reply::Fetched(Fetched::Missing { place }) => Outcome::Missing { key, place: place.clone() },
        Reply::Fetched(Fetched::Blocked { place, reason }) => {
            Outcome::Blocked { key, place: place.clone(), reason: reason.clone() }
        }
        Reply::Failed(failure) => Outcome::Failed { key, message: failure.message.clone(), help: failure.help.clone() },
        _ => Outcome::Failed { key, message: "the answer is not a document".to_owned(), help: None },
    })
}

fn document(key: String, place: String, body: &Body, validators: Validators) -> Outcome<'_> {
    match bytes::unpack(body.bytes()) {
        Ok(bytes) => Outcome::Read(Document { key, place, digest: body.digest(), bytes, validators }),
        Err(message) => Outcome::Failed { key, message, help: None },
    }
}

/// What a source could read.
pub struct Readings<'a> {
    pub documents: Vec<Document<'a>>,
    pub unchanged: usize,
    /// Places that could not be read; each has its note.
    pub unread: usize,
}

impl Readings<'_> {
    pub fn places(&self) -> usize {
        self.documents.len() + self.unchanged + self.unread
    }
}

/// Documents for sources to which a missing, blocked or failing place is trouble: a warning each, while the others go on.
///
/// # Errors
/// When nothing at all could be read.
pub fn readings<'a>(targets: &[Target], replies: &'a [Reply], output: &mut Output) -> Result<Readings<'a>, StepError> {
    let mut documents = Vec::new();
    let (unchanged, unread) = visit(targets, replies, output, |document| documents.push(document))?;
    Ok(Readings { documents, unchanged, unread })
}

/// The same for large documents: each is handed over and forgotten. Gives how many were unchanged and how many could not be
/// read.
///
/// # Errors
/// When nothing at all could be read.
pub fn visit<'a>(
    targets: &[Target],
    replies: &'a [Reply],
    output: &mut Output,
    mut take: impl FnMut(Document<'a>),
) -> Result<(usize, usize), StepError> {
    let (mut read, mut unchanged, mut unread) = (0, 0, 0);
    let mut first: Option<StepError> = None;
    for outcome in each(targets, replies) {
        let (place, text, help) = match outcome {
            Outcome::Read(document) => {
                read += 1;
                take(document);
                continue;
            }
            Outcome::Unchanged { .. } => {
                unchanged += 1;
                continue;
            }
            Outcome::Missing { place, .. } => {
                (place.clone(), format!("{place} is not there"), Some("check the name in the workflow".to_owned()))
            }
            Outcome::Blocked { place, reason, .. } => (place.clone(), format!("{place} may not be read: {reason}"), None),
            Outcome::Failed { key, message, help } => (key.clone(), format!("{key} cannot be read: {message}"), help),
        };
        unread += 1;
        warn(output, Some(place), format!("{text}."));
        first.get_or_insert(StepError { message: text, help });
    }
    match first {
        Some(error) if read == 0 && unchanged == 0 => Err(error),
        _ => Ok((unchanged, unread)),
    }
}

/// A warning with a place.
pub fn warn(output: &mut Output, place: Option<String>, text: impl Into<String>) {
    output.notes.push(Note { level: NoteLevel::Warning, text: text.into(), place });
}

pub fn inform(output: &mut Output, place: Option<String>, text: impl Into<String>) {
    output.notes.push(Note { level: NoteLevel::Info, text: text.into(), place });
}

/// The kept state, or the default when there is none or it was written by an older shape.
pub fn state<T: DeserializeOwned + Default>(cx: &StepContext<'_>) -> T {
    cx.state.and_then(|state| serde_json::from_value(state.clone()).ok()).unwrap_or_default()
}

/// The state as it is kept.
pub fn keep<T: Serialize>(state: &T) -> Option<serde_json::Value> {
    Some(serde_json::to_value(state).expect("our own states always serialise"))
}

/// When `every` says it is too early to read again: the output that says so.
pub fn too_early(cx: &StepContext<'_>, last: Option<Timestamp>) -> Option<Output> {
    let every = cx.config().duration("every")?;
    let last = last?;
    let waited = cx.now.since(last);
    if cx.now < last || waited >= every {
        return None;
    }
    let headline = format!("not due: read at {last}, every {}", duration::format(every));
    Some(Output { headline: Some(headline), ..Output::default() })
}

/// `1 feed`, `2 feeds`: a count with its noun, regular plurals only.
pub fn count(number: usize, noun: &str) -> String {
    let digits = number.to_string();
    // Thousands are grouped, because 41188 is hard to read.
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let noun = match (number, noun.strip_suffix('y')) {
        (1, _) => noun.to_owned(),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{grouped} {noun}")
}

/// Where sentences end in a text: behind `.`, `!` or `?` that white space or nothing follows, so `$2.33` and `a.b@c.example` stay whole.
pub fn sentence_ends(text: &str) -> impl DoubleEndedIterator<Item = usize> + '_ {
    text.match_indices(['.', '!', '?'])
        .map(|(at, mark)| at + mark.len())
        .filter(|end| text[*end..].chars().next().is_none_or(char::is_whitespace))
}

/// The first sentence or so of a text, at most `max` characters.
pub fn quote(text: &str, max: usize) -> String {
    let text = text.trim();
    let Some((most, _)) = text.char_indices().nth(max) else { return text.to_owned() };
    let sentence = sentence_ends(text).take_while(|end| *end <= most).filter(|end| *end > max / 3).last();
    let word = || if text[most..].starts_with(' ') { most } else { text[..most].rfind(' ').unwrap_or(most) };
    text[..sentence.unwrap_or_else(word)].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(2, "entry"), "2 entries");
        assert_eq!(count(41_188, "row"), "41,188 rows");
        assert_eq!(count(0, "day"), "0 days");
    }

    #[test]
    fn quotes_end_at_a_sentence_or_a_word() {
        assert_eq!(quote("One two. Three four five", 14), "One two.");
        assert_eq!(quote("One two three", 9), "One two");
        assert_eq!(quote("It costs $2.33 a month", 14), "It costs $2.33");
        assert_eq!(quote("Write to ann.smith@a.example today", 22), "Write to");
        assert_eq!(quote("ěščřž", 3), "ěšč");
        assert_eq!(quote("short", 100), "short");
    }
}
