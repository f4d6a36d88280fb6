//! The tools and resources of `loopctl mcp`. A tool is a command line: its words are put together here, its JSON is the answer.

use crate::cli;
use crate::cli::args::Args;
use crate::cli::output::Output;
use crate::cli::project::{Place, Project};
use crate::model::Untrusted;
use clap::Parser as _;
use serde_json::{Value, json};
use std::path::Path;

/// What a conversation is about.
pub struct Server {
    /// The workflow file as the user typed it.
    pub file: String,
    pub state: Option<String>,
    /// Who decides, when deciding is allowed.
    pub by: Option<String>,
}

/// A parameter of a tool: its name, what it is, whether it is needed.
type Parameter = (&'static str, &'static str, bool);

/// A tool: its name, what it tells, its parameters, whether it changes anything.
struct Tool {
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    decides: bool,
}

const ITEM: Parameter = ("item", "The item: its handle such as `d-7f3a1c`, or the start of one.", true);

const TOOLS: &[Tool] = &[
    Tool {
        name: "client_os",
        about: "The Client OS: voice, audience, locked decisions, forbidden phrases, pillars, goals, style guides. With `step`, exactly what \
                that step reads.",
        parameters: &[("step", "A step of the workflow, such as `drafts`.", false)],
        decides: false,
    },
    Tool { name: "queue", about: "What waits for a person's decision, the most urgent first.", parameters: &[], decides: false },
    Tool {
        name: "show",
        about: "One item that waits, with its text, what the checks found, and the evidence it rests on.",
        parameters: &[ITEM],
        decides: false,
    },
    Tool {
        name: "trace",
        about: "The whole lineage of an item: signals, rules and weights, prompts, models, edits, approvals, receipts.",
        parameters: &[ITEM],
        decides: false,
    },
    Tool {
        name: "why",
        about: "Why an item was made or left out, or why a step ran or did not.",
        parameters: &[("item", "An item or the name of a step.", true)],
        decides: false,
    },
    Tool {
        name: "status",
        about: "Where a cycle stands: steps, caps, spend, what was written and published, what failed.",
        parameters: &[("cycle", "The number of a cycle; left out, the last one.", false)],
        decides: false,
    },
    Tool {
        name: "plan",
        about: "What the next cycle would do, and what changed since the last.",
        parameters: &[],
        decides: false,
    },
    Tool { name: "log", about: "Who decided what, and what learning changed.", parameters: &[], decides: false },
    Tool {
        name: "check_text",
        about: "Checks a Markdown text as drafts are checked: forbidden phrases, voice, readability, duplicates; with positions and fixes.",
        parameters: &[("text", "The text.", true)],
        decides: false,
    },
    Tool {
        name: "approve",
        about: "Approves an item that waits at a gate. Only when a person has told you to.",
        parameters: &[ITEM],
        decides: true,
    },
    Tool {
        name: "reject",
        about: "Rejects an item that waits at a gate, with the person's reason.",
        parameters: &[ITEM, ("reason", "Why, in the person's words.", true)],
        decides: true,
    },
];

impl Server {
    /// The tools as the protocol describes them.
    pub fn tools(&self) -> Vec<Value> {
        TOOLS
            .iter()
            .filter(|tool| !tool.decides || self.by.is_some())
            .map(|tool| {
                let properties: serde_json::Map<String, Value> = tool
                    .parameters
                    .iter()
                    .map(|(name, about, _)| ((*name).to_owned(), json!({ "type": "string", "description": about })))
                    .collect();
                let required: Vec<&str> = tool.parameters.iter().filter(|(.., needed)| *needed).map(|(name, ..)| *name).collect();
                json!({
                    "name": tool.name,
                    "description": tool.about,
                    "inputSchema": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
                    "annotations": { "readOnlyHint": !tool.decides, "destructiveHint": false, "openWorldHint": false },
                })
            })
            .collect()
    }

    /// Runs a tool; `None` when there is none of that name. What went wrong is an answer too, in words that say the next step.
    pub fn call(&self, name: &str, words: &Value) -> Option<Result<String, String>> {
        let tool = TOOLS.iter().find(|tool| tool.name == name && (!tool.decides || self.by.is_some()))?;
        let lacking = tool.parameters.iter().find(|(name, _, needed)| *needed && text(words, name).is_none());
        if let Some((name, about, _)) = lacking {
            return Some(Err(format!("`{}` needs `{name}`: {about}", tool.name)));
        }
        let item = text(words, "item").unwrap_or_default();
        let file = self.file.as_str();
        let by = self.by.as_deref().unwrap_or_default();
        let line: Vec<String> = match tool.name {
            "client_os" => match text(words, "step") {
                Some(step) => vec!["os".into(), "show".into(), file.into(), format!("--for={step}")],
                None => vec!["os".into(), "export".into(), file.into(), "--for=json".into()],
            },
            "queue" => vec!["gate".into(), "list".into(), file.into()],
            "show" => vec!["gate".into(), "show".into(), "--".into(), file.into(), item],
            "trace" => vec!["trace".into(), "--".into(), file.into(), item],
            "why" => vec!["why".into(), "--".into(), file.into(), item],
            "status" => match text(words, "cycle") {
                Some(cycle) => vec!["status".into(), file.into(), format!("--cycle={cycle}")],
                None => vec!["status".into(), file.into()],
            },
            "plan" => vec!["plan".into(), file.into()],
            "log" => vec!["log".into(), file.into()],
            "check_text" => return Some(self.check(&text(words, "text").unwrap_or_default())),
            "approve" => vec!["gate".into(), "approve".into(), format!("--as={by}"), "--".into(), file.into(), item],
            "reject" => {
                let reason = text(words, "reason").unwrap_or_default();
                vec![
                    "gate".into(),
                    "reject".into(),
                    format!("--as={by}"),
                    format!("--reason={reason}"),
                    "--".into(),
                    file.into(),
                    item,
                ]
            }
            _ => return None,
        };
        Some(self.run(line))
    }

    /// Runs a command line inside this process and keeps what it prints.
    fn run(&self, words: Vec<String>) -> Result<String, String> {
        let state = self.state.iter().map(|state| format!("--state={state}"));
        let line = ["loopctl".to_owned(), "--json".to_owned()].into_iter().chain(state).chain(words);
        let args = Args::try_parse_from(line).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
        let output = Output::capturing();
        match cli::run(&args, &output) {
            Ok(_) => Ok(output.captured()),
            Err(failure) => {
                output.failure(&failure);
                Err(output.captured())
            }
        }
    }

    fn check(&self, text: &str) -> Result<String, String> {
        let snapshot = self.project().map(|project| project.client_os)?;
        Ok(super::check::facts(text, &snapshot).to_string())
    }

    fn project(&self) -> Result<Project, String> {
        let place = Place { state: self.state.as_ref().map(Into::into) };
        Project::read(&place, Some(Path::new(&self.file))).map_err(|failure| format!("{}: {}", failure.code, failure.message))
    }

    /// The files of the Client OS.
    pub fn resources(&self) -> Value {
        let files = self.project().map(|project| project.client_os.files.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let list: Vec<Value> = files
            .iter()
            .map(|path| json!({ "uri": uri(path), "name": path, "mimeType": mime(path), "description": "A file of the Client OS" }))
            .collect();
        json!({ "resources": list })
    }

    pub fn resource(&self, wanted: &str) -> Option<Value> {
        let project = self.project().ok()?;
        let (path, text) = project.client_os.files.iter().find(|(path, _)| uri(path) == wanted)?;
        Some(json!({ "uri": wanted, "mimeType": mime(path), "text": Untrusted::new(text).as_data() }))
    }
}

/// Files are named as they are in their folder; nothing else of the disk has a name here.
fn uri(path: &str) -> String {
    format!("loopctl://client-os/{}", path.replace('%', "%25").replace(' ', "%20"))
}

fn mime(path: &str) -> &'static str {
    if path.ends_with(".md") { "text/markdown" } else { "text/plain" }
}

/// A parameter as text; numbers are taken as they would be typed.
fn text(words: &Value, name: &str) -> Option<String> {
    match &words[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
