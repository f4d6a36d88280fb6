//! Checking a call: operators and functions, with what they take and give.

use super::check::{Checker, Kind, listed};
use super::extent::{call_range, extent};
use super::functions::{self, FUNCTIONS};
use crate::diag::nearest;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

impl Checker<'_> {
    pub(super) fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Kind {
        let operands: Vec<&IdedExpr> = call.target.iter().map(|target| &**target).chain(&call.args).collect();
        if call.func_name == "percentile" && !self.locals.is_empty() && call.target.is_none() {
            let range = call_range(self.program, expr, call);
            let help = "take it out of `exists`, `map` or `filter`";
            self.problem(
                range,
                "`percentile` ranks the inputs of the step, not the elements of a list".into(),
                Some(help.into()),
            );
            return Kind::Number;
        }
        let kinds: Vec<Kind> = operands.iter().map(|operand| self.infer(operand)).collect();
        let name = call.func_name.as_str();
        match (name, kinds.as_slice()) {
            (operators::ADD, [a, b]) => match (a, b) {
                (Kind::Any, Kind::Any) => Kind::Any,
                (Kind::Number, Kind::Number | Kind::Any) | (Kind::Any, Kind::Number) => Kind::Number,
                (Kind::Text, Kind::Text | Kind::Any) | (Kind::Any, Kind::Text) => Kind::Text,
                (Kind::List(_), Kind::List(_)) => a.clone().join(b.clone()),
                (Kind::List(_), Kind::Any) | (Kind::Any, Kind::List(_)) => Kind::Any,
                _ => {
                    let range = extent(self.program, expr);
                    let message = format!("`+` cannot join {} and {}", a.words(), b.words());
                    let help = match *a == Kind::Text || *b == Kind::Text {
                        true => "`string(…)` makes text of a number",
                        false => "it joins two numbers, two texts or two lists",
                    };
                    self.problem(range, message, Some(help.into()));
                    Kind::Any
                }
            },
            (operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [a, b]) => {
                let sign = name.trim_matches('_');
                self.expect(operands[0], a, Kind::Number, &format!("`{sign}` needs"));
                self.expect(operands[1], b, Kind::Number, &format!("`{sign}` needs"));
                Kind::Number
            }
            (operators::NEGATE, [a]) => {
                self.expect(operands[0], a, Kind::Number, "`-` needs");
                Kind::Number
            }
            (operators::EQUALS | operators::NOT_EQUALS, [a, b]) => {
                if !a.comparable(b) {
                    let message = format!("{} never equals {}", a.words(), b.words());
                    self.problem(extent(self.program, expr), message, Some(alike(a, b).into()));
                }
                Kind::Flag
            }
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [a, b]) => {
                let ordered = |kind: &Kind| matches!(kind, Kind::Any | Kind::Number | Kind::Text | Kind::Time);
                if !(a.comparable(b) && ordered(a) && ordered(b)) {
                    let message = format!("{} cannot be compared with {}", a.words(), b.words());
                    self.problem(extent(self.program, expr), message, Some(alike(a, b).into()));
                }
                Kind::Flag
            }
            (operators::LOGICAL_AND | operators::LOGICAL_OR, kinds) => {
                let sign = name.trim_matches('_');
                for (operand, kind) in operands.iter().zip(kinds) {
                    self.expect(operand, kind, Kind::Flag, &format!("`{sign}` needs"));
                }
                Kind::Flag
            }
            (operators::LOGICAL_NOT, [a]) => {
                self.expect(operands[0], a, Kind::Flag, "`!` needs");
                Kind::Flag
            }
            (operators::NOT_STRICTLY_FALSE, _) => Kind::Flag,
            (operators::CONDITIONAL, [condition, yes, no]) => {
                self.expect(operands[0], condition, Kind::Flag, "`?` needs");
                yes.clone().join(no.clone())
            }
            (operators::INDEX, [of, at]) => match of {
                Kind::List(of) => {
                    self.expect(operands[1], at, Kind::Number, "`[ ]` of a list needs");
                    (**of).clone()
                }
                Kind::Map(of) => {
                    self.expect(operands[1], at, Kind::Text, "`[ ]` of a table needs");
                    (**of).clone()
                }
                Kind::Any => Kind::Any,
                other => {
                    let message = format!("`[ ]` needs a list or a table, but this is {}", other.words());
                    let help = "write it without `[ ]`, or name a list such as `signal.evidence`";
                    self.problem(extent(self.program, operands[0]), message, Some(help.into()));
                    Kind::Any
                }
            },
            (operators::IN, [what, of]) => {
                match of {
                    Kind::Any | Kind::Map(_) => {}
                    Kind::List(element) if what.comparable(element) => {}
                    Kind::List(element) => {
                        let message = format!("a list of {} never holds {}", element.words(), what.words());
                        let help = "look for something of the same kind, or take one field of each with `map`";
                        self.problem(extent(self.program, expr), message, Some(help.into()));
                    }
                    other => {
                        let message = format!("`in` needs a list, but this is {}", other.words());
                        let help = "write a list such as `['a', 'b']`; `contains` looks into a text";
                        self.problem(extent(self.program, operands[1]), message, Some(help.into()));
                    }
                }
                Kind::Flag
            }
            _ => self.function(expr, call, &operands, &kinds),
        }
    }

    fn function(&mut self, expr: &IdedExpr, call: &CallExpr, operands: &[&IdedExpr], kinds: &[Kind]) -> Kind {
        let name = call.func_name.as_str();
        let range = call_range(self.program, expr, call);
        let Some(function) = functions::find(name) else {
            let help = match nearest(name, FUNCTIONS.iter().map(|function| function.name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the functions are {}", listed(FUNCTIONS.iter().map(|function| function.name))),
            };
            self.problem(range, format!("unknown function `{name}`"), Some(help));
            return Kind::Any;
        };
        let form = if call.target.is_some() { function.method } else { function.global };
        if !form || kinds.len() < function.least || kinds.len() > function.most {
            self.problem(range, format!("`{name}` is not called like this"), Some(format!("write `{}`", function.usage)));
            return Kind::Any;
        }
        let needs = format!("`{name}` needs");
        match name {
            "size" => {
                if !matches!(kinds[0], Kind::Any | Kind::List(_) | Kind::Text | Kind::Map(_)) {
                    let message = format!("`size` needs a list or text, but this is {}", kinds[0].words());
                    let help = "it counts elements or characters; a number needs no `size`";
                    self.problem(extent(self.program, operands[0]), message, Some(help.into()));
                }
                Kind::Number
            }
            "min" | "max" if kinds.len() == 1 => {
                self.expect(operands[0], &kinds[0], Kind::List(Box::new(Kind::Number)), &format!("`{name}` of one thing needs"));
                Kind::Number
            }
            "abs" | "round" | "ln" | "int" | "percentile" | "clamp" | "min" | "max" => {
                for (operand, kind) in operands.iter().zip(kinds) {
                    self.expect(operand, kind, Kind::Number, &needs);
                }
                Kind::Number
            }
            "double" => Kind::Number,
            "string" => Kind::Text,
            "age_days" => {
                let timed = |kind: &Kind| match kind {
                    Kind::Record(fields) => fields.iter().any(|field| field.name == "at"),
                    kind => matches!(kind, Kind::Any | Kind::Time | Kind::Text),
                };
                if !timed(&kinds[0]) {
                    let message = format!("`age_days` needs something with a time, but this is {}", kinds[0].words());
                    self.problem(extent(self.program, operands[0]), message, Some("such as `signal` or `signal.at`".into()));
                }
                Kind::Number
            }
            "contains" | "startsWith" | "endsWith" | "matches" | "lower" => {
                if name == "contains" && matches!(kinds[0], Kind::List(_)) {
                    let help = "write `x in list` to ask whether a list holds something";
                    self.problem(
                        extent(self.program, operands[0]),
                        "`contains` needs text, but this is a list".into(),
                        Some(help.into()),
                    );
                    return Kind::Flag;
                }
                for (operand, kind) in operands.iter().zip(kinds) {
                    self.expect(operand, kind, Kind::Text, &needs);
                }
                if name == "matches"
                    && let Expr::Literal(LiteralValue::String(pattern)) = &operands[1].expr
                    && let Err(error) = super::evaluate::pattern(pattern.inner())
                {
                    let help = "write a sign that is meant itself as in `[(]`; `contains` looks for plain text";
                    let message = format!("this is not a regular expression: {error}");
                    self.problem(extent(self.program, operands[1]), message, Some(help.into()));
                }
                if name == "lower" { Kind::Text } else { Kind::Flag }
            }
            // A macro with the right number of arguments has been expanded; what is left was not one.
            _ => {
                self.problem(range, format!("`{name}` is not called like this"), Some(format!("write `{}`", function.usage)));
                Kind::Any
            }
        }
    }
}

/// How two sides that do not go together can be compared.
fn alike(a: &Kind, b: &Kind) -> &'static str {
    match (a, b) {
        (Kind::List(_), _) | (_, Kind::List(_)) => "ask with `in`, `exists` or `size` about a list",
        (Kind::Record(_) | Kind::Map(_), _) | (_, Kind::Record(_) | Kind::Map(_)) => "name one of its fields",
        (Kind::Flag, _) | (_, Kind::Flag) => "what is true or false needs no comparison: write it alone, or with `!` before it",
        (Kind::Text, Kind::Number) | (Kind::Number, Kind::Text) => {
            "compare a number with a number, and text with text in quotation marks; `double(…)` makes a number of text"
        }
        _ => "compare two of the same kind",
    }
}
