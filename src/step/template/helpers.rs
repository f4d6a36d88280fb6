//! The helpers of templates: what turns facts into words for people.

use crate::base::Timestamp;
use handlebars::{Context, Handlebars, Helper, HelperDef, JsonRender, RenderContext, RenderError, RenderErrorReason, ScopedJson};
use serde_json::Value;

/// What a helper's first argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Text,
    Number,
    Time,
    List,
    /// A claim, or its id.
    Claim,
    Anything,
    /// A block of its own: `{{#if …}}`.
    Block,
}

/// One helper.
#[derive(Clone, Copy, Debug)]
pub struct HelperSpec {
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    pub takes: Takes,
    /// Fewest and most arguments.
    pub least: usize,
    pub most: usize,
    pub doc: &'static str,
}

const fn helper(
    name: &'static str,
    usage: &'static str,
    takes: Takes,
    least: usize,
    most: usize,
    doc: &'static str,
) -> HelperSpec {
    HelperSpec { name, usage, takes, least, most, doc }
}

/// All helpers, sorted by name; ours and those of Handlebars.
pub const HELPERS: &[HelperSpec] = &[
    helper("and", "{{#if (and a b)}}", Takes::Anything, 2, 2, "both hold"),
    helper("cite", "{{cite this}}", Takes::Claim, 1, 1, "the mark of a claim, such as `[c1]`"),
    helper("date", "{{date now}}", Takes::Time, 1, 2, "a date such as `1 Jun 2026`, or in a format such as `\"%Y-%m-%d\"`"),
    helper("each", "{{#each brief.claims}}…{{/each}}", Takes::Block, 1, 1, "once for each element"),
    helper("eq", "{{#if (eq a b)}}", Takes::Anything, 2, 2, "both are equal"),
    helper("gt", "{{#if (gt a b)}}", Takes::Anything, 2, 2, "the first is greater"),
    helper("gte", "{{#if (gte a b)}}", Takes::Anything, 2, 2, "the first is greater or equal"),
    helper("if", "{{#if brief.cta}}…{{else}}…{{/if}}", Takes::Block, 1, 1, "when it is there and not empty"),
    helper("join", "{{join brief.avoid \", \"}}", Takes::List, 1, 3, "a list in one line; the third argument names a field"),
    helper("len", "{{len brief.claims}}", Takes::Anything, 1, 1, "how many elements"),
    helper("lookup", "{{lookup list 0}}", Takes::Anything, 2, 2, "one element by its place or name"),
    helper("lower", "{{lower brief.title}}", Takes::Text, 1, 1, "in lower case"),
    helper("lt", "{{#if (lt a b)}}", Takes::Anything, 2, 2, "the first is smaller"),
    helper("lte", "{{#if (lte a b)}}", Takes::Anything, 2, 2, "the first is smaller or equal"),
    helper("ne", "{{#if (ne a b)}}", Takes::Anything, 2, 2, "both differ"),
    helper("not", "{{#if (not a)}}", Takes::Anything, 1, 1, "it does not hold"),
    helper("number", "{{number brief.volume}}", Takes::Number, 1, 2, "1,234.5; the second argument is the number of decimals"),
    helper("or", "{{#if (or a b)}}", Takes::Anything, 2, 2, "one of both holds"),
    helper(
        "percent",
        "{{percent brief.growth}}",
        Takes::Number,
        1,
        2,
        "0.7 as `70 %`; the second argument is the number of decimals",
    ),
    helper(
        "quote",
        "{{quote quote 200}}",
        Takes::Text,
        1,
        2,
        "one line in quotation marks; the second argument is its longest length",
    ),
    helper("unless", "{{#unless brief.cta}}…{{/unless}}", Takes::Block, 1, 1, "when it is absent or empty"),
    helper("upper", "{{upper brief.title}}", Takes::Text, 1, 1, "in upper case"),
    helper("with", "{{#with brief}}…{{/with}}", Takes::Block, 1, 1, "inside of it"),
];

pub(super) fn find(name: &str) -> Option<&'static HelperSpec> {
    HELPERS.iter().find(|helper| helper.name == name)
}

/// Registers our helpers, and takes away `log`, which would write past the program's own output.
pub(super) fn register(registry: &mut Handlebars<'_>) {
    registry.unregister_helper("log");
    registry.unregister_helper("raw");
    for (name, compute) in [
        ("cite", cite as Compute),
        ("date", date),
        ("join", join),
        ("lower", |arguments| Ok(text(arguments, "lower")?.to_lowercase())),
        ("number", |arguments| Ok(grouped(number(arguments, "number")?, places(arguments)))),
        ("percent", percent),
        ("quote", quote),
        ("upper", |arguments| Ok(text(arguments, "upper")?.to_uppercase())),
    ] {
        registry.register_helper(name, Box::new(Simple(compute)));
    }
}

type Compute = fn(&[&Value]) -> Result<String, String>;

/// A helper that makes text of its arguments. A missing argument counts as absent.
struct Simple(Compute);

impl HelperDef for Simple {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let arguments: Vec<&Value> =
            helper.params().iter().take_while(|param| !param.is_value_missing()).map(|param| param.value()).collect();
        match (self.0)(&arguments) {
            Ok(text) => Ok(ScopedJson::Derived(Value::String(text))),
            Err(message) => Err(RenderErrorReason::Other(message).into()),
        }
    }
}

fn text<'a>(arguments: &[&'a Value], name: &str) -> Result<&'a str, String> {
    match arguments.first() {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Null) => Ok(""),
        _ => Err(format!("`{name}` needs a text")),
    }
}

fn number(arguments: &[&Value], name: &str) -> Result<f64, String> {
    arguments.first().and_then(|value| value.as_f64()).ok_or_else(|| format!("`{name}` needs a number"))
}

/// The second argument as a number of decimals, at most 6.
fn places(arguments: &[&Value]) -> Option<usize> {
    arguments.get(1).and_then(|value| value.as_u64()).map(|places| places.min(6) as usize)
}

fn cite(arguments: &[&Value]) -> Result<String, String> {
    let id = match arguments.first() {
        Some(Value::String(id)) => Some(id.as_str()),
        Some(claim) => claim.get("id").and_then(Value::as_str),
        None => None,
    };
    id.map(|id| format!("[{id}]")).ok_or_else(|| "`cite` needs a claim or its id".to_owned())
}

fn date(arguments: &[&Value]) -> Result<String, String> {
    let at = arguments.first().and_then(|value| value.as_str()).and_then(Timestamp::parse).ok_or("`date` needs a time")?;
    let format = arguments.get(1).and_then(|value| value.as_str()).unwrap_or("%-d %b %Y");
    let zoned = at.in_zone(&jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &zoned).map_err(|_| format!("`{format}` is not a date format"))
}

fn join(arguments: &[&Value]) -> Result<String, String> {
    let items = arguments.first().and_then(|value| value.as_array()).ok_or("`join` needs a list")?;
    let between = arguments.get(1).and_then(|value| value.as_str()).unwrap_or(", ");
    let field = arguments.get(2).and_then(|value| value.as_str());
    let parts: Result<Vec<String>, String> = items
        .iter()
        .map(|item| match field {
            Some(field) => item.get(field).map(JsonRender::render).ok_or_else(|| format!("the elements have no `{field}`")),
            None if item.is_object() || item.is_array() => Err("`join` of records needs the name of a field".to_owned()),
            None => Ok(item.render()),
        })
        .collect();
    Ok(parts?.join(between))
}

fn percent(arguments: &[&Value]) -> Result<String, String> {
    Ok(format!("{} %", grouped(number(arguments, "percent")? * 100.0, Some(places(arguments).unwrap_or(0)))))
}

fn quote(arguments: &[&Value]) -> Result<String, String> {
    let text = text(arguments, "quote")?;
    let most = arguments.get(1).and_then(|value| value.as_u64()).map_or(300, |most| most.min(5_000) as usize);
    // `quoted` folds the text into one line and cuts it with an ellipsis.
    Ok(format!("“{}”", crate::model::Untrusted::new(text).quoted(most)))
}

/// Groups thousands with commas. Without a number of decimals, at most two and no trailing zeros.
fn grouped(value: f64, places: Option<usize>) -> String {
    let mut plain = format!("{:.*}", places.unwrap_or(2), value.abs());
    if places.is_none() && plain.contains('.') {
        plain.truncate(plain.trim_end_matches('0').trim_end_matches('.').len());
    }
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, fraction)| (whole, Some(fraction)));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = !plain.contains(|c: char| ('1'..='9').contains(&c));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    fraction.map_or_else(|| format!("{sign}{grouped}"), |fraction| format!("{sign}{grouped}.{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn helpers_are_sorted() {
        assert!(HELPERS.is_sorted_by_key(|helper| helper.name));
    }

    #[test]
    fn numbers_are_grouped() {
        for (value, places, expected) in [
            (0.0, None, "0"),
            (-0.001, Some(0), "0"),
            (999.0, None, "999"),
            (1000.0, None, "1,000"),
            (-1234567.891, None, "−1,234,567.89"),
            (0.125, Some(1), "0.1"),
        ] {
            assert_eq!(grouped(value, places), expected);
        }
    }
}
