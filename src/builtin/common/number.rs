//! Numbers as exports write them: `1,020`, `4,2%`, `<1`, `$1 234.50`, `(12)`.

/// What separates whole from fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimal {
    #[default]
    Point,
    Comma,
}

/// Reads one number. Groups of thousands may be separated by the other mark, spaces or apostrophes, but only in threes: `1,5`
/// with a decimal point is an error, not fifteen. A percentage is divided by 100; `<1` stands for half of its bound.
pub fn parse(text: &str, decimal: Decimal) -> Option<f64> {
    let mut text = text.trim();
    let below = text.starts_with('<');
    text = text.trim_start_matches('<').trim();
    let mut sign = 1.0;
    if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        sign = -1.0;
        text = inner.trim();
    }
    let mut scale = 1.0;
    if let Some(inner) = text.strip_suffix('%') {
        scale = 0.01;
        text = inner.trim_end();
    }
    if let Some(rest) = text.strip_prefix(['-', '−']) {
        sign = -sign;
        text = rest.trim_start();
    }
    let text = text.trim_start_matches(['$', '€', '£']).trim_end_matches(['$', '€', '£']).trim();
    let (mark, other) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let (whole, fraction) = match text.split_once(mark) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let value: f64 = plain(whole, fraction, other)?.parse().ok()?;
    let value = sign * scale * value * if below { 0.5 } else { 1.0 };
    value.is_finite().then_some(value)
}

fn plain(whole: &str, fraction: Option<&str>, other: char) -> Option<String> {
    let is_group = |c: char| c == other || matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '’');
    let groups: Vec<&str> = whole.split(is_group).collect();
    let grouped = groups.len() > 1;
    if grouped && (groups[0].is_empty() || groups[0].len() > 3 || groups[1..].iter().any(|group| group.len() != 3)) {
        return None;
    }
    let mut plain = groups.concat();
    // An exponent may follow (`1e5`), never a letter alone.
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let with_exponent = |text: &str| match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number.is_empty() || digits(number)) && digits(exponent.trim_start_matches(['-', '+'])),
        None => text.is_empty() || digits(text),
    };
    match fraction {
        Some(fraction)
            if (plain.is_empty() || digits(&plain)) && with_exponent(fraction) && !(plain.is_empty() && fraction.is_empty()) =>
        {
            plain.push('.');
            plain.push_str(fraction);
            Some(plain)
        }
        None if !plain.is_empty() && with_exponent(&plain) => Some(plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_exports_read() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("1,020", Some(1020.0)),
            ("1,010.50", Some(1010.5)),
            ("3.53%", Some(0.0353)),
            ("<1", Some(0.5)),
            ("(12)", Some(-12.0)),
            ("-3", Some(-3.0)),
            ("$1,234", Some(1234.0)),
            ("1 234 567", Some(1234567.0)),
            ("1e3", Some(1000.0)),
            (".5", Some(0.5)),
            ("1,5", None),
            ("12,34,567", None),
            ("n/a", None),
            ("", None),
            ("1.2.3", None),
            ("e5x", None),
        ] {
            let found = parse(text, Decimal::Point);
            let same = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                (found, expected) => found == expected,
            };
            assert!(same, "{text}: {found:?}");
        }
        assert_eq!(parse("11,7", Decimal::Comma), Some(11.7));
        assert_eq!(parse("1.020,5", Decimal::Comma), Some(1020.5));
        assert_eq!(parse("1\u{a0}020", Decimal::Comma), Some(1020.0));
        assert!((parse("4,2 %", Decimal::Comma).unwrap() - 0.042).abs() < 1e-12);
    }
}
