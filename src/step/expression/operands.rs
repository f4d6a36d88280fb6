//! Operators and functions on operands that are all there.

use super::evaluate::{Evaluated, Evaluation, EvaluationError, Val, error, pattern};
use crate::base::Timestamp;
use cel::common::ast::operators;
use serde_json::Value;
use std::borrow::Cow;
use std::rc::Rc;

impl<'a> Evaluation<'a> {
    /// Operators and functions whose operands are all there.
    pub(super) fn strict(&mut self, id: u64, name: &str, operands: Vec<Val<'a>>) -> Evaluated<'a> {
        use Val::{Flag, List, Number, Text};
        Ok(match (name, operands.as_slice()) {
            (operators::ADD, [Number(a), Number(b)]) => Number(a + b),
            (operators::ADD, [Text(a), Text(b)]) => {
                self.spend((a.len() + b.len()) / 32)?;
                Text(Cow::Owned(format!("{a}{b}")))
            }
            (operators::ADD, [List(a), List(b)]) => {
                self.spend(a.len() + b.len())?;
                List(Rc::new(a.iter().chain(b.iter()).cloned().collect()))
            }
            (operators::SUBSTRACT, [Number(a), Number(b)]) => Number(a - b),
            (operators::MULTIPLY, [Number(a), Number(b)]) => Number(a * b),
            (operators::DIVIDE | operators::MODULO, [Number(_), Number(0.0)]) => return Err(error("a division by zero")),
            (operators::DIVIDE, [Number(a), Number(b)]) => Number(a / b),
            (operators::MODULO, [Number(a), Number(b)]) => Number(a % b),
            (operators::NEGATE, [Number(a)]) => Number(-a),
            (operators::LOGICAL_NOT, [Flag(a)]) => Flag(!a),
            (operators::EQUALS, [a, b]) => Flag(self.equal(a, b)?),
            (operators::NOT_EQUALS, [a, b]) => Flag(!self.equal(a, b)?),
            (operators::LESS, [a, b]) => Flag(order(a, b)?.is_lt()),
            (operators::LESS_EQUALS, [a, b]) => Flag(order(a, b)?.is_le()),
            (operators::GREATER, [a, b]) => Flag(order(a, b)?.is_gt()),
            (operators::GREATER_EQUALS, [a, b]) => Flag(order(a, b)?.is_ge()),
            (operators::INDEX, [List(items), Number(at)]) => {
                let place = (at.fract() == 0.0 && *at >= 0.0).then_some(*at as usize);
                place.and_then(|place| items.get(place)).cloned().unwrap_or_else(|| Val::Missing(format!("[{at}]").into()))
            }
            (operators::INDEX, [record @ (Val::Record(_) | Val::Map(_)), Text(key)]) => {
                let found = match record {
                    Val::Record(fields) => fields.get(key.as_ref()).map(|value| self.json(value)).transpose()?,
                    Val::Map(entries) => entries.get(key.as_ref()).cloned(),
                    _ => None,
                };
                match found {
                    None | Some(Val::Null) => Val::Missing(format!("[\"{key}\"]").into()),
                    Some(found) => found,
                }
            }
            (operators::IN, [what, List(items)]) => {
                let mut found = false;
                for item in items.iter() {
                    found |= self.equal(what, item)?;
                }
                Flag(found)
            }
            (operators::IN, [Text(key), Val::Record(fields)]) => {
                Flag(fields.get(key.as_ref()).is_some_and(|value| !value.is_null()))
            }
            (operators::IN, [Text(key), Val::Map(entries)]) => Flag(entries.contains_key(key.as_ref())),
            ("size", [List(items)]) => Number(items.len() as f64),
            ("size", [Text(text)]) => Number(text.chars().count() as f64),
            ("size", [Val::Record(fields)]) => Number(fields.len() as f64),
            ("size", [Val::Map(entries)]) => Number(entries.len() as f64),
            ("abs", [Number(x)]) => Number(x.abs()),
            ("round", [Number(x)]) => Number(x.round()),
            ("int", [Number(x)]) => Number(x.trunc()),
            ("ln", [Number(x)]) if *x > 0.0 => Number(x.ln()),
            ("ln", [Number(x)]) => return Err(error(format!("`ln` needs a positive number, but this is {x}"))),
            ("clamp", [Number(x), Number(low), Number(high)]) if low <= high => Number(x.clamp(*low, *high)),
            ("clamp", [Number(_), Number(low), Number(high)]) => {
                return Err(error(format!("the lower bound {low} of `clamp` is above the upper bound {high}")));
            }
            ("min" | "max", [List(items)]) => extreme(name, items)?,
            ("min" | "max", numbers) => extreme(name, numbers)?,
            ("percentile", [Number(x)]) => match self.pool.rank(id, *x) {
                Some(rank) => Number(rank),
                None => Val::Missing("percentile".into()),
            },
            ("age_days", [Val::Record(fields)]) => match fields.get("at").and_then(Value::as_str).and_then(Timestamp::parse) {
                Some(at) => Number(self.scope.now.days_since(at)),
                None => Val::Missing("at".into()),
            },
            ("age_days", [Text(text)]) => match Timestamp::parse(text) {
                Some(at) => Number(self.scope.now.days_since(at)),
                None => return Err(error("`age_days` needs a time")),
            },
            ("double", [Number(x)]) => Number(*x),
            ("double", [Flag(x)]) => Number(f64::from(u8::from(*x))),
            ("double", [Text(text)]) => {
                Number(text.trim().parse().map_err(|_| error(format!("`{:.40}` is not a number", text.trim())))?)
            }
            ("string", [Text(text)]) => Text(text.clone()),
            ("string", [Number(x)]) => Text(Cow::Owned(x.to_string())),
            ("string", [Flag(x)]) => Text(Cow::Owned(x.to_string())),
            ("contains", [Text(text), Text(part)]) => {
                self.spend(text.len() / 32)?;
                Flag(text.contains(part.as_ref()))
            }
            ("startsWith", [Text(text), Text(part)]) => Flag(text.starts_with(part.as_ref())),
            ("endsWith", [Text(text), Text(part)]) => Flag(text.ends_with(part.as_ref())),
            ("matches", [Text(text), Text(regular)]) => {
                // Compiling costs far more than matching.
                self.spend(1_000 + text.len() / 8)?;
                Flag(pattern(regular).map_err(|problem| error(format!("not a regular expression: {problem}")))?.is_match(text))
            }
            ("lower", [Text(text)]) => {
                self.spend(text.len() / 32)?;
                Text(Cow::Owned(text.to_lowercase()))
            }
            (name, operands) => {
                let kinds: Vec<&str> = operands.iter().map(Val::words).collect();
                return Err(error(format!("`{}` cannot take {}", name.trim_matches('_'), kinds.join(" and "))));
            }
        })
    }

    fn equal(&mut self, a: &Val<'a>, b: &Val<'a>) -> Result<bool, EvaluationError> {
        self.spend(0)?;
        Ok(match (a, b) {
            (Val::Flag(a), Val::Flag(b)) => a == b,
            (Val::Number(a), Val::Number(b)) => a == b,
            (Val::Text(a), Val::Text(b)) => a == b,
            (Val::Null, Val::Null) => true,
            (Val::Record(a), Val::Record(b)) => a == b,
            (Val::List(a), Val::List(b)) => {
                let mut same = a.len() == b.len();
                for (a, b) in a.iter().zip(b.iter()) {
                    same &= self.equal(a, b)?;
                }
                same
            }
            _ => false,
        })
    }
}

fn order(a: &Val<'_>, b: &Val<'_>) -> Result<std::cmp::Ordering, EvaluationError> {
    match (a, b) {
        (Val::Number(a), Val::Number(b)) => Ok(a.total_cmp(b)),
        (Val::Text(a), Val::Text(b)) => Ok(a.cmp(b)),
        _ => Err(error(format!("{} cannot be compared with {}", a.words(), b.words()))),
    }
}

fn extreme<'a>(name: &str, items: &[Val<'a>]) -> Evaluated<'a> {
    let mut best: Option<f64> = None;
    for item in items {
        match item {
            Val::Number(x) => {
                best = Some(best.map_or(*x, |best| if name == "min" { best.min(*x) } else { best.max(*x) }));
            }
            Val::Missing(_) => return Ok(item.clone()),
            other => return Err(error(format!("`{name}` needs numbers, but this is {}", other.words()))),
        }
    }
    Ok(best.map_or_else(|| Val::Missing(format!("{name} of an empty list").into()), Val::Number))
}
