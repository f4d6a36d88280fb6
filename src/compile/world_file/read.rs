//! From the text of a world file to worlds that can be played.

use super::words::WORLD;
use super::{Change, Channel, Season, World, WorldFile};
use crate::base::files::Files;
use crate::base::{InOrder, Timestamp};
use crate::client_os;
use crate::compile::decode::{Decoder, Reference};
use crate::compile::paths;
use crate::compile::test_file::Fixtures;
use crate::compile::test_file::read::{Line, Reader, lines};
use crate::diag::{Diagnostic, Sources, Span, diagnostic, nearest};
use crate::model::{Config, Scalar, Workflow};
use crate::step::Registry;
use crate::syntax::{self, Node};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Ten years of weeks.
const MOST_CYCLES: i64 = 520;
/// A loop reads its events anew in every cycle, so a world of millions would never end.
const MOST_PEOPLE: f64 = 100_000.0;

/// Reads the world file at `path` and compiles the workflows that it names.
pub fn read(files: &dyn Files, path: &str, registry: &Registry) -> WorldFile {
    let mut sources = Sources::default();
    let text = match files.text(path) {
        Ok(text) => text,
        Err(error) => {
            let finding = Diagnostic::error("loop::unreadable-file", format!("cannot read `{path}`: {error}"))
                .help("name a world file, such as `worlds/three-channels.world.kdl`");
            return WorldFile { worlds: Vec::new(), sources, diagnostics: vec![finding] };
        }
    };
    let file = sources.add(path, text.clone());
    let (tree, mut sink) = syntax::read(file, &text);
    let folder = paths::parent(path);
    let mut worlds = Vec::new();
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut seen = false;
    for root in tree.roots() {
        if root.name() != WORLD.name {
            let near = nearest(root.name(), [WORLD.name]);
            let finding = Diagnostic::error("loop::unknown-node", format!("expected `world`, found `{}`", root.name()))
                .at(root.name_span(), "only worlds stand here");
            sink.push(match near {
                Some(near) => finding.help("did you mean `world`?").fix("write `world`", root.name_span(), near),
                None => finding.help(format!("write `{}`", WORLD.example)),
            });
            if near.is_none() {
                continue;
            }
        }
        seen = true;
        let before = sink.len();
        let mut reader = Reader { files, folder: &folder, registry, sink: &mut sink };
        let world = world(&mut reader, root, &mut names);
        // A world with a mistake would be another one than was meant.
        let sound = !sink[before..].iter().any(Diagnostic::is_error);
        worlds.extend(world.filter(|_| sound && !root.is_broken()));
    }
    if !seen && sink.is_empty() {
        let finding = Diagnostic::error("world::no-world", "there is no world in this file")
            .at(Span::new(file, 0, 0), "expected `world \"…\" { … }`");
        sink.push(finding.help(format!("write one like `{}`", WORLD.example)));
    }
    diagnostic::sort(&mut sink);
    WorldFile { worlds, sources, diagnostics: sink }
}

fn world(reader: &mut Reader<'_>, node: Node<'_>, names: &mut BTreeMap<String, Span>) -> Option<World> {
    let mut decoder = Decoder::new(reader.sink);
    let config = decoder.node(node, &WORLD);
    let references = std::mem::take(&mut decoder.references);
    let name = config.arg().and_then(Scalar::text).unwrap_or("").to_owned();
    let name_span = config.arg_spans.first().copied().unwrap_or(node.head_span());
    if let Some(first) = names.insert(name.clone(), name_span) {
        reader.sink.push(twice("world", &name, name_span, first));
    }
    let lines = lines(node, &config, &references);
    let line = |name: &str| lines.iter().find(|line| line.config.name == name);
    let number = |name: &str, or: f64| config.number(name).unwrap_or(or);
    let cycles = match line("cycles") {
        Some(line) => {
            let number = line.config.arg().and_then(Scalar::integer).unwrap_or(1);
            reader.number(number, 1, MOST_CYCLES, "`cycles`", line.arg_span(0)).unwrap_or(1) as u32
        }
        None => 50,
    };
    let people = number("people", 1.0);
    if let Some(line) = line("people").filter(|_| !(people > 0.0 && people <= MOST_PEOPLE)) {
        let range = format!("a number above 0, up to {MOST_PEOPLE}");
        reader.sink.push(out_of_range("`people`", &range, people, line.arg_span(0)));
    }
    let events = paths::join("", config.text("events").unwrap_or("events.jsonl"));
    let texts: BTreeMap<String, Arc<str>> = [(events.clone(), Arc::from(""))].into();
    let named = line("workflow")?;
    let (folder, mut workflow) = reader.workflow(named, &texts)?;
    let start = match (config.text("at"), workflow.recorded_from) {
        (Some(text), _) => Timestamp::parse_in(text, &workflow.zone),
        (None, Some(from)) => Some(from),
        (None, None) => {
            let finding = Diagnostic::error("loop::missing-node", "`world` needs `at`")
                .at(node.head_span(), "`at` is missing in its block");
            reader.sink.push(finding.help("the workflow is no recording, so say when it begins: `at \"2026-01-05\"`"));
            None
        }
    };
    workflow.recorded_from = None;
    if workflow.every.is_none_or(|every| every.is_zero()) {
        reader.sink.push(
            Diagnostic::error("loop::missing-node", format!("`{}` does not say how long a cycle lasts", workflow.id))
                .at(named.arg_span(0), "this workflow has no `every`")
                .help("add it to the workflow: `every \"7d\"`"),
        );
    }
    let hears = |config: &Config| config.text("path").is_some_and(|path| paths::join("", path) == events);
    if !workflow.steps.iter().any(|step| hears(&step.config)) {
        let span = line("events").map_or(node.head_span(), |line| line.arg_span(0));
        reader.sink.push(
            Diagnostic::error("world::unheard", format!("no source of `{}` reads `{events}`", workflow.id))
                .at(span, "the world writes this, and nobody would learn from it")
                .help(format!("add `source \"site\" kind=\"events\" {{ path \"{events}\" }}`, or name the file that it reads")),
        );
    }
    let mut channels: Vec<Channel> = Vec::new();
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.config.name == "channel") {
        if let Some(first) = seen.insert(line.arg(0).to_owned(), line.arg_span(0)) {
            reader.sink.push(twice("channel", line.arg(0), line.arg_span(0), first));
        }
        channels.extend(channel(reader, line, &references, &workflow));
    }
    if !channels.is_empty() && channels.iter().all(|channel| channel.pull <= 0.0 && channel.changes.is_empty()) {
        reader.sink.push(out_of_range("`pull`", "a number above 0 for one channel at least", 0.0, node.head_span()));
    }
    let files = Fixtures { texts: &texts, behind: reader.files, folder: &folder };
    let client_os = workflow.client_os.as_ref().map(|folder| client_os::read(&files, folder).0).unwrap_or_default();
    let convert = config.child("convert")?;
    Some(World {
        name,
        span: node.head_span(),
        start: start?,
        every: workflow.every?,
        folder,
        workflow: Arc::new(workflow),
        client_os: Arc::new(client_os),
        cycles,
        events,
        people,
        visit: config.text("visit").unwrap_or("visit").to_owned(),
        convert: convert.arg().and_then(Scalar::text)?.to_owned(),
        chance: convert.prop("chance").and_then(Scalar::number)?,
        delay: convert.prop("delay").and_then(Scalar::duration).unwrap_or(Duration::from_secs(3 * 86_400)),
        returns: number("returns", 0.5),
        channels,
    })
}

fn channel(reader: &mut Reader<'_>, line: &Line<'_>, references: &[Reference], workflow: &Workflow) -> Option<Channel> {
    let number = |config: &Config, name: &str| config.prop(name).and_then(Scalar::number).unwrap_or(f64::NAN);
    let span = |config: &Config| {
        let node = line.node.children().find(|child| child.span() == config.span);
        node.map_or(line.span(), |node| node.head_span())
    };
    let pull = number(line.config, "pull");
    if pull < 0.0 {
        reader.sink.push(out_of_range("`pull`", "0 or more", pull, line.prop_span("pull")));
    }
    let parameter = line.text("parameter")?;
    let written = references.iter().find(|reference| reference.node == line.node.span() && reference.holder == "parameter");
    let declared = reader.declared(&parameter, written, line.prop_span("parameter"), workflow)?;
    let mut seasons = Vec::new();
    for season in line.config.all("season") {
        let period = number(season, "period");
        if period <= 0.0 {
            reader.sink.push(out_of_range("`period`", "a number of cycles above 0", period, span(season)));
        }
        let high = season.prop("high").and_then(Scalar::number).unwrap_or(1.0);
        seasons.push(Season { swing: number(season, "swing"), period, high });
    }
    let mut changes = Vec::new();
    for change in line.config.all("change") {
        let pull = number(change, "pull");
        if pull < 0.0 {
            reader.sink.push(out_of_range("`pull`", "0 or more", pull, span(change)));
        }
        let mut whole = |name: &str| {
            let number = change.prop(name).and_then(Scalar::integer).unwrap_or(1);
            reader.number(number, 1, MOST_CYCLES, &format!("`{name}`"), span(change)).unwrap_or(1) as u32
        };
        changes.push(Change { cycle: whole("cycle"), pull, over: whole("over") });
    }
    changes.order_by_key(|change| change.cycle);
    Some(Channel { name: line.arg(0).to_owned(), pull, parameter, declared, seasons, changes })
}

fn twice(what: &str, name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("loop::repeated-name", format!("two {what}s are called `{name}`"))
        .at(span, "the same name again")
        .at(first, "first used here")
        .help("give one of them another name")
}

fn out_of_range(what: &str, range: &str, found: f64, span: Span) -> Diagnostic {
    Diagnostic::error("loop::out-of-range", format!("{what} takes {range}, found `{found}`"))
        .at(span, "out of range")
        .help(format!("write {range}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::files::MemoryFiles;
    use crate::compile::testing;

    const LOOP: &str = r#"workflow "small" phase=1 {
    timezone "Europe/London"
    every "7d"
    intelligence { source "press" kind="csv" { path "events.csv" }; aggregate "market" { from "press" } }
    strategy { score "chances" { from "market"; rule "search" weight=0.5 { value "1.0" }; rule "mail" weight=0.5 { value "1.0" } } }
}
"#;

    const SOUND: &str = r#"workflow "../small.kdl"
    at "2026-07-01"
    cycles 20
    events "events.csv"
    people 100
    convert "buy" chance=0.2 delay="2d"
    channel "search" pull=1.0 parameter="chances.search" { season swing=0.5 period=13 }
    channel "mail" pull=0.4 parameter="chances.mail" { change cycle=9 pull=0.1; change cycle=3 pull=0.2 over=2 }"#;

    fn read_text(text: &str) -> WorldFile {
        read_beside(text, &[])
    }

    fn read_beside(text: &str, others: &[(&str, &str)]) -> WorldFile {
        let own = [("loops/small.kdl", LOOP), ("loops/worlds/a.world.kdl", text)];
        let files = MemoryFiles::new(own.into_iter().chain(others.iter().copied()));
        super::read(&files, "loops/worlds/a.world.kdl", &testing::registry())
    }

    /// Code, and the text that is pointed at.
    fn found(file: &WorldFile) -> Vec<(&'static str, &str)> {
        let place = |finding: &Diagnostic| finding.span().map_or("", |span| file.sources.slice(span));
        file.diagnostics.iter().map(|finding| (finding.code, place(finding))).collect()
    }

    #[test]
    fn a_sound_world_is_read_whole_and_its_events_need_not_exist() {
        let file = read_text(&format!("world \"w\" {{ {SOUND} }}"));
        assert_eq!(found(&file), []);
        let [world] = file.worlds.as_slice() else { panic!("one world") };
        assert_eq!((world.name.as_str(), world.folder.as_str(), world.cycles, world.people), ("w", "loops", 20, 100.0));
        // Midnight in London in summer.
        assert_eq!(Some(world.start), Timestamp::parse("2026-06-30T23:00:00Z"));
        assert_eq!((world.visit.as_str(), world.convert.as_str(), world.chance, world.returns), ("visit", "buy", 0.2, 0.5));
        let mail = &world.channels[1];
        assert_eq!((mail.declared, mail.changes[0].cycle, mail.changes[1].pull), (0.5, 3, 0.1));
        assert_eq!(world.channels[0].seasons, [Season { swing: 0.5, period: 13.0, high: 1.0 }]);
    }

    #[test]
    fn each_mistake_is_said_once_where_it_stands() {
        let cases = [
            ("people 100", "people 0", ("loop::out-of-range", "0")),
            ("cycles 20", "cycles 0", ("loop::out-of-range", "0")),
            ("pull=1.0", "pull=-1.0", ("loop::out-of-range", "-1.0")),
            ("period=13", "period=0", ("loop::out-of-range", "season swing=0.5 period=0")),
            ("cycle=9", "cycle=0", ("loop::out-of-range", "change cycle=0 pull=0.1")),
            ("chance=0.2", "chance=2", ("loop::out-of-range", "2")),
            ("chances.search", "chances.serach", ("loop::unknown-parameter", "serach")),
            ("chances.search", "chancse.search", ("loop::unknown-step", "chancse")),
            ("events.csv", "other.csv", ("world::unheard", "\"other.csv\"")),
            ("channel \"mail\"", "channel \"search\"", ("loop::repeated-name", "\"search\"")),
            ("    people 100\n", "", ("loop::missing-node", "world \"w\"")),
            ("    at \"2026-07-01\"\n", "", ("loop::missing-node", "world \"w\"")),
            ("../small.kdl", "../none.kdl", ("loop::missing-file", "\"../none.kdl\"")),
        ];
        for (from, to, expected) in cases {
            // The workflow reads a file that is there, so that nothing is wrong but the world.
            let text = format!("world \"w\" {{ {} }}", SOUND.replacen(from, to, 1));
            let file = read_beside(&text, &[("loops/events.csv", "")]);
            assert_eq!(found(&file), [expected], "{to}");
            assert!(file.worlds.is_empty(), "a world with a mistake is not played: {to}");
            assert!(file.diagnostics.iter().all(|finding| finding.help.is_some()), "{to}");
        }
        assert_eq!(found(&read_text("")), [("world::no-world", "")]);
        assert_eq!(found(&read_text("workflow \"x\"\n")), [("loop::unknown-node", "workflow")]);
        let both = format!("world \"w\" {{ {SOUND} }}\nworld \"w\" {{ {SOUND} }}");
        assert_eq!(found(&read_text(&both)), [("loop::repeated-name", "\"w\"")]);
    }
}
