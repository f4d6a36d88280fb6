//! From one written value to one typed `Scalar`, or to the diagnostic that says what to write instead.

#![expect(clippy::result_large_err, reason = "a finding is made once per mistake, and mistakes are few")]

use super::decode::What;
use crate::base::{Money, Timestamp, duration};
use crate::diag::{Diagnostic, nearest};
use crate::model::{Scalar, SecretRef, Window};
use crate::step::ValueType;
use crate::syntax::{Entry, Value};
use jiff::tz::TimeZone;

/// What a value of this type looks like, for messages: "takes …".
pub(super) fn expected(ty: ValueType) -> String {
    match ty {
        ValueType::Text => "a text in quotation marks".into(),
        ValueType::Integer => "a whole number".into(),
        ValueType::Number => "a number".into(),
        ValueType::Share => "a number from 0 to 1".into(),
        ValueType::Bool => "`#true` or `#false`".into(),
        ValueType::Duration => "a length of time such as `\"7d\"`".into(),
        ValueType::Size => "a size such as `\"10MiB\"`".into(),
        ValueType::Money => "an amount of money such as `(usd)20`".into(),
        ValueType::Url => "a web address such as `\"https://example.com\"`".into(),
        ValueType::File => "the path of a file".into(),
        ValueType::Folder => "the path of a folder".into(),
        ValueType::OutputPath => "a path to write to".into(),
        ValueType::Glob => "a pattern of paths such as `\"data/*.csv\"`".into(),
        ValueType::TimeOfDay => "a time of day such as `\"06:00\"`".into(),
        ValueType::Time => "a date or time such as `\"2026-06-29 06:00\"`".into(),
        ValueType::Zone => "a time zone such as `\"Europe/London\"`".into(),
        ValueType::Window => one_of(Window::ALL.map(Window::name)),
        ValueType::Expression => "an expression in quotation marks".into(),
        ValueType::Template => "the path of a template".into(),
        ValueType::Step => "the name of a step".into(),
        ValueType::Provider => "the name of a provider".into(),
        ValueType::Channel => "the name of a channel".into(),
        ValueType::Parameter => "a step and its parameter such as `\"opportunities.demand\"`".into(),
        ValueType::Secret => "`(env)\"NAME\"` or `(file)\"path\"`".into(),
        ValueType::Choice(words) => one_of(words.iter().copied()),
    }
}

/// "`day`, `week` or `month`".
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// Reads the value of an entry. `what` names it for messages: "`weight`".
pub(super) fn read(entry: &Entry<'_>, ty: ValueType, what: What<'_>) -> Result<Scalar, Diagnostic> {
    let span = entry.value_span();
    let annotation = entry.annotation();
    let value = entry.value();
    if ty == ValueType::Secret {
        return secret(entry, what);
    }
    if let Some((word, place)) = annotation
        && ty != ValueType::Money
    {
        let message = match word {
            "env" | "file" => format!("{what} is not a secret, so it is written as it is"),
            _ => format!("{what} takes {}, which needs no annotation `({word})`", expected(ty)),
        };
        return Err(Diagnostic::error("loop::unknown-annotation", message)
            .at(place, "unexpected annotation")
            .help(format!("write {}", expected(ty))));
    }
    let wrong = || {
        let found = match value {
            Value::Text(_) => "a text",
            _ => value.describe(),
        };
        Diagnostic::error("loop::wrong-type", format!("{what} takes {}, found {found}", expected(ty)))
            .at(span, format!("this is {found}"))
    };
    match (ty, value) {
        (ValueType::Integer, Value::Integer(number)) => i64::try_from(number)
            .map(Scalar::Integer)
            .map_err(|_| out_of_range(entry, what, "a whole number of at most 18 digits")),
        (ValueType::Integer, Value::Text(text)) if text.parse::<i64>().is_ok() => {
            Err(wrong().help("write the number without quotation marks").fix("remove the quotation marks", span, text))
        }
        (ValueType::Number | ValueType::Share, Value::Integer(_) | Value::Number(_)) => {
            let number = value.number().unwrap_or(f64::NAN);
            if !number.is_finite() {
                return Err(out_of_range(entry, what, "a finite number"));
            }
            if ty == ValueType::Share && !(0.0..=1.0).contains(&number) {
                let mut finding = out_of_range(entry, what, "a number from 0 to 1");
                if number > 1.0 && number <= 100.0 {
                    finding = finding.help(format!("for {number} percent write `{}`", number / 100.0));
                }
                return Err(finding);
            }
            Ok(Scalar::Number(number))
        }
        (ValueType::Number | ValueType::Share, Value::Text(text)) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Err(wrong().help("write the number without quotation marks").fix("remove the quotation marks", span, text))
        }
        (ValueType::Bool, Value::Bool(value)) => Ok(Scalar::Bool(value)),
        (ValueType::Bool, Value::Text(text @ ("true" | "false" | "yes" | "no" | "on" | "off"))) => {
            let plain = if matches!(text, "true" | "yes" | "on") { "#true" } else { "#false" };
            Err(wrong().help(format!("write `{plain}`")).fix(format!("write `{plain}`"), span, plain))
        }
        (ValueType::Duration, Value::Integer(number)) => {
            Err(wrong().help(format!("a length of time has a unit: `\"{number}d\"`, `\"{number}h\"` or `\"{number}m\"`")))
        }
        (ValueType::Money, Value::Integer(_) | Value::Number(_)) => money(entry, what),
        (ValueType::Number | ValueType::Share, Value::Text(text)) if percent(text).is_some() => {
            let share = percent(text).map(|percent| percent / 100.0).unwrap_or_default().to_string();
            Err(wrong().help(format!("write `{share}`")).fix(format!("write `{share}`"), span, share))
        }
        (ValueType::Integer, _) => Err(wrong().help("write a whole number without quotation marks, such as `3`")),
        (ValueType::Number, _) => Err(wrong().help("write a number without quotation marks, such as `0.5`")),
        (ValueType::Share, _) => Err(wrong().help("write a number without quotation marks: `0.2` is 20 percent")),
        (ValueType::Bool, _) => Err(wrong().help("write `#true` or `#false`, with the `#`")),
        (ValueType::Money, _) => Err(wrong().help("write the amount behind its currency, such as `(usd)20`")),
        (_, Value::Text(text)) => from_text(text, ty).ok_or_else(|| malformed(entry, text, ty, what)),
        (ValueType::Text, Value::Integer(_) | Value::Number(_)) => {
            let quoted = format!("\"{}\"", entry.spelling());
            Err(wrong().help(format!("write `{quoted}`")).fix("put it in quotation marks", span, quoted))
        }
        _ => Err(wrong().help(format!("write {} in quotation marks", expected(ty).trim_end_matches(" in quotation marks")))),
    }
}

/// `12.5%`
fn percent(text: &str) -> Option<f64> {
    text.strip_suffix('%')?.trim_end().parse().ok().filter(|percent: &f64| percent.is_finite())
}

/// Reads a default from a spec, as it would be written in a file.
pub(super) fn from_default(written: &str, ty: ValueType) -> Option<Scalar> {
    let (annotation, plain) = match written.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((annotation, rest)) => (Some(annotation), rest.trim()),
        None => (None, written.trim()),
    };
    let text = plain.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(plain);
    match ty {
        ValueType::Integer => text.replace('_', "").parse().ok().map(Scalar::Integer),
        ValueType::Number => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Number),
        ValueType::Share => text.parse().ok().filter(|number| (0.0..=1.0).contains(number)).map(Scalar::Number),
        ValueType::Bool => match text {
            "#true" | "true" => Some(Scalar::Bool(true)),
            "#false" | "false" => Some(Scalar::Bool(false)),
            _ => None,
        },
        ValueType::Money => Some(Scalar::Money(Money::new(annotation?, text.parse().ok()?))),
        ValueType::Secret => match annotation? {
            "env" => Some(Scalar::Secret(SecretRef::Env(text.into()))),
            "file" => Some(Scalar::Secret(SecretRef::File(text.into()))),
            _ => None,
        },
        _ => from_text(text, ty),
    }
}

fn from_text(text: &str, ty: ValueType) -> Option<Scalar> {
    let fits = match ty {
        ValueType::Duration => return duration::parse(text).map(|length| Scalar::Duration(length.as_millis() as u64)),
        ValueType::Size => return size(text).map(Scalar::Size),
        ValueType::Url => is_web_address(text),
        ValueType::TimeOfDay => minute_of_day(text).is_some(),
        ValueType::Time => Timestamp::parse(text).is_some(),
        ValueType::Zone => TimeZone::get(text).is_ok(),
        ValueType::Window => Window::parse(text).is_some(),
        ValueType::Choice(words) => words.contains(&text),
        ValueType::File | ValueType::Folder | ValueType::OutputPath | ValueType::Glob | ValueType::Template => {
            !text.trim().is_empty() && !text.contains('\0')
        }
        ValueType::Step | ValueType::Provider | ValueType::Channel => !text.is_empty(),
        ValueType::Parameter => text.split_once('.').is_some_and(|(step, rest)| !step.is_empty() && !rest.is_empty()),
        ValueType::Expression => !text.trim().is_empty(),
        _ => true,
    };
    fits.then(|| Scalar::Text(text.to_owned()))
}

fn malformed(entry: &Entry<'_>, text: &str, ty: ValueType, what: What<'_>) -> Diagnostic {
    let span = entry.value_span();
    let choices: Option<Vec<&str>> = match ty {
        ValueType::Choice(words) => Some(words.to_vec()),
        ValueType::Window => Some(Window::ALL.map(Window::name).to_vec()),
        _ => None,
    };
    if let Some(words) = choices {
        let finding = Diagnostic::error("loop::unknown-choice", format!("{what} cannot be `{text}`"))
            .at(span, format!("expected {}", one_of(words.iter().copied())));
        return match nearest(text, words) {
            Some(near) => {
                finding.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, format!("\"{near}\""))
            }
            None => finding.help(format!("write {}", expected(ty))),
        };
    }
    if ty == ValueType::Zone {
        let finding = Diagnostic::error("loop::unknown-zone", format!("unknown time zone `{text}`")).at(span, "no such zone");
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
        return match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help("use a name from the IANA list, such as `Europe/London`, `America/New_York` or `UTC`"),
        };
    }
    let help = match ty {
        ValueType::Duration => "write a number and a unit: `90s`, `15m`, `72h`, `7d` or `2w`".to_owned(),
        ValueType::Size => "write a number and a unit: `500kB`, `10MiB` or `1GiB`".to_owned(),
        ValueType::Url => "start it with `https://` or `http://`".to_owned(),
        ValueType::Parameter => "write the step, a dot and the parameter: `opportunities.demand`".to_owned(),
        _ => format!("write {}", expected(ty)),
    };
    Diagnostic::error("loop::malformed-value", format!("{what} takes {}, found `{}`", expected(ty), shorten(text)))
        .at(span, "cannot be read")
        .help(help)
}

fn out_of_range(entry: &Entry<'_>, what: What<'_>, range: &str) -> Diagnostic {
    Diagnostic::error("loop::out-of-range", format!("{what} takes {range}, found `{}`", entry.spelling()))
        .at(entry.value_span(), "out of range")
        .help(format!("write {range}"))
}

fn money(entry: &Entry<'_>, what: What<'_>) -> Result<Scalar, Diagnostic> {
    let amount = entry.value().number().unwrap_or(f64::NAN);
    let Some((currency, place)) = entry.annotation() else {
        let written = format!("(usd){}", entry.spelling());
        return Err(Diagnostic::error("loop::wrong-type", format!("{what} takes an amount of money, found a plain number"))
            .at(entry.value_span(), "which currency?")
            .help(format!("write the currency in front: `{written}`")));
    };
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(Diagnostic::error("loop::unknown-annotation", format!("`({currency})` is not a currency"))
            .at(place, "expected three letters")
            .help("write a currency of ISO 4217: `(usd)`, `(eur)` or `(gbp)`"));
    }
    // Millionths of a unit must fit 64 bits with room for sums.
    if !(0.0..=1e12).contains(&amount) {
        return Err(out_of_range(entry, what, "an amount from 0 to a million million"));
    }
    Ok(Scalar::Money(Money::new(currency, amount)))
}

fn secret(entry: &Entry<'_>, what: What<'_>) -> Result<Scalar, Diagnostic> {
    let span = entry.value_span();
    match (entry.annotation(), entry.value()) {
        (Some(("env", _)), Value::Text(text)) if !text.is_empty() => Ok(Scalar::Secret(SecretRef::Env(text.to_owned()))),
        (Some(("file", _)), Value::Text(text)) if !text.is_empty() => Ok(Scalar::Secret(SecretRef::File(text.to_owned()))),
        (Some((word, place)), _) if word != "env" && word != "file" => {
            Err(Diagnostic::error("loop::unknown-annotation", format!("`({word})` does not say where {what} is kept"))
                .at(place, "expected `(env)` or `(file)`")
                .help("write `(env)\"NAME\"` for an environment variable or `(file)\"path\"` for a file"))
        }
        (Some(_), value) => Err(Diagnostic::error(
            "loop::wrong-type",
            format!("{what} takes {}, found {}", expected(ValueType::Secret), value.describe()),
        )
        .at(span, "expected a name or a path in quotation marks")),
        (None, _) => Err(Diagnostic::error("loop::secret-in-plain-text", format!("{what} is a secret written in plain text"))
            .at(span, "everyone who reads this file can read it")
            .help("keep it in an environment variable and write `(env)\"NAME\"`, or in a file and write `(file)\"path\"`")),
    }
}

/// Minutes from midnight of `06:00`.
pub(super) fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(minute) || !(two_digits(hour) || hour.len() == 1 && hour.as_bytes()[0].is_ascii_digit()) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Bytes of `500kB`, `10MiB`: SI units are powers of 1000, IEC units powers of 1024.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim_start() {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    count.checked_mul(unit)
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or("");
        !host.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// At most forty characters of a text, for a message.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::FileId;

    fn value(written: &str, ty: ValueType) -> Result<Scalar, String> {
        let (tree, _) = crate::syntax::read(FileId(0), &format!("node {written}"));
        let entry = tree.roots().next().expect("one node").arg(0).expect("one argument");
        read(&entry, ty, What::Whole("it")).map_err(|finding| finding.code.to_owned())
    }

    #[test]
    fn values_read_by_their_type() {
        let cases = [
            ("\"a\"", ValueType::Text, Scalar::Text("a".into())),
            ("3", ValueType::Integer, Scalar::Integer(3)),
            ("3", ValueType::Number, Scalar::Number(3.0)),
            ("0.5", ValueType::Share, Scalar::Number(0.5)),
            ("#false", ValueType::Bool, Scalar::Bool(false)),
            ("\"2h\"", ValueType::Duration, Scalar::Duration(7_200_000)),
            ("\"10MiB\"", ValueType::Size, Scalar::Size(10 << 20)),
            ("\"500 kB\"", ValueType::Size, Scalar::Size(500_000)),
            ("(USD)0.5", ValueType::Money, Scalar::Money(Money::new("usd", 0.5))),
            ("(env)\"KEY\"", ValueType::Secret, Scalar::Secret(SecretRef::Env("KEY".into()))),
            ("\"day\"", ValueType::Window, Scalar::Text("day".into())),
        ];
        for (written, ty, expected) in cases {
            assert_eq!(value(written, ty), Ok(expected), "{written}");
        }
    }

    #[test]
    fn wrong_values_have_their_own_codes() {
        let cases = [
            ("3", ValueType::Text, "loop::wrong-type"),
            ("\"3\"", ValueType::Integer, "loop::wrong-type"),
            ("99999999999999999999", ValueType::Integer, "loop::out-of-range"),
            ("1.4", ValueType::Share, "loop::out-of-range"),
            ("#inf", ValueType::Number, "loop::out-of-range"),
            ("7", ValueType::Duration, "loop::wrong-type"),
            ("\"7 days\"", ValueType::Duration, "loop::malformed-value"),
            ("\"10\"", ValueType::Size, "loop::malformed-value"),
            ("20", ValueType::Money, "loop::wrong-type"),
            ("(dollars)20", ValueType::Money, "loop::unknown-annotation"),
            ("(usd)-1", ValueType::Money, "loop::out-of-range"),
            ("\"example.com\"", ValueType::Url, "loop::malformed-value"),
            ("\"25:00\"", ValueType::TimeOfDay, "loop::malformed-value"),
            ("\"soon\"", ValueType::Time, "loop::malformed-value"),
            ("\"Europe/Londn\"", ValueType::Zone, "loop::unknown-zone"),
            ("\"fortnight\"", ValueType::Window, "loop::unknown-choice"),
            ("\"sk-123\"", ValueType::Secret, "loop::secret-in-plain-text"),
            ("(vault)\"k\"", ValueType::Secret, "loop::unknown-annotation"),
            ("(env)\"K\"", ValueType::Text, "loop::unknown-annotation"),
            ("\"opportunities\"", ValueType::Parameter, "loop::malformed-value"),
        ];
        for (written, ty, code) in cases {
            assert_eq!(value(written, ty), Err(code.into()), "{written}");
        }
    }

    #[test]
    fn defaults_read_as_they_would_be_written() {
        assert_eq!(from_default("\"7d\"", ValueType::Duration), Some(Scalar::Duration(604_800_000)));
        assert_eq!(from_default("7d", ValueType::Duration), Some(Scalar::Duration(604_800_000)));
        assert_eq!(from_default("#true", ValueType::Bool), Some(Scalar::Bool(true)));
        assert_eq!(from_default("(usd)20", ValueType::Money), Some(Scalar::Money(Money::new("usd", 20.0))));
        assert_eq!(from_default("2.0", ValueType::Share), None);
    }

    #[test]
    fn times_of_day_are_minutes() {
        assert_eq!(minute_of_day("06:30"), Some(390));
        assert_eq!(minute_of_day("6:30"), Some(390));
        assert_eq!(minute_of_day("24:00"), None);
        assert_eq!(minute_of_day("6"), None);
    }
}
