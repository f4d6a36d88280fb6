//! The formatter keeps what a file says and everything a person wrote into it, and its layout is final: formatting again changes nothing.

// This whole file is a test; the line says so to the house test, which reads files one by one.
#[cfg(test)]
use super::layout::substance;
use super::suite::{document, suite};
use super::{format, print, read};
use crate::diag::{Diagnostic, FileId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const FILE: FileId = FileId(0);

fn formatted(text: &str) -> String {
    format(FILE, text).expect("no mistakes")
}

fn comments(text: &str) -> BTreeMap<&str, usize> {
    let mut counted = BTreeMap::new();
    for word in substance(text).expect("text without mistakes") {
        if word.starts_with("//") || word.starts_with("/*") {
            *counted.entry(word).or_default() += 1;
        }
    }
    counted
}

/// Everything that must hold of a text without mistakes.
fn holds(text: &str) -> Result<(), String> {
    let (tree, _) = read(FILE, text);
    let laid_out = super::format::laid_out(text).ok_or("the layout was not understood")?;
    let (again, findings) = read(FILE, &laid_out);
    if findings.iter().any(Diagnostic::is_error) || print(&tree) != print(&again) {
        return Err(format!("another tree: {findings:?}\n{laid_out}"));
    }
    if comments(text) != comments(&laid_out) || substance(text) != substance(&laid_out) {
        return Err(format!("something was lost or moved:\n{laid_out}"));
    }
    let format = formatted(text);
    if format != laid_out {
        return Err(format!("the layout was not trusted:\n{laid_out}"));
    }
    if formatted(&format) != format {
        return Err(format!("not final:\n{format}\nbecomes\n{}", formatted(&format)));
    }
    Ok(())
}

#[test]
fn what_people_write_becomes_tidy() {
    for (text, expected) in [
        ("", ""),
        ("\n\n  \n", ""),
        ("a   1\tb = 2 ;c", "a 1 b=2\nc\n"),
        ("a{\n}\nb{ c;d }", "a {}\nb { c; d }\n"),
        ("a {\nb 1\n\n\n\n  c{\n d } }", "a {\n    b 1\n\n    c {\n        d\n    }\n}\n"),
        ("\n\n// top\n\n\n\na {\n\n  // in\n\n}\n\n", "// top\n\na {\n    // in\n}\n"),
        ("a { // why\n b // who  \n // below\n}// end", "a { // why\n    b // who\n    // below\n} // end\n"),
        ("/-  a 1 /-  2 /-b=3 /- { c }\nd", "/-a 1 /-2 /-b=3 /-{ c }\nd\n"),
        ("/- kdl-version 2\n/- kdl-version 2", "/- kdl-version 2\n/-kdl-version 2\n"),
        ("(t) a ( u ) 1 b=( v )\"x\"", "(t)a (u)1 b=(v)\"x\"\n"),
        ("a 1_000.50e+3 #\"raw \\\"# \"\\u{41}\\ \n  b\" bare", "a 1_000.50e+3 #\"raw \\\"# \"\\u{41}\\ \n  b\" bare\n"),
        ("a \\  // first\n  1 \\\n\n", "a \\ // first\n    1\n"),
        ("a \\\n 1 \\ // last\n\nb", "a \\\n    1 // last\n\nb\n"),
        ("/* p */ a; /* q */ b /* r */; c /* s */ 1", "/* p */ a\n/* q */ b /* r */\nc /* s */ 1\n"),
        ("a k /* why */ = 1", "a k /* why */ = 1\n"),
        ("\u{FEFF}  a  1", "\u{FEFF}a 1\n"),
        ("a  1\r\nb {\r\nc\r\n}\r\n", "a 1\r\nb {\r\n    c\r\n}\r\n"),
        ("x {\na \"\"\"\n   one\n     two\n   \"\"\"\n}", "x {\n    a \"\"\"\n   one\n     two\n   \"\"\"\n}\n"),
        ("\\\na", "a\n"),
        ("a { b } /-{ c\n }", "a {\n    b\n} /-{\n    c\n}\n"),
    ] {
        assert_eq!(formatted(text), expected, "{text:?}");
        holds(text).unwrap_or_else(|why| panic!("{text:?}: {why}"));
    }
}

#[test]
fn a_block_on_one_line_stays_there_while_it_fits() {
    let long = |names: usize| {
        format!("step \"name\" {{ from {}; tune {{ rate 0.2;within 0.1 0.8 }} }}\n", "\"abcdefg\" ".repeat(names).trim())
    };
    assert_eq!(formatted(&long(6)), long(6).replace(';', "; ").replace(";  ", "; "));
    let spread = formatted(&long(12));
    assert!(
        spread.starts_with("step \"name\" {\n    from \"abcdefg\" ")
            && spread.ends_with("\n    tune { rate 0.2; within 0.1 0.8 }\n}\n"),
        "{spread}"
    );
    holds(&long(12)).expect("final");
    // A long line without a block is the author's.
    let text = format!("a \"{}\"\n", "x".repeat(300));
    assert_eq!(formatted(&text), text);
}

#[test]
fn a_file_with_mistakes_is_left_alone() {
    for text in ["a {", "a = 1", "a }", "a true", "a \"x"] {
        let found = format(FILE, text).expect_err("a mistake");
        assert!(found.iter().any(Diagnostic::is_error), "{text}");
    }
}

#[test]
fn every_case_of_the_suite_keeps_its_meaning_and_its_comments() {
    let Some(folder) = suite() else { return };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.join("input")).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("readable")).into_owned();
        if name.ends_with("_fail.kdl") {
            assert!(format(FILE, &text).is_err(), "{name}");
            continue;
        }
        seen += 1;
        wrong.extend(holds(&text).err().map(|why| format!("{name}: {why}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 200, "only {seen} cases");
}

#[test]
fn deep_and_long_files_are_formatted_without_a_large_stack() {
    for text in [
        "a {".repeat(500) + &"}".repeat(500),
        "a {\n".repeat(500) + &"}\n".repeat(500),
        "a 1;".repeat(100_000),
        " ".repeat(1_000_000) + &"a;".repeat(100_000),
    ] {
        holds(&text).unwrap_or_else(|why| panic!("{}", &why[..why.len().min(300)]));
    }
}

/// Some stand here several times, so that more of the mixtures read.
const MARKS: &[&str] = &[
    "a",
    "a",
    "a",
    "a",
    " ",
    " ",
    "\n",
    "{",
    "}",
    " {",
    "\n}",
    ";",
    " /* c */ ",
    "/*d\ne*/",
    "// f\n",
    " \\\n",
    " \\ // g\n",
    " \\ /* h */\n",
    "/-",
    " /- ",
    "/- // i\n",
    " x=1",
    " x /* j */ = 1",
    "(t)",
    " ( t )",
    " \"s\"",
    " #\"r\"#",
    " \"\"\"\n  m\n  \"\"\"",
    "\r\n",
    "\u{2028}",
    "\n\n\n",
    " #true",
    " 0x1F",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_keeps_its_meaning_and_its_comments(text in document()) {
        prop_assert_eq!(holds(&text), Ok(()));
    }

    #[test]
    fn any_mixture_of_marks_that_reads_keeps_its_meaning_and_its_comments(
        parts in prop::collection::vec(prop::sample::select(MARKS), 0..24)
    ) {
        let text = parts.concat();
        if !read(FILE, &text).1.iter().any(Diagnostic::is_error) {
            prop_assert_eq!(holds(&text), Ok(()), "{:?}", text);
        }
    }

    #[test]
    fn any_bytes_are_formatted_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(formatted) = format(FILE, &text) {
            prop_assert_eq!(super::format(FILE, &formatted), Ok(formatted));
        }
    }
}
