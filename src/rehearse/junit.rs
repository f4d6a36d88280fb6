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
    pub name: &'c str,
    pub verdict: &'c Verdict,
    /// What is said of each failure, as people read it.
    pub told: String,
}

/// A test file that cannot be read, so that its tests did not run.
pub struct Mistake<'c> {
    pub file: &'c str,
    pub message: &'c str,
    /// Everything that is wrong with it, as people read it.
    pub told: String,
}

/// The whole report. Cases of one file stand together. It keeps to the schema of Jenkins' xUnit plugin, the strictest of the readers.
pub fn render(cases: &[Case<'_>], mistakes: &[Mistake<'_>]) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let totals = Totals::of(cases, mistakes.len());
    let named = [("name", "loopctl test")].into_iter().chain(totals.attributes());
    writer.create_element("testsuites").with_attributes(named).write_inner_content(|writer| {
        for suite in cases.chunk_by(|a, b| a.file == b.file) {
            write_suite(writer, suite)?;
        }
        mistakes.iter().try_for_each(|mistake| write_mistake(writer, mistake))
    })?;
    let body = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}\n"))
}

fn write_suite(writer: &mut Writer<Vec<u8>>, suite: &[Case<'_>]) -> io::Result<()> {
    let file = allowed(suite.first().map_or("", |case| case.file));
    let totals = Totals::of(suite, 0);
    let named = [("name", file.as_str())].into_iter().chain(totals.attributes());
    let element = writer.create_element("testsuite").with_attributes(named);
    element.write_inner_content(|writer| suite.iter().try_for_each(|case| write_case(writer, case)))?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case<'_>) -> io::Result<()> {
    let (file, name, time) = (allowed(case.file), allowed(case.name), seconds(case.verdict.took));
    let named = [("classname", file.as_str()), ("name", name.as_str()), ("time", time.as_str())];
    let element = writer.create_element("testcase").with_attributes(named);
    if case.verdict.passed() {
        element.write_empty()?;
        return Ok(());
    }
    let messages: Vec<&str> = case.verdict.failures.iter().map(|failure| failure.diagnostic.message.as_str()).collect();
    element.write_inner_content(|writer| write_trouble(writer, "failure", &messages.join("; "), &case.told))?;
    Ok(())
}

/// A suite of its own with one case, so that a file that did not run is no green file.
fn write_mistake(writer: &mut Writer<Vec<u8>>, mistake: &Mistake<'_>) -> io::Result<()> {
    let file = allowed(mistake.file);
    let totals = Totals::of(&[], 1);
    let named = [("name", file.as_str())].into_iter().chain(totals.attributes());
    let element = writer.create_element("testsuite").with_attributes(named);
    element.write_inner_content(|writer| {
        let named = [("classname", file.as_str()), ("name", "the file can be read"), ("time", "0.000")];
        let element = writer.create_element("testcase").with_attributes(named);
        element.write_inner_content(|writer| write_trouble(writer, "error", mistake.message, &mistake.told))?;
        Ok(())
    })?;
    Ok(())
}

fn write_trouble(writer: &mut Writer<Vec<u8>>, element: &str, message: &str, told: &str) -> io::Result<()> {
    let (message, told) = (allowed(message), allowed(told));
    let element = writer.create_element(element).with_attribute(("message", message.as_str()));
    element.write_inner_content(|writer| writer.write_event(Event::Text(BytesText::new(&told))))?;
    Ok(())
}

/// The counts of the report or of one suite.
struct Totals {
    tests: String,
    failures: String,
    errors: String,
    time: String,
}

impl Totals {
    fn of(cases: &[Case<'_>], errors: usize) -> Totals {
        let failed = cases.iter().filter(|case| !case.verdict.passed()).count();
        let took = cases.iter().map(|case| case.verdict.took).sum();
        Totals {
            tests: (cases.len() + errors).to_string(),
            failures: failed.to_string(),
            errors: errors.to_string(),
            time: seconds(took),
        }
    }

    fn attributes(&self) -> [(&str, &str); 4] {
        [("tests", &self.tests), ("failures", &self.failures), ("errors", &self.errors), ("time", &self.time)]
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// XML 1.0 has no place for most control characters and for two that are none, not even escaped.
fn allowed(text: &str) -> String {
    let is_allowed = |c: &char| (!c.is_control() || matches!(c, '\n' | '\t')) && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().filter(is_allowed).collect()
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
        let case = |file, name, verdict| Case { file, name, verdict, told: "a\u{1b}\u{fffe}]]>\nb".to_owned() };
        let mistake = Mistake { file: "c\u{1}", message: "unknown", told: "<".to_owned() };
        let text =
            render(&[case("a", "one", &good), case("a", "two", &bad), case("b", "three\u{ffff}", &good)], &[mistake]).unwrap();
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
        let suites = ["testsuite", "testcase", "testcase", "failure", "testsuite", "testcase", "testsuite", "testcase", "error"];
        assert_eq!(names, [&["testsuites"][..], &suites].concat());
        assert!(text.contains("tests=\"4\" failures=\"1\" errors=\"1\" time=\"4.500\""), "{text}");
        let has_place = |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(has_place), "{text:?}");
        assert!(text.contains("1 &lt; 2 &amp; &quot;more&quot;"), "{text}");
    }
}
