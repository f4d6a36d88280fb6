//! Small charts as inline SVG: bars with intervals. Colours are the page's, so light, dark and print all read well.

use crate::model::goods::report::Bar;
use std::fmt::Write as _;

/// Text for HTML and SVG.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\n' && c != '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Horizontal bars, one a row, with whiskers where there is an interval. Values may be negative; zero is marked.
/// Bars that are not finite are left out. Empty when nothing is left.
pub fn bars(bars: &[Bar], unit: &str) -> String {
    let bars: Vec<&Bar> = bars.iter().filter(|bar| bar.value.is_finite()).collect();
    if bars.is_empty() {
        return String::new();
    }
    const ROW: f64 = 26.0;
    const BOTH: f64 = 590.0;
    const NUMBER: f64 = 190.0;
    let labels: Vec<String> = bars.iter().map(|bar| super::style::fit(&bar.label, 34)).collect();
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or_default();
    // As wide as the widest letters of usual fonts need.
    let label = (longest as f64 * 7.3 + 16.0).clamp(90.0, 264.0);
    let plot = BOTH - label;
    let ends = |bar: &Bar| match bar.interval {
        Some((low, high)) if low.is_finite() && high.is_finite() => (low.min(bar.value), high.max(bar.value)),
        _ => (bar.value, bar.value),
    };
    let least = bars.iter().map(|bar| ends(bar).0).fold(0.0, f64::min);
    let most = bars.iter().map(|bar| ends(bar).1).fold(0.0, f64::max);
    let span = if most > least { most - least } else { 1.0 };
    let x = |value: f64| label + (value - least) / span * plot;
    let height = ROW * bars.len() as f64 + 8.0;
    let width = BOTH + NUMBER;
    let mut svg = String::new();
    let title = if unit.is_empty() { "Bar chart".to_owned() } else { format!("Bar chart of {unit}") };
    write!(
        svg,
        r#"<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><title>{title}</title>"#,
        title = escape(&title)
    )
    .expect("writing to a string");
    for (at, bar) in bars.iter().enumerate() {
        let top = 4.0 + ROW * at as f64;
        let middle = top + ROW / 2.0;
        let (from, to) = (x(0.0).min(x(bar.value)), x(0.0).max(x(bar.value)));
        write!(
            svg,
            r#"<text class="label" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect class="bar" x="{from:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="2"/>"#,
            label - 8.0,
            middle + 4.0,
            escape(&labels[at]),
            top + 5.0,
            (to - from).max(1.0),
            ROW - 10.0
        )
        .expect("writing to a string");
        let mut number = number(bar.value);
        if bar.interval.is_some() {
            let (low, high) = ends(bar);
            let (left, right) = (x(low), x(high));
            write!(
                svg,
                r#"<path class="whisker" d="M{left:.1} {middle:.1}H{right:.1}M{left:.1} {a:.1}V{b:.1}M{right:.1} {a:.1}V{b:.1}"/>"#,
                a = middle - 4.0,
                b = middle + 4.0
            )
            .expect("writing to a string");
            number = format!("{number} [{}, {}]", self::number(low), self::number(high));
        }
        write!(svg, r#"<text class="number" x="{:.1}" y="{:.1}">{number}</text>"#, BOTH + 8.0, middle + 4.0)
            .expect("writing to a string");
    }
    write!(svg, r#"<path class="zero" d="M{0:.1} 0V{height}"/></svg>"#, x(0.0)).expect("writing to a string");
    svg
}

/// About three significant digits; whole numbers and thousands without decimals.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || value.fract() == 0.0 {
        let whole = super::style::grouped(size.round() as usize);
        if value < 0.0 { format!("−{whole}") } else { whole }
    } else {
        let places = if size >= 10.0 {
            1
        } else if size >= 0.1 {
            2
        } else if size >= 0.01 {
            3
        } else {
            4
        };
        format!("{value:.places$}").replace('-', "−")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_survives_odd_values_and_escapes_labels() {
        let bar = |label: &str, value, interval| Bar { label: label.into(), value, interval };
        let svg = bars(&[bar("<b>", -2.0, Some((-3.0, 1.0))), bar("nan", f64::NAN, None), bar("zero", 0.0, None)], "x & y");
        assert!(svg.contains("&lt;b&gt;") && svg.contains("x &amp; y") && !svg.contains("NaN"));
        assert_eq!(svg.matches("<rect").count(), 2);
        assert_eq!(bars(&[], ""), "");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(19_785.0), "19,785");
        assert_eq!(number(0.558_399), "0.56");
        assert_eq!(number(-0.01234), "−0.012");
    }
}
