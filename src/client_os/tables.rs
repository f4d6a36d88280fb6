//! `pillars.kdl` and `strategy.kdl`.

use super::finding::Finding;
use super::snapshot::{Goal, Pillar, Snapshot};
use crate::base::Timestamp;
use crate::diag::{Severity, Sources, Span, nearest};
use crate::syntax::{self, Entry, Node};

/// Reads one KDL file node by node and remembers what was wrong.
struct Reader<'a> {
    path: &'a str,
    sources: Sources,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn line(&self, span: Span) -> u32 {
        let line = self.sources.get(span.file).map_or(1, |file| file.position(span.start as usize).0);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let line = self.line(span);
        self.findings.push(Finding::new(Severity::Error, self.path, line, message, help));
    }

    /// A node or property that nothing reads.
    fn unknown(&mut self, what: &str, name: &str, span: Span, known: &[&str]) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it may be {}", known.join(", ")),
        };
        self.error(span, format!("unknown {what} `{name}`"), help);
    }

    fn properties(&mut self, node: Node<'_>, known: &[&str]) {
        for entry in node.props() {
            if let Some((name, span)) = entry.name()
                && !known.contains(&name)
            {
                self.unknown("property", name, span, known);
            }
        }
    }

    fn text(&mut self, entry: Option<Entry<'_>>, node: Node<'_>, what: &str, example: &str) -> Option<String> {
        match entry {
            Some(entry) => match entry.value().text() {
                Some(text) => Some(text.to_owned()),
                None => {
                    self.error(entry.span(), format!("{what} must be a text, but this is {}", entry.value().describe()), example);
                    None
                }
            },
            None => {
                self.error(node.name_span(), format!("`{}` has no {what}", node.name()), example);
                None
            }
        }
    }

    fn number(&mut self, entry: Option<Entry<'_>>, node: Node<'_>, what: &str, example: &str) -> Option<f64> {
        match entry {
            Some(entry) => match entry.value().number().filter(|number| number.is_finite()) {
                Some(number) => Some(number),
                None => {
                    let message = format!("{what} must be a number, but this is {}", entry.value().describe());
                    self.error(entry.span(), message, example);
                    None
                }
            },
            None => {
                self.error(node.name_span(), format!("`{}` has no {what}", node.name()), example);
                None
            }
        }
    }
}

fn read_nodes(path: &str, text: &str, findings: &mut Vec<Finding>, mut each: impl FnMut(&mut Reader<'_>, Node<'_>)) {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let (tree, diagnostics) = syntax::read(file, text);
    let mut reader = Reader { path, sources, findings };
    for diagnostic in diagnostics {
        let line = diagnostic.span().map_or(1, |span| reader.line(span));
        let help = diagnostic.help.unwrap_or_else(|| "see `loopctl explain` for how KDL is written".to_owned());
        reader.findings.push(Finding::new(diagnostic.severity, path, line, diagnostic.message, help));
    }
    for node in tree.roots() {
        each(&mut reader, node);
    }
}

const PILLAR: &str = "write `pillar \"Operations\" weight=0.3 { about \"…\"; topics \"deploy\" \"scaling\" }`";
const GOAL: &str = "write `goal \"qualified visits\" target=120 per=\"month\" metric=\"qualified\"`";

/// Reads `pillars.kdl`; the weights sum to 1 afterwards.
pub(super) fn read_pillars(path: &str, text: &str, snapshot: &mut Snapshot, findings: &mut Vec<Finding>) {
    let mut pillars: Vec<Pillar> = Vec::new();
    read_nodes(path, text, findings, |reader, node| {
        if node.name() != "pillar" {
            return reader.unknown("node", node.name(), node.name_span(), &["pillar"]);
        }
        reader.properties(node, &["weight", "locked"]);
        let Some(name) = reader.text(node.arg(0), node, "name", PILLAR) else { return };
        if pillars.iter().any(|pillar| pillar.name == name) {
            return reader.error(
                node.name_span(),
                format!("the pillar `{name}` stands here twice"),
                "give one of them another name",
            );
        }
        let mut weight = reader.number(node.prop("weight"), node, "weight", PILLAR).unwrap_or(0.0);
        if weight < 0.0 {
            let span = node.prop("weight").map_or(node.name_span(), |entry| entry.span());
            reader.error(
                span,
                format!("the weight of `{name}` is below zero"),
                "write a weight from 0 to 1; it counts as 0 until then",
            );
            weight = 0.0;
        }
        let locked = match node.prop("locked") {
            None => false,
            Some(entry) => entry.value().bool().unwrap_or_else(|| {
                reader.error(
                    entry.span(),
                    "`locked` must be `#true` or `#false`",
                    "write `locked=#true`; it counts as locked until then",
                );
                true
            }),
        };
        let mut pillar = Pillar { name, about: String::new(), weight, locked, topics: Vec::new() };
        for child in node.children() {
            match child.name() {
                "about" => pillar.about = reader.text(child.arg(0), child, "text", PILLAR).unwrap_or_default(),
                "topics" => {
                    for entry in child.args() {
                        pillar.topics.extend(reader.text(Some(entry), child, "topic", PILLAR));
                    }
                }
                other => reader.unknown("node", other, child.name_span(), &["about", "topics"]),
            }
        }
        pillars.push(pillar);
    });
    normalise(path, &mut pillars, findings);
    snapshot.pillars = pillars;
}

/// Makes the weights sum to 1. Locked weights stay; the others share what is left.
fn normalise(path: &str, pillars: &mut [Pillar], findings: &mut Vec<Finding>) {
    let total: f64 = pillars.iter().map(|pillar| pillar.weight).sum();
    if pillars.is_empty() || (total - 1.0).abs() < 1e-9 {
        return;
    }
    let locked: f64 = pillars.iter().filter(|pillar| pillar.locked).map(|pillar| pillar.weight).sum();
    let free = total - locked;
    let help = if total <= 0.0 {
        let share = 1.0 / pillars.len() as f64;
        pillars.iter_mut().for_each(|pillar| pillar.weight = share);
        "all pillars weigh the same until then".to_owned()
    } else if locked < 1.0 && free > 0.0 {
        pillars.iter_mut().filter(|pillar| !pillar.locked).for_each(|pillar| pillar.weight *= (1.0 - locked) / free);
        "the locked weights were kept and the others shared what is left".to_owned()
    } else {
        pillars.iter_mut().for_each(|pillar| pillar.weight /= total);
        "all weights were divided by their sum, locked ones too".to_owned()
    };
    // Rounding differences of typed decimals (0.33 three times) deserve advice, not a warning.
    let severity = if (total - 1.0).abs() <= 0.02 { Severity::Advice } else { Severity::Warning };
    let message = format!("the weights of the pillars sum to {}, not to 1", (total * 1000.0).round() / 1000.0);
    findings.push(Finding::new(severity, path, 1, message, format!("write weights that sum to 1; {help}")));
}

/// Reads `strategy.kdl`.
pub(super) fn read_strategy(path: &str, text: &str, snapshot: &mut Snapshot, findings: &mut Vec<Finding>) {
    let mut goals: Vec<Goal> = Vec::new();
    read_nodes(path, text, findings, |reader, node| {
        if node.name() != "goal" {
            return reader.unknown("node", node.name(), node.name_span(), &["goal"]);
        }
        reader.properties(node, &["target", "per", "metric", "until"]);
        for child in node.children() {
            reader.unknown("node", child.name(), child.name_span(), &["target=", "per=", "metric=", "until="]);
        }
        let Some(name) = reader.text(node.arg(0), node, "name", GOAL) else { return };
        let Some(target) = reader.number(node.prop("target"), node, "target", GOAL) else { return };
        if target <= 0.0 {
            reader.error(node.name_span(), format!("the target of `{name}` is not above zero"), GOAL);
        }
        let per = match node.prop("per") {
            None => "month".to_owned(),
            Some(entry) => {
                let Some(per) = reader.text(Some(entry), node, "period", GOAL) else { return };
                let known = ["day", "week", "month", "quarter", "year"];
                if !known.contains(&per.as_str()) {
                    reader.unknown("period", &per, entry.span(), &known);
                }
                per
            }
        };
        let metric = match node.prop("metric") {
            None => name.clone(),
            some => reader.text(some, node, "metric", GOAL).unwrap_or_else(|| name.clone()),
        };
        let until = match node.prop("until") {
            None => None,
            Some(entry) => {
                let Some(until) = reader.text(Some(entry), node, "day", GOAL) else { return };
                if Timestamp::parse(&until).is_none() {
                    let help = "write the last day on which it counts, such as `until=\"2026-12-31\"`";
                    reader.error(entry.span(), format!("`{until}` is not a day"), help);
                }
                Some(until)
            }
        };
        goals.push(Goal { name, target, per, metric, until });
    });
    snapshot.goals = goals;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pillars(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut snapshot, mut findings) = (Snapshot::default(), Vec::new());
        read_pillars("pillars.kdl", text, &mut snapshot, &mut findings);
        (
            snapshot.pillars.iter().map(|pillar| format!("{} {:.3}", pillar.name, pillar.weight)).collect(),
            findings.iter().map(|finding| format!("{} {} | {}", finding.line, finding.message, finding.help)).collect(),
        )
    }

    #[test]
    fn weights_are_read_as_shares_and_locked_ones_stay() {
        let (read, found) = pillars("pillar \"A\" weight=0.5 locked=#true\npillar \"B\" weight=1\npillar \"C\" weight=1");
        assert_eq!(read, ["A 0.500", "B 0.250", "C 0.250"]);
        assert_eq!(
            found,
            [
                "1 the weights of the pillars sum to 2.5, not to 1 | write weights that sum to 1; the locked weights were kept and the others shared what is left"
            ]
        );
        assert_eq!(pillars("pillar \"A\" weight=0.6\npillar \"B\" weight=0.4").1, Vec::<String>::new());
        assert_eq!(pillars("pillar \"A\" weight=0\npillar \"B\" weight=0").0, ["A 0.500", "B 0.500"]);
        assert_eq!(pillars("").0, Vec::<String>::new());
    }

    #[test]
    fn mistakes_in_tables_have_a_line_and_a_help() {
        let (read, found) = pillars(
            "piller \"A\"\npillar weight=1\npillar \"B\" wieght=0.5 {\n  topic \"x\"\n}\npillar \"C\" weight=\"much\"\npillar \"C\" weight=1\n",
        );
        assert_eq!(read, ["B 0.500", "C 0.500"]);
        assert_eq!(
            found[..6],
            [
                "1 unknown node `piller` | did you mean `pillar`?".to_owned(),
                format!("2 `pillar` has no name | {PILLAR}"),
                "3 unknown property `wieght` | did you mean `weight`?".to_owned(),
                format!("3 `pillar` has no weight | {PILLAR}"),
                "4 unknown node `topic` | did you mean `topics`?".to_owned(),
                format!("6 weight must be a number, but this is a text | {PILLAR}"),
            ]
        );
        assert!(found[6].starts_with("7 the pillar `C` stands here twice"));
    }

    #[test]
    fn goals_are_read_and_checked() {
        let (mut snapshot, mut findings) = (Snapshot::default(), Vec::new());
        let text = "goal \"visits\" target=120 per=\"mont\" metric=\"qualified\" until=\"soon\"\ngoal \"posts\" target=0\ngoal \"x\" {\n";
        read_strategy("strategy.kdl", text, &mut snapshot, &mut findings);
        assert_eq!(snapshot.goals.len(), 2);
        assert_eq!(snapshot.goals[1].metric, "posts");
        assert!(findings.iter().any(|finding| finding.help == "did you mean `month`?"));
        assert!(findings.iter().any(|finding| finding.message.contains("not above zero")));
        assert!(findings.iter().any(|finding| finding.message == "`soon` is not a day"));
        assert!(findings.iter().any(|finding| finding.line == 3 && finding.is_error()));
    }
}
