//! Lengths of time as people write them in a workflow: `"90s"`, `"15m"`, `"72h"`, `"7d"`, `"2w"`.

use std::time::Duration;

/// Reads a whole number followed by `ms`, `s`, `m`, `h`, `d` or `w`; several may follow one another (`"1h30m"`).
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = 0u64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total = total.checked_add(count.checked_mul(unit_millis(&rest[..unit])?)?)?;
        rest = &rest[unit..];
    }
    Some(Duration::from_millis(total))
}

/// Writes a duration in the largest unit that divides it: `format(86_400_000 ms)` is `1d`.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis() as u64;
    ["w", "d", "h", "m", "s"]
        .iter()
        .map(|unit| (unit, unit_millis(unit).expect("listed units are known")))
        .find(|(_, size)| millis >= *size && millis.is_multiple_of(*size))
        .map_or_else(|| format!("{millis}ms"), |(unit, size)| format!("{}{unit}", millis / size))
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write() {
        for (text, millis) in [("90s", 90_000), ("15m", 900_000), ("72h", 259_200_000), ("7d", 604_800_000), ("1h30m", 5_400_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "7", "d", "7 d", "-1s", "1y", "99999999999999999999d"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(format(Duration::from_secs(86_400)), "1d");
        assert_eq!(format(Duration::from_secs(90)), "90s");
    }
}
