//! Checking an expression against the fields of the goods that a step takes, when the workflow is compiled.
//!
//! A type is inferred for every part. What cannot be known (`any`) is left to evaluation; what can be known to be wrong
//! is reported at the place where it stands, each mistake once: a part that was reported counts as `any` above.

use super::extent::{extent, field_range};
use super::parse::{ExpressionProblem, Program, compile};
use crate::diag::nearest;
use crate::model::GoodKind;
use crate::step::fields::{self, Field, Type};
use cel::IdedExpr;
use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr};
use std::collections::BTreeMap;
use std::ops::Range;

/// What an expression must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Number,
    /// True or false.
    Condition,
    Anything,
}

impl Wanted {
    /// What the node of this name wants: `value` a number, `when` and `where` a condition.
    pub fn of_node(node: &str) -> Wanted {
        match node {
            "value" => Wanted::Number,
            "when" | "where" => Wanted::Condition,
            _ => Wanted::Anything,
        }
    }
}

/// Everything that is wrong with an expression in a step that takes these kinds.
pub fn check(text: &str, takes: &[GoodKind]) -> Vec<ExpressionProblem> {
    check_for(text, takes, Wanted::Anything)
}

/// [`check`], and the result must be what the node wants.
pub fn check_for(text: &str, takes: &[GoodKind], wanted: Wanted) -> Vec<ExpressionProblem> {
    let program = match compile(text) {
        Ok(program) => program,
        Err(problem) => return vec![problem],
    };
    let mut checker =
        Checker { program: &program, variables: fields::variables(takes), locals: Vec::new(), problems: Vec::new() };
    let kind = checker.infer(&program.root);
    let message = match (wanted, &kind) {
        (_, Kind::Any) | (Wanted::Anything, _) | (Wanted::Number, Kind::Number) | (Wanted::Condition, Kind::Flag) => None,
        (Wanted::Number, Kind::Flag) => {
            Some(("this must give a number, but it gives true or false", "write `… ? 1.0 : 0.0` to make a number of it"))
        }
        (Wanted::Number, _) => Some(("this must give a number", "such as `percentile(signal.volume)`")),
        (Wanted::Condition, _) => {
            Some(("this must give true or false", "compare it with something, such as `lead.score >= 0.7`"))
        }
    };
    if let Some((message, help)) = message {
        let found = if matches!(kind, Kind::Flag) { String::new() } else { format!(", but it gives {}", kind.words()) };
        checker.problem(extent(&program, &program.root), format!("{message}{found}"), Some(help.to_owned()));
    }
    checker.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
    checker.problems
}

/// An inferred type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Any,
    Null,
    Number,
    Text,
    Flag,
    Time,
    List(Box<Kind>),
    Record(&'static [Field]),
    Map(Box<Kind>),
}

impl Kind {
    pub(super) fn of(ty: &Type) -> Kind {
        match ty {
            Type::Number => Kind::Number,
            Type::Text => Kind::Text,
            Type::Flag => Kind::Flag,
            Type::Time => Kind::Time,
            Type::List(of) => Kind::List(Box::new(Kind::of(of))),
            Type::Record(fields) => Kind::Record(fields),
            Type::Map(of) => Kind::Map(Box::new(Kind::of(of))),
        }
    }

    pub(super) fn words(&self) -> &'static str {
        match self {
            Kind::Any => "anything",
            Kind::Null => "nothing",
            Kind::Number => "a number",
            Kind::Text => "text",
            Kind::Flag => "true or false",
            Kind::Time => "a time",
            Kind::List(_) => "a list",
            Kind::Record(_) => "a record",
            Kind::Map(_) => "a table",
        }
    }

    /// What is known when it may be either.
    pub(super) fn join(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::List(a), Kind::List(b)) if *a == Kind::Any => Kind::List(b),
            (a, b) if a == b => a,
            _ => Kind::Any,
        }
    }

    /// Whether `==`, `<` and their like make sense between the two.
    pub(super) fn comparable(&self, other: &Kind) -> bool {
        matches!(
            (self, other),
            (Kind::Any | Kind::Null, _) | (_, Kind::Any | Kind::Null) | (Kind::Time, Kind::Text) | (Kind::Text, Kind::Time)
        ) || std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

pub(super) struct Checker<'a> {
    pub(super) program: &'a Program,
    pub(super) variables: BTreeMap<&'static str, Type>,
    /// Names bound by `exists` and its like, innermost last.
    pub(super) locals: Vec<(String, Kind)>,
    pub(super) problems: Vec<ExpressionProblem>,
}

impl Checker<'_> {
    pub(super) fn problem(&mut self, range: Range<usize>, message: String, help: Option<String>) {
        // A macro repeats its argument in the tree; the mistake in it is one mistake.
        let problem = ExpressionProblem { range, message, help };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    pub(super) fn infer(&mut self, expr: &IdedExpr) -> Kind {
        match &expr.expr {
            Expr::Unspecified => Kind::Any,
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Kind::Flag,
                LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Number,
                LiteralValue::String(_) => Kind::Text,
                LiteralValue::Null => Kind::Null,
                LiteralValue::Bytes(_) => {
                    self.problem(extent(self.program, expr), "bytes have no use here".into(), Some("write a text".into()));
                    Kind::Any
                }
            },
            Expr::Ident(name) => self.variable(expr, name),
            Expr::Select(select) => self.select(expr, select),
            Expr::Call(call) => self.call(expr, call),
            Expr::List(list) => {
                let of = list.elements.iter().map(|element| self.infer(element)).reduce(Kind::join).unwrap_or(Kind::Any);
                Kind::List(Box::new(of))
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.infer(&entry.key);
                        self.infer(&entry.value);
                    }
                }
                Kind::Map(Box::new(Kind::Any))
            }
            Expr::Struct(_) => {
                let range = extent(self.program, expr);
                self.problem(range, "an expression cannot make a record".into(), Some("use the fields of the input".into()));
                Kind::Any
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn variable(&mut self, expr: &IdedExpr, name: &str) -> Kind {
        if let Some((_, kind)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return kind.clone();
        }
        if let Some(ty) = self.variables.get(name) {
            return Kind::of(ty);
        }
        let names: Vec<&str> = self.variables.keys().copied().chain(self.locals.iter().map(|(name, _)| name.as_str())).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            // `volume` instead of `signal.volume` is the commonest slip.
            None => self
                .variables
                .iter()
                .find_map(|(variable, ty)| match ty {
                    Type::Record(fields) if fields.iter().any(|field| field.name == name) => {
                        Some(format!("write `{variable}.{name}`"))
                    }
                    _ => None,
                })
                .unwrap_or_else(|| {
                    format!("this step has {}", listed(names.iter().copied().filter(|name| !name.starts_with('@'))))
                }),
        };
        self.problem(extent(self.program, expr), format!("unknown variable `{name}`"), Some(help));
        Kind::Any
    }

    fn select(&mut self, expr: &IdedExpr, select: &SelectExpr) -> Kind {
        let operand = self.infer(&select.operand);
        let range = field_range(self.program, expr, select);
        let kind = match operand {
            Kind::Any => Kind::Any,
            Kind::Map(of) => *of,
            Kind::Record(fields) => match fields.iter().find(|field| field.name == select.field) {
                Some(field) => Kind::of(&field.ty),
                None => {
                    let owner = self.program.text[extent(self.program, &select.operand)].to_owned();
                    let help = match nearest(&select.field, fields.iter().map(|field| field.name)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("it has {}", listed(fields.iter().map(|field| field.name))),
                    };
                    self.problem(range, format!("`{owner}` has no field `{}`", select.field), Some(help));
                    Kind::Any
                }
            },
            Kind::List(_) => {
                let help = "name one element with `[0]`, or use `exists`, `all`, `map` or `size`";
                self.problem(range, format!("a list has no field `{}`", select.field), Some(help.into()));
                Kind::Any
            }
            other => {
                let help = format!("it is the value itself: write it without `.{}`", select.field);
                self.problem(range, format!("{} has no field `{}`", other.words(), select.field), Some(help));
                Kind::Any
            }
        };
        if select.test { Kind::Flag } else { kind }
    }

    fn comprehension(&mut self, comprehension: &ComprehensionExpr) -> Kind {
        let element = match self.infer(&comprehension.iter_range) {
            Kind::List(of) => *of,
            Kind::Map(_) => Kind::Text,
            Kind::Any => Kind::Any,
            other => {
                let range = extent(self.program, &comprehension.iter_range);
                let help = "such as `signal.evidence`";
                self.problem(range, format!("this needs a list, but it is {}", other.words()), Some(help.into()));
                Kind::Any
            }
        };
        let start = self.infer(&comprehension.accu_init);
        self.locals.push((comprehension.accu_var.clone(), start));
        self.locals.push((comprehension.iter_var.clone(), element));
        self.infer(&comprehension.loop_cond);
        let step = self.infer(&comprehension.loop_step);
        self.locals.pop();
        self.locals.pop();
        self.locals.push((comprehension.accu_var.clone(), step));
        let result = self.infer(&comprehension.result);
        self.locals.pop();
        result
    }

    /// Reports unless the kind is wanted; `what` says what it is for.
    pub(super) fn expect(&mut self, expr: &IdedExpr, kind: &Kind, wanted: Kind, what: &str) {
        if *kind == Kind::Any || std::mem::discriminant(kind) == std::mem::discriminant(&wanted) {
            return;
        }
        let range = extent(self.program, expr);
        let help = match (&wanted, kind) {
            (Kind::Number, Kind::Text) => "`double(…)` makes a number of text",
            (Kind::Number, Kind::Flag) => "write `… ? 1.0 : 0.0` to make a number of it",
            (Kind::Number, Kind::List(_)) => "`size(…)` tells how many there are",
            (Kind::Flag, Kind::Number) => "compare it, as in `… > 0`",
            (Kind::Flag, Kind::Text) => "compare it, as in `… == 'word'`",
            (Kind::Flag, Kind::List(_)) => "ask for something of it, as in `size(…) > 0`",
            (Kind::Text, Kind::Number) => "`string(…)` makes text of a number",
            (_, Kind::Record(_)) => "name one of its fields",
            (_, Kind::Null) => "`null` is for comparing: `… == null`",
            (Kind::List(_), _) => "lists stand in square brackets, as in `[1, 2.5]`",
            _ => "name another field",
        };
        self.problem(range, format!("{what} {}, but this is {}", wanted.words(), kind.words()), Some(help.into()));
    }
}

/// `a`, `b` and `c`
pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, takes: &[GoodKind], wanted: Wanted) -> Vec<String> {
        check_for(text, takes, wanted)
            .into_iter()
            .map(|problem| {
                let help = problem.help.map(|help| format!(" | {help}")).unwrap_or_default();
                format!("{}: {}{help}", &text[problem.range], problem.message)
            })
            .collect()
    }

    #[test]
    fn good_expressions_have_no_problem() {
        for text in [
            "percentile(signal.volume)",
            "pillar.weight",
            "size(signal.evidence) / 5.0",
            "size(signal.evidence) / 5",
            "clamp(signal.growth, 0, 1) * 0.5 + (signal.emerging ? 0.5 : 0.0)",
            "max(signal.volume, 1) + min([1, 2.5])",
            "1.0 - clamp(age_days(signal) / 90, 0.0, 1.0)",
            "age_days(signal.at)",
            "has(signal.position) && signal.position > 3 ? 1.0 : 0.0",
            "signal.evidence.exists(e, e.source == 'press') ? 1 : 0",
            "signal.evidence.map(e, e.source).size()",
            "signal.evidence.filter(e, e.at > '2026-01-01').size() / 10",
            "signal.facts[0].name == 'price' ? 1 : 0",
            "signal.kind in ['change', 'alarm'] ? 1.0 : 0.3",
            "-signal.growth",
            "double(signal.topic.matches('^how'))",
            "percentile(ln(max(signal.volume, 1.0)))",
        ] {
            assert_eq!(found(text, &[GoodKind::Signal], Wanted::Number), Vec::<String>::new(), "{text}");
        }
        assert!(check_for("lead.score >= 0.7", &[GoodKind::Lead], Wanted::Condition).is_empty());
        assert!(check_for("lead.fields.country == 'DE'", &[GoodKind::Lead], Wanted::Condition).is_empty());
        assert!(check_for("event.name == \"qualified\"", &[GoodKind::Events], Wanted::of_node("where")).is_empty());
        assert!(check_for("brief.score > 0.5 && outline.edited", &[GoodKind::Outline], Wanted::Condition).is_empty());
    }

    #[test]
    fn whatever_is_wrong_comes_with_a_way_out() {
        let parts = [
            "signal.volume",
            "signal.topic",
            "signal.emerging",
            "signal.evidence",
            "signal.facts[0]",
            "signal",
            "pillar.weight",
            "signal.nosuch",
            "nosuch",
            "signal.volume.x",
            "null",
            "true",
            "1",
            "'a'",
            "[1]",
            "b'x'",
            "size(signal.volume)",
            "signal.topic.matches('(')",
            "signal.topic.map(x, x)",
            "lower(1)",
            "clamp(1)",
            "has(signal.growth)",
        ];
        let signs = ["+", "-", "<", "==", "&&", "in", "? 1 :", "and", "=", "~"];
        for (a, b) in parts.iter().flat_map(|a| parts.iter().map(move |b| (a, b))) {
            for sign in signs {
                for text in [format!("{a} {sign} {b}"), format!("!{a} {sign} {b}"), format!("({a} {sign}"), format!("-{a}")] {
                    for problem in check_for(&text, &[GoodKind::Signal], Wanted::Number) {
                        assert!(problem.help.is_some(), "{text}: {}", problem.message);
                    }
                }
            }
        }
    }

    #[test]
    fn mistakes_are_found_where_they_stand() {
        for (text, expected) in [
            ("percentile(signal.volum)", vec!["volum: `signal` has no field `volum` | did you mean `volume`?"]),
            ("signla.volume", vec!["signla: unknown variable `signla` | did you mean `signal`?"]),
            ("volume * 2", vec!["volume: unknown variable `volume` | write `signal.volume`"]),
            ("lead.score", vec!["lead: unknown variable `lead` | this step has `pillar` and `signal`"]),
            ("percentil(signal.volume)", vec!["percentil: unknown function `percentil` | did you mean `percentile`?"]),
            ("clamp(signal.volume)", vec!["clamp: `clamp` is not called like this | write `clamp(x, low, high)`"]),
            (
                "signal.kind > 3",
                vec![
                    "signal.kind > 3: text cannot be compared with a number | compare a number with a number, and text with text in quotation marks; `double(…)` makes a number of text",
                    "signal.kind > 3: this must give a number, but it gives true or false | write `… ? 1.0 : 0.0` to make a number of it",
                ],
            ),
            (
                "signal.topic",
                vec!["signal.topic: this must give a number, but it gives text | such as `percentile(signal.volume)`"],
            ),
            (
                "signal.volume + signal.topic",
                vec!["signal.volume + signal.topic: `+` cannot join a number and text | `string(…)` makes text of a number"],
            ),
            (
                "has(signal.grow) ? 1 : 0",
                vec![
                    "grow: `signal` has no field `grow` | it has `kind`, `topic`, `title`, `summary`, `url`, `source`, `at`, `fetched_at`, `quote`, `volume`, `series`, `growth`, `emerging`, `position`, `intent`, `strength`, `novelty`, `facts` and `evidence`",
                ],
            ),
            (
                "size(signal.evidence.source)",
                vec![
                    "source: a list has no field `source` | name one element with `[0]`, or use `exists`, `all`, `map` or `size`",
                ],
            ),
            (
                "signal.evidence.exists(e, e.sorce == 'x') ? 1 : 0",
                vec!["sorce: `e` has no field `sorce` | did you mean `source`?"],
            ),
            (
                "signal.evidence[0].tilte == '' ? signal.wolume : 1",
                vec![
                    "tilte: `signal.evidence[0]` has no field `tilte` | did you mean `title`?",
                    "wolume: `signal` has no field `wolume` | did you mean `volume`?",
                ],
            ),
            (
                "size(signal.volume)",
                vec![
                    "signal.volume: `size` needs a list or text, but this is a number | it counts elements or characters; a number needs no `size`",
                ],
            ),
            (
                "signal.volume && true ? 1 : 0",
                vec!["signal.volume: `&&` needs true or false, but this is a number | compare it, as in `… > 0`"],
            ),
            (
                "signal.title.matches('(') ? 1 : 0",
                vec![
                    "'(': this is not a regular expression: a bracket is not closed | write a sign that is meant itself as in `[(]`; `contains` looks for plain text",
                ],
            ),
            (
                "signal.evidence.map(e, percentile(signal.volume)).size()",
                vec![
                    "percentile: `percentile` ranks the inputs of the step, not the elements of a list | take it out of `exists`, `map` or `filter`",
                ],
            ),
            (
                "exists(signal.evidence, 2)",
                vec!["exists: `exists` is not called like this | write `signal.evidence.exists(e, …)`"],
            ),
        ] {
            assert_eq!(found(text, &[GoodKind::Signal], Wanted::Number), expected, "{text}");
        }
        assert_eq!(
            found("lead.score", &[GoodKind::Lead], Wanted::Condition),
            [
                "lead.score: this must give true or false, but it gives a number | compare it with something, such as `lead.score >= 0.7`"
            ]
        );
    }
}
