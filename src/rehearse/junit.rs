//! Verdicts as JUnit XML, which every CI system reads: one suite for each file.

use super::Verdict;
use quick_xml::Writer;
use quick_xml::events::{BytesText, Event};
use std::io;
use std::time::Duration;

/// One test for the report.
pub struct Case<'c> {
    /// The test file.
    pub file: &'c str,
    /// The line on which it begins.
    pub line: usize,
    pub name: &'c str,
    pub verdict: &'c Verdict,
    /// What is said of each failure, as people read it.
    pub told: String,
}

/// The whole report. Cases of one file stand together.
pub fn render(cases: &[Case<'_>]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let totals = totals(cases.iter());
    writer
        .create_element("testsuites")
        .with_attributes([
            ("name", "loopctl test"),
            ("tests", totals.0.as_str()),
            ("failures", totals.1.as_str()),
            ("time", totals.2.as_str()),
        ])
        .write_inner_content(|writer| {
            for suite in cases.chunk_by(|a, b| a.file == b.file) {
                write_suite(writer, suite)?;
            }
            Ok(())
        })?;
    let body = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
}

fn write_suite(writer: &mut Writer<Vec<u8>>, suite: &[Case<'_>]) -> io::Result<()> {
    let file = suite.first().map_or("", |case| case.file);
    let totals = totals(suite.iter());
    writer
        .create_element("testsuite")
        .with_attributes([
            ("name", file),
            ("tests", totals.0.as_str()),
            ("failures", totals.1.as_str()),
            ("time", totals.2.as_str()),
        ])
        .write_inner_content(|writer| suite.iter().try_for_each(|case| write_case(writer, case)))?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case<'_>) -> io::Result<()> {
    let (name, line, time) = (allowed(case.name), case.line.to_string(), seconds(case.verdict.took));
    let element = writer.create_element("testcase").with_attributes([
        ("classname", case.file),
        ("name", name.as_str()),
        ("file", case.file),
        ("line", line.as_str()),
        ("time", time.as_str()),
    ]);
    if case.verdict.passed() {
        element.write_empty()?;
        return Ok(());
    }
    element.write_inner_content(|writer| {
        let messages: Vec<&str> = case.verdict.failures.iter().map(|failure| failure.diagnostic.message.as_str()).collect();
        let (message, told) = (allowed(&messages.join("; ")), allowed(&case.told));
        let failure = writer.create_element("failure").with_attribute(("message", message.as_str()));
        failure.write_inner_content(|writer| writer.write_event(Event::Text(BytesText::new(&told))))?;
        Ok(())
    })?;
    Ok(())
}

/// Number, failures and seconds.
fn totals<'c>(cases: impl Iterator<Item = &'c Case<'c>> + Clone) -> (String, String, String) {
    let failed = cases.clone().filter(|case| !case.verdict.passed()).count();
    let took = cases.clone().map(|case| case.verdict.took).sum();
    (cases.count().to_string(), failed.to_string(), seconds(took))
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// XML 1.0 has no place for most control characters, not even escaped.
fn allowed(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostic;
    use crate::rehearse::Failure;

    #[test]
    fn the_report_is_xml_with_counts_and_escaped_words() {
        let took = Duration::from_millis(1_500);
        let good = Verdict { failures: Vec::new(), took };
        let diagnostic = Diagnostic::error("test::not-met", "expected 1 < 2 & \"more\"\u{1b}");
        let bad = Verdict { failures: vec![Failure { diagnostic, found: Vec::new() }], took };
        let case = |file, name, verdict| Case { file, line: 3, name, verdict, told: "a\u{1b}]]>\nb".to_owned() };
        let text = render(&[case("a", "one", &good), case("a", "two", &bad), case("b", "three", &good)]).unwrap();
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut names = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(start) | Event::Empty(start) => {
                    names.push(start.name().as_ref().to_owned());
                }
                _ => {}
            }
        }
        assert_eq!(names, ["testsuites", "testsuite", "testcase", "testcase", "failure", "testsuite", "testcase"]);
        assert!(text.contains("tests=\"3\" failures=\"1\" time=\"4.500\""), "{text}");
        assert!(text.contains("1 &lt; 2 &amp; &quot;more&quot;"), "{text}");
    }
}
