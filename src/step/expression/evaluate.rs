//! Computing an expression for one input.
//!
//! Missing is a value: a field that the input does not have makes everything that needs it missing, and the result says
//! which field it was. `&&`, `||` and `has` can decide without it. The work is counted and bounded, so an expression that a
//! module brings cannot stall a cycle.

use super::parse::Program;
use crate::base::Timestamp;
use crate::model::Good;
use crate::step::fields;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most steps of one evaluation; copying 32 bytes or one element counts as one.
const MOST_STEPS: u64 = 200_000;
/// Most bytes of a compiled regular expression.
const PATTERN_SIZE: usize = 1 << 20;

/// Why an expression has no result. The input is at fault, not the form: the form was checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    /// In the user's words, without a period.
    pub message: String,
}

pub(super) fn error(message: impl Into<String>) -> EvaluationError {
    EvaluationError { message: message.into() }
}

/// The result of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Number(f64),
    Flag(bool),
    Text(String),
    /// A list, a record or nothing: not used by any node.
    Other,
    /// It needs a field that the input does not have; the field as written, such as `signal.growth`.
    Missing(String),
}

impl Outcome {
    /// The number; `None` when it is missing or something else.
    pub fn number(&self) -> Option<f64> {
        match self {
            Outcome::Number(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether a condition holds; one that is missing does not.
    pub fn holds(&self) -> bool {
        *self == Outcome::Flag(true)
    }
}

/// The variables of one evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    variables: BTreeMap<String, Value>,
    pub(super) now: Timestamp,
}

impl Scope {
    /// Without variables. `now` is when the cycle opened: `age_days` counts from it.
    pub fn new(now: Timestamp) -> Scope {
        Scope { variables: BTreeMap::new(), now }
    }

    /// The variables that a good gives. A batch of events gives none: add one `event` at a time.
    pub fn of(good: &Good, now: Timestamp) -> Scope {
        Scope { variables: fields::view(good), now }
    }

    pub fn with(mut self, name: &str, value: Value) -> Scope {
        self.variables.insert(name.to_owned(), value);
        self
    }
}

/// What `percentile` ranks among: the sorted values of its argument for all inputs, by call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool(BTreeMap<u64, Vec<f64>>);

impl Pool {
    /// Evaluates the arguments of all `percentile` calls for all inputs. Inputs without the value are not in the pool.
    pub fn new<'a>(program: &Program, scopes: impl IntoIterator<Item = &'a Scope> + Clone) -> Pool {
        let empty = Pool::default();
        let values = |argument: &IdedExpr| {
            let mut values: Vec<f64> = scopes
                .clone()
                .into_iter()
                .filter_map(|scope| Evaluation::new(scope, &empty).outcome(argument).ok()?.number())
                .collect();
            values.sort_by(f64::total_cmp);
            values
        };
        Pool(program.percentiles().into_iter().map(|(id, argument)| (id, values(argument))).collect())
    }

    /// Mid-rank: the share of the pool below `x`, plus half of the share that equals it. From 0 to 1.
    pub(super) fn rank(&self, call: u64, x: f64) -> Option<f64> {
        let pool = self.0.get(&call).filter(|pool| !pool.is_empty())?;
        let below = pool.partition_point(|value| *value < x);
        let up_to = pool.partition_point(|value| *value <= x);
        Some((below + up_to) as f64 / 2.0 / pool.len() as f64)
    }
}

/// Computes an expression for one input that stands alone: `percentile` is missing.
pub fn evaluate(program: &Program, scope: &Scope) -> Result<Outcome, EvaluationError> {
    evaluate_in(program, scope, &Pool::default())
}

/// Computes an expression for one of the inputs that `pool` was made from.
pub fn evaluate_in(program: &Program, scope: &Scope, pool: &Pool) -> Result<Outcome, EvaluationError> {
    Evaluation::new(scope, pool).outcome(&program.root)
}

/// A regular expression within our bounds; the error in a few words.
pub(super) fn pattern(text: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(text).size_limit(PATTERN_SIZE).build().map_err(|problem| match problem {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            if last.contains("unclosed group") { "a bracket is not closed".to_owned() } else { last }
        }
    })
}

/// A value on its way.
#[derive(Clone, Debug)]
pub(super) enum Val<'a> {
    /// The field that was not there.
    Missing(Rc<str>),
    Null,
    Flag(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Rc<Vec<Val<'a>>>),
    /// A JSON object of the scope, and how it is written.
    Record(&'a serde_json::Map<String, Value>),
    Map(Rc<BTreeMap<String, Val<'a>>>),
}

impl<'a> Val<'a> {
    pub(super) fn words(&self) -> &'static str {
        match self {
            Val::Missing(_) => "a missing field",
            Val::Null => "nothing",
            Val::Flag(_) => "true or false",
            Val::Number(_) => "a number",
            Val::Text(_) => "text",
            Val::List(_) => "a list",
            Val::Record(_) | Val::Map(_) => "a record",
        }
    }
}

/// Names bound by comprehensions, innermost first.
struct Local<'e, 'a> {
    name: &'e str,
    value: Val<'a>,
    outer: Option<&'e Local<'e, 'a>>,
}

pub(super) struct Evaluation<'a> {
    pub(super) scope: &'a Scope,
    pub(super) pool: &'a Pool,
    steps: u64,
}

pub(super) type Evaluated<'a> = Result<Val<'a>, EvaluationError>;

impl<'a> Evaluation<'a> {
    fn new(scope: &'a Scope, pool: &'a Pool) -> Evaluation<'a> {
        Evaluation { scope, pool, steps: 0 }
    }

    fn outcome(&mut self, expr: &'a IdedExpr) -> Result<Outcome, EvaluationError> {
        Ok(match self.value(expr, None)? {
            Val::Missing(field) => Outcome::Missing(field.to_string()),
            Val::Number(value) if value.is_finite() => Outcome::Number(value),
            Val::Number(_) => return Err(error("the result is not a finite number")),
            Val::Flag(value) => Outcome::Flag(value),
            Val::Text(text) => Outcome::Text(text.into_owned()),
            Val::Null | Val::List(_) | Val::Record(_) | Val::Map(_) => Outcome::Other,
        })
    }

    pub(super) fn spend(&mut self, steps: usize) -> Result<(), EvaluationError> {
        self.steps += 1 + steps as u64;
        if self.steps > MOST_STEPS { Err(error("the expression takes too long for this input")) } else { Ok(()) }
    }

    pub(super) fn json(&mut self, value: &'a Value) -> Evaluated<'a> {
        Ok(match value {
            Value::Null => Val::Null,
            Value::Bool(value) => Val::Flag(*value),
            Value::Number(number) => Val::Number(number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => Val::Text(Cow::Borrowed(text)),
            Value::Array(items) => {
                self.spend(items.len())?;
                Val::List(Rc::new(items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?))
            }
            Value::Object(fields) => Val::Record(fields),
        })
    }

    fn value(&mut self, expr: &'a IdedExpr, locals: Option<&Local<'_, 'a>>) -> Evaluated<'a> {
        self.spend(0)?;
        match &expr.expr {
            Expr::Unspecified | Expr::Struct(_) => Err(error("the expression cannot be evaluated")),
            Expr::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(value) => Val::Flag(*value.inner()),
                LiteralValue::Double(value) => Val::Number(*value.inner()),
                LiteralValue::Int(value) => Val::Number(*value.inner() as f64),
                LiteralValue::UInt(value) => Val::Number(*value.inner() as f64),
                LiteralValue::String(text) => Val::Text(Cow::Borrowed(text.inner())),
                LiteralValue::Null => Val::Null,
                LiteralValue::Bytes(_) => return Err(error("bytes have no use here")),
            }),
            Expr::Ident(name) => self.variable(name, locals),
            Expr::Select(select) => {
                let operand = self.value(&select.operand, locals)?;
                let value = self.field(&operand, &select.field, &select.operand)?;
                Ok(if select.test { Val::Flag(!matches!(value, Val::Missing(_))) } else { value })
            }
            Expr::List(list) => {
                self.spend(list.elements.len())?;
                let items = list.elements.iter().map(|element| self.value(element, locals)).collect::<Result<Vec<_>, _>>()?;
                Ok(Val::List(Rc::new(items)))
            }
            Expr::Map(map) => {
                let mut entries = BTreeMap::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
                    let Val::Text(key) = self.value(&entry.key, locals)? else { return Err(error("a key must be text")) };
                    let value = self.value(&entry.value, locals)?;
                    entries.insert(key.into_owned(), value);
                }
                Ok(Val::Map(Rc::new(entries)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, locals),
            Expr::Call(call) => self.call(expr.id, call, locals),
        }
    }

    fn variable(&mut self, name: &str, locals: Option<&Local<'_, 'a>>) -> Evaluated<'a> {
        let mut local = locals;
        while let Some(here) = local {
            if here.name == name {
                return Ok(here.value.clone());
            }
            local = here.outer;
        }
        match self.scope.variables.get(name) {
            Some(value) => self.json(value),
            None => Err(error(format!("unknown variable `{name}`"))),
        }
    }

    /// A field of a record. Absent and `null` are missing.
    fn field(&mut self, operand: &Val<'a>, name: &str, written: &IdedExpr) -> Evaluated<'a> {
        let found = match operand {
            Val::Missing(_) => return Ok(operand.clone()),
            Val::Record(fields) => match fields.get(name) {
                Some(value) => self.json(value)?,
                None => Val::Null,
            },
            Val::Map(entries) => entries.get(name).cloned().unwrap_or(Val::Null),
            other => return Err(error(format!("{} has no field `{name}`", other.words()))),
        };
        Ok(match found {
            Val::Null => Val::Missing(format!("{}.{name}", path(written)).into()),
            found => found,
        })
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr, locals: Option<&Local<'_, 'a>>) -> Evaluated<'a> {
        let items: Vec<Val<'a>> = match self.value(&comprehension.iter_range, locals)? {
            Val::List(items) => items.to_vec(),
            Val::Record(fields) => fields.keys().map(|key| Val::Text(Cow::Borrowed(key.as_str()))).collect(),
            Val::Map(entries) => entries.keys().map(|key| Val::Text(Cow::Owned(key.clone()))).collect(),
            missing @ Val::Missing(_) => return Ok(missing),
            other => return Err(error(format!("this needs a list, but it is {}", other.words()))),
        };
        self.spend(items.len())?;
        let mut result = self.value(&comprehension.accu_init, locals)?;
        for item in items {
            let accumulator = Local { name: &comprehension.accu_var, value: result.clone(), outer: locals };
            let inner = Local { name: &comprehension.iter_var, value: item, outer: Some(&accumulator) };
            if matches!(self.value(&comprehension.loop_cond, Some(&inner))?, Val::Flag(false)) {
                break;
            }
            result = self.value(&comprehension.loop_step, Some(&inner))?;
        }
        let accumulator = Local { name: &comprehension.accu_var, value: result, outer: locals };
        self.value(&comprehension.result, Some(&accumulator))
    }

    fn call(&mut self, id: u64, call: &'a CallExpr, locals: Option<&Local<'_, 'a>>) -> Evaluated<'a> {
        let name = call.func_name.as_str();
        // These may decide without all of their operands.
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, arguments) => return self.logic(arguments, false, locals),
            (operators::LOGICAL_OR, arguments) => return self.logic(arguments, true, locals),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                return match self.value(condition, locals)? {
                    Val::Flag(true) => self.value(yes, locals),
                    Val::Flag(false) => self.value(no, locals),
                    missing @ Val::Missing(_) => Ok(missing),
                    other => Err(error(format!("`?` needs true or false, but this is {}", other.words()))),
                };
            }
            (operators::NOT_STRICTLY_FALSE, [condition]) => {
                return Ok(Val::Flag(!matches!(self.value(condition, locals)?, Val::Flag(false))));
            }
            _ => {}
        }
        let mut operands = Vec::with_capacity(call.args.len() + 1);
        for operand in call.target.iter().map(|target| &**target).chain(&call.args) {
            operands.push(self.value(operand, locals)?);
        }
        // `x == null` asks whether a field is there.
        if matches!(name, operators::EQUALS | operators::NOT_EQUALS)
            && operands.iter().any(|operand| matches!(operand, Val::Null))
        {
            let both = operands.iter().all(|operand| matches!(operand, Val::Null | Val::Missing(_)));
            return Ok(Val::Flag(both == (name == operators::EQUALS)));
        }
        // A list may hold something missing; everything else that needs it is missing itself.
        if let Some(missing) = operands.iter().find(|operand| matches!(operand, Val::Missing(_))) {
            return Ok(missing.clone());
        }
        self.strict(id, name, operands)
    }

    /// `&&` (`decides` is false) and `||` (`decides` is true): one operand that decides is enough.
    fn logic(&mut self, arguments: &'a [IdedExpr], decides: bool, locals: Option<&Local<'_, 'a>>) -> Evaluated<'a> {
        let mut missing = None;
        for argument in arguments {
            match self.value(argument, locals)? {
                Val::Flag(value) if value == decides => return Ok(Val::Flag(decides)),
                Val::Flag(_) => {}
                absent @ Val::Missing(_) => missing = Some(absent),
                other => return Err(error(format!("a condition is needed, but this is {}", other.words()))),
            }
        }
        Ok(missing.unwrap_or(Val::Flag(!decides)))
    }
}

/// A selection as it was written, for naming what is missing.
fn path(expr: &IdedExpr) -> String {
    match &expr.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) => format!("{}.{}", path(&select.operand), select.field),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;
    use serde_json::json;

    fn scope(signal: Value) -> Scope {
        Scope::new(Timestamp::parse("2026-06-01T00:00:00Z").expect("a time")).with("signal", signal)
    }

    fn run(text: &str) -> String {
        let signal = json!({
            "volume": 34.0, "growth": null, "emerging": true, "topic": "deploy price", "at": "2026-05-22T00:00:00Z", "facts": [],
            "evidence": [{"source": "press"}, {"source": "demand"}, {"source": "press"}],
        });
        match evaluate(&compile(text).expect("readable"), &scope(signal)) {
            Ok(outcome) => format!("{outcome:?}"),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn expressions_compute() {
        for (text, expected) in [
            ("signal.volume * 2 + 1", "Number(69.0)"),
            ("size(signal.evidence) / 5.0", "Number(0.6)"),
            ("1 / 2", "Number(0.5)"),
            ("7 % 4 - -1", "Number(4.0)"),
            ("signal.emerging ? 1.0 : 0.0", "Number(1.0)"),
            ("clamp(signal.volume, 0, 10)", "Number(10.0)"),
            ("min(3, 1, 2) + max([4, 5])", "Number(6.0)"),
            ("age_days(signal)", "Number(10.0)"),
            ("age_days(signal.at) < 7", "Flag(false)"),
            ("signal.evidence.exists(e, e.source == 'demand')", "Flag(true)"),
            ("signal.evidence.all(e, e.source == 'press')", "Flag(false)"),
            ("signal.evidence.exists_one(e, e.source == 'demand')", "Flag(true)"),
            ("signal.evidence.filter(e, e.source == 'press').size()", "Number(2.0)"),
            ("max(signal.evidence.map(e, size(e.source)))", "Number(6.0)"),
            ("signal.topic.startsWith('deploy') && signal.topic.matches('pri[cs]e$')", "Flag(true)"),
            ("lower('ÄB') + string(2)", "Text(\"äb2\")"),
            ("'press' in signal.evidence.map(e, e.source)", "Flag(true)"),
            ("{'a': 1, 'b': 2}['b']", "Number(2.0)"),
            ("ln(max(signal.volume, 1)) > 3.5", "Flag(true)"),
            ("1 / 0", "error: a division by zero"),
            ("ln(0)", "error: `ln` needs a positive number, but this is 0"),
            ("1e308 * 10", "error: the result is not a finite number"),
            ("signal.topic + 1", "error: `+` cannot take text and a number"),
        ] {
            assert_eq!(run(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_field_is_told_from_zero_and_from_an_error() {
        for (text, expected) in [
            ("signal.growth", "Missing(\"signal.growth\")"),
            ("signal.growth * 2 + 1", "Missing(\"signal.growth\")"),
            ("percentile(signal.growth)", "Missing(\"signal.growth\")"),
            ("signal.growth > 0.5 && signal.emerging", "Missing(\"signal.growth\")"),
            ("signal.growth > 0.5 || signal.emerging", "Flag(true)"),
            ("signal.growth > 0.5 && false", "Flag(false)"),
            ("has(signal.growth) ? signal.growth : 0.0", "Number(0.0)"),
            ("signal.growth == null", "Flag(true)"),
            ("signal.volume != null", "Flag(true)"),
            ("signal.facts[0].name == 'price'", "Missing(\"[0]\")"),
            ("max(signal.evidence.map(e, e.weight))", "Missing(\"….weight\")"),
        ] {
            let got = run(text);
            let got = if text.contains("e.weight") { got.replace("e.weight", "….weight") } else { got };
            assert_eq!(got, expected, "{text}");
        }
    }

    #[test]
    fn percentile_is_the_mid_rank_among_all_inputs() {
        let program = compile("percentile(signal.volume)").expect("readable");
        let scopes: Vec<Scope> =
            [Some(10.0), Some(20.0), Some(20.0), Some(40.0), None].map(|volume| scope(json!({ "volume": volume }))).into();
        let pool = Pool::new(&program, &scopes);
        let ranks: Vec<Option<f64>> =
            scopes.iter().map(|scope| evaluate_in(&program, scope, &pool).expect("computes").number()).collect();
        assert_eq!(ranks, [Some(0.125), Some(0.5), Some(0.5), Some(0.875), None]);
    }

    #[test]
    fn two_percentiles_in_one_expression_have_their_own_pools() {
        let program = compile("percentile(signal.a) - percentile(signal.b)").expect("readable");
        let scopes = [scope(json!({"a": 1, "b": 9})), scope(json!({"a": 2, "b": 3}))];
        let pool = Pool::new(&program, &scopes);
        assert_eq!(evaluate_in(&program, &scopes[0], &pool), Ok(Outcome::Number(-0.5)));
    }

    #[test]
    fn work_is_bounded() {
        let long: Vec<Value> = (0..2_000).map(Value::from).collect();
        let scope = scope(json!({ "a": long, "t": "x".repeat(1000) }));
        for text in [
            "signal.a.exists(x, signal.a.exists(y, x + y < 0))",
            "signal.a.map(x, signal.a).size()",
            "[1, 2, 3, 4, 5, 6, 7, 8].map(x, signal.t + signal.t + signal.t).map(x, x + x + x + x).map(x, x + x + x + x + x + x).map(x, x + x + x + x + x + x).size()",
        ] {
            let program = compile(text).expect("readable");
            assert_eq!(
                evaluate(&program, &scope).map_err(|problem| problem.message),
                Err("the expression takes too long for this input".to_owned()),
                "{text}"
            );
        }
    }
}
