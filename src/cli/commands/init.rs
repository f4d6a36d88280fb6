//! `loopctl init`: a new loop that runs at once, by phase. It asks nothing: every default is a file to edit.

use crate::base::packed::{Packed, packed};
use crate::cli::args::Init;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::report::style::{CODE, GOOD, count, paint};
use std::path::{Path, PathBuf};

static STARTER: Packed = packed!("starter");

pub fn run(args: &Init, output: &Output) -> Result<Exit, Failure> {
    let name = slug(&args.name);
    if name.is_empty() {
        return Err(Failure::new("cli::usage", format!("`{}` has no letter or digit to name a loop with", args.name))
            .help("try `loopctl init my-loop`"));
    }
    let folder = PathBuf::from(&args.name);
    let file = folder.join(format!("{name}.kdl"));
    let mut files = vec![(file.clone(), workflow(&name, args.phase))];
    collect(&folder, &mut files);
    files.push((folder.join(".gitignore"), "/.loopctl/\n/out/\n".to_owned()));
    // All or nothing: what is there is never overwritten.
    if let Some((taken, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::new("cli::exists", format!("`{}` is already there", taken.display()))
            .help("choose another name; nothing was written"));
    }
    for (path, text) in &files {
        write(path, text)?;
    }
    let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    output.either("written", &names, || {
        let file = file.display();
        format!(
            "{} Wrote {} to `{}`.\n\n  {}\n  {}\n\nThen edit `{}`: it is what every step reads.",
            paint(GOOD, "✓"),
            count(names.len(), "file"),
            folder.display(),
            paint(CODE, format!("loopctl validate {file}")),
            paint(CODE, format!("loopctl run {file}")),
            folder.join("client-os").display()
        )
    });
    Ok(Exit::Ok)
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    files.extend(STARTER.paths().filter_map(|path| Some((folder.join(path), STARTER.text(path)?))));
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).and_then(|()| std::fs::write(path, text)).map_err(|error| {
        Failure::new("cli::cannot-write", format!("cannot write `{}`: {error}", path.display()))
            .help("choose a folder you may write to")
    })
}

/// Lower-case letters, digits and hyphens of the last part of a path.
fn slug(name: &str) -> String {
    let last = Path::new(name).file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let words: Vec<&str> = last.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The workflow of a phase: each phase is the one before with more of it.
fn workflow(name: &str, phase: u8) -> String {
    let mut text = format!(
        r#"// {name}: edit the sources first, then the Client OS. `loopctl kinds` lists all steps, `loopctl kinds score` explains one.

workflow "{name}"{mark} {{
    about "What this loop is for, in one sentence."
    client-os "client-os"
    every "7d" at="06:00"
{without}"#,
        without = match phase {
            1 => "",
            _ =>
                "    // Take this line out when you add the layer that turns attention into leads: `loopctl kinds lead-score`.\n    without \"conversion\"\n",
        },
        mark = if phase < 3 { format!(" phase={phase}") } else { String::new() }
    );
    if phase >= 3 {
        text.push_str(
            r#"
    // `template` writes from facts alone, without a network. To write with a model on your own machine, swap this one line:
    //   provider "drafter" kind="openai-chat" { base-url "http://127.0.0.1:11434/v1"; model "llama3.2" }
    provider "drafter" kind="template"
    channel "blog" kind="files" { dir "out/blog" }
"#,
        );
    }
    text.push_str(
        r#"
    intelligence {
        source "notes" kind="folder" { folder "data/notes" glob="*.md" }
        source "demand" kind="csv" {
            path "data/demand.csv"
            give "signal"
            shape {
                date "month" format="%Y-%m"
                wide total="_total" as="topic" value="volume"
            }
        }
        // source "press" kind="feed" { url "https://example.com/feed.xml" }
        aggregate "market" { from "notes" "demand"; half-life "30d" }
    }
"#,
    );
    if phase >= 2 {
        text.push_str(
            r#"
    strategy {
        score "opportunities" {
            from "market"
            rule "demand" weight=0.5 { value "percentile(signal.volume)" }
            rule "growth" weight=0.3 { value "percentile(signal.growth)" }
            rule "fit" weight=0.2 { value "pillar.weight" }
            keep 5 above=0.3
        }
    }
"#,
        );
    }
    if phase >= 3 {
        text.push_str(
            r#"
    production {
        brief "briefs" { from "opportunities" }
        outline "outlines" { from "briefs"; provider "drafter"; template "templates/outline.hbs"; cap 3 per="week" }
        gate "editor" { from "outlines"; by "content-team" }
        draft "drafts" {
            from "editor"
            provider "drafter"
            template "templates/draft.hbs"
            check "forbidden" "grounding"
        }
        gate "publisher" { from "drafts"; by "content-team" }
    }

    distribution {
        route "channels" { from "publisher"; to "blog" }
        publish "out" { from "channels" }
    }
"#,
        );
    }
    text.push_str(match phase {
        1 => "\n    learning {\n        anomaly \"alarms\" { from \"market\"; metric \"volume\" }\n        report \"weekly\" { from \"alarms\" }\n    }\n}\n",
        2 => {
            "\n    learning {\n        feedback \"aim\" { from \"opportunities\"; tune \"opportunities.demand\" { rate 0.2; within 0.1 0.8 } }\n        report \"weekly\" { from \"opportunities\" }\n    }\n}\n"
        }
        _ => {
            "\n    learning {\n        feedback \"aim\" { from \"opportunities\"; tune \"opportunities.demand\" { rate 0.2; within 0.1 0.8 } }\n        report \"weekly\" { from \"opportunities\" \"out\" }\n    }\n}\n"
        }
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;

    #[test]
    fn every_phase_is_valid_without_a_warning() {
        for phase in 1..=3 {
            let mut files = vec![(PathBuf::from("loop.kdl"), workflow("loop", phase))];
            collect(Path::new(""), &mut files);
            let files = files.iter().map(|(path, text)| (path.to_str().expect("plain names"), text.as_str()));
            let compiled = crate::compile::compile(&MemoryFiles::new(files), "loop.kdl", crate::builtin::registry());
            assert!(compiled.diagnostics.is_empty(), "phase {phase}: {:#?}", compiled.diagnostics);
        }
    }

    #[test]
    fn names_become_slugs() {
        assert_eq!(slug("My Loop!"), "my-loop");
        assert_eq!(slug("some/where/b2b"), "b2b");
        assert_eq!(slug("../.."), "");
    }
}
