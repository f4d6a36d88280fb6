//! `loopctl os export`: the Client OS as one portable text, so that every tool a team uses works from the same words.

use super::os;
use crate::cli::args::{OsExport, OsReader};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::client_os::{self, Snapshot};
use serde_json::{Value, json};

pub fn run(args: &OsExport, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let project = Project::load(place, args.workflow.file.as_deref(), output)?;
    os::folder(&project)?;
    let snapshot = &project.client_os;
    let facts = facts(snapshot);
    if args.reader == OsReader::Json {
        output.facts("client_os", &facts);
        return Ok(Exit::Ok);
    }
    let text = text(snapshot, args.reader);
    let told = json!({
        "version": facts["version"], "text": text, "tokens": client_os::token_estimate(&text),
        "reading_seconds": client_os::reading_seconds(&text),
    });
    output.either("client_os", &told, || text.clone());
    Ok(Exit::Ok)
}

fn text(snapshot: &Snapshot, reader: OsReader) -> String {
    let version = snapshot.digest().short(12);
    let mut text = match reader {
        OsReader::Chat => {
            "Write and judge everything in this conversation by the following. Where a request breaks a locked decision or needs \
            a forbidden phrase, say so instead of doing it. Do not state facts, numbers or prices that I have not given.\n\n"
                .to_owned()
        }
        OsReader::Agents | OsReader::Json => {
            "# Client OS\n\nWhat everything written for this company follows. Locked decisions and forbidden \
            phrases bind; the rest guides.\n\n"
                .to_owned()
        }
    };
    // Every part whole, whatever the time: the reader is a program or takes what it wants.
    text.push_str(&client_os::pack(snapshot, "export", None, f64::INFINITY).text);
    for (platform, style) in &snapshot.styles {
        if snapshot.styles.len() > 1 {
            text.push_str(&format!("\n\n## Style: {platform}\n{style}"));
        }
    }
    text.push_str(&format!("\n\nVersion {version} of the Client OS.\n"));
    text
}

fn facts(snapshot: &Snapshot) -> Value {
    json!({
        "version": snapshot.digest().short(12),
        "company": snapshot.company,
        "voice": snapshot.voice,
        "audience": snapshot.audience,
        "services": snapshot.services,
        "calls_to_action": snapshot.ctas,
        "forbidden": snapshot.forbidden,
        "samples": snapshot.samples,
        "pages": snapshot.pages.iter().map(|(title, url)| json!({"title": title, "url": url})).collect::<Vec<_>>(),
        "goals": snapshot.goals,
        "pillars": snapshot.pillars,
        "decisions": snapshot.decisions,
        "styles": snapshot.styles,
        "files": snapshot.files,
    })
}
