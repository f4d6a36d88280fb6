//! The text of a PDF, in lines as a reader sees them, without a program from outside.
//!
//! Brand books and decks are made by word processors, browsers and design tools: they have text with tables to Unicode, packed with
//! Flate. That is read here. Pictures of text, files with a password and rare packings are not; the caller is told which it is and
//! can ask a larger program. The format is ISO 32000; what is read follows its chapters 7 (syntax), 8 (graphics) and 9 (text).

mod font;
mod object;
mod page;

use object::{Dictionary, File, Object};
use std::collections::HashSet;

/// More pages than this are no brand text.
const PAGES_MOST: usize = 400;

/// Why no text came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error("it is no PDF")]
    NoPdf,
    #[error("it is protected with a password")]
    Locked,
    #[error("no text could be read in it: its pages may be pictures")]
    NoText,
}

/// The text of a file: its pages in order, an empty line between paragraphs.
///
/// # Errors
/// When there is nothing to read.
pub fn text(bytes: &[u8]) -> Result<String, Trouble> {
    if !bytes.iter().take(1024).copied().collect::<Vec<u8>>().windows(5).any(|window| window == b"%PDF-") {
        return Err(Trouble::NoPdf);
    }
    let mut file = File::read(bytes);
    if file.is_locked {
        return Err(Trouble::Locked);
    }
    let mut said = Vec::new();
    for (page, resources) in pages(&file) {
        let lines = page::lines(&mut file, &page, resources.as_ref());
        if !lines.is_empty() {
            said.push(lines.join("\n"));
        }
    }
    let text = said.join("\n\n");
    // A file whose letters nobody can name gives marks and blanks.
    let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
    let unknown = text.chars().filter(|c| *c == '\u{fffd}' || c.is_control() && *c != '\n').count();
    if letters < 3 || unknown > letters { Err(Trouble::NoText) } else { Ok(text) }
}

/// The pages in reading order, each with the resources it has of its own or inherits.
fn pages(file: &File) -> Vec<(Dictionary, Option<Dictionary>)> {
    let root = file.root.as_ref().and_then(|root| file.resolved(root).dictionary()).or_else(|| file.of_kind("Catalog").next());
    let tree = root.and_then(|root| file.get(root, "Pages")).and_then(Object::dictionary);
    let mut pages = Vec::new();
    if let Some(tree) = tree {
        gather(file, tree, None, &mut pages, &mut HashSet::new());
    }
    if pages.is_empty() {
        let own = |page: &Dictionary| file.get(page, "Resources").and_then(Object::dictionary).cloned();
        pages = file.of_kind("Page").take(PAGES_MOST).map(|page| (page.clone(), own(page))).collect();
    }
    pages
}

fn gather(
    file: &File,
    node: &Dictionary,
    inherited: Option<&Dictionary>,
    pages: &mut Vec<(Dictionary, Option<Dictionary>)>,
    seen: &mut HashSet<usize>,
) {
    // A tree that comes back to itself ends where it does.
    if pages.len() >= PAGES_MOST || !seen.insert(std::ptr::from_ref(node) as usize) {
        return;
    }
    let resources = file.get(node, "Resources").and_then(Object::dictionary).or(inherited);
    match file.get(node, "Kids").and_then(Object::list) {
        Some(kids) => {
            for kid in kids {
                if let Some(kid) = file.resolved(kid).dictionary() {
                    gather(file, kid, resources, pages, seen);
                }
            }
        }
        None => pages.push((node.clone(), resources.cloned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).expect("into memory");
        encoder.finish().expect("into memory")
    }

    /// A file of one page with the operators `content`, packed, and `more` objects.
    fn file(content: &str, more: &str) -> Vec<u8> {
        let packed = packed(content.as_bytes());
        let mut bytes = format!(
            "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R 2 0 R]/Count 1\
             /Resources<</Font<</F1 5 0 R>>>>>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n\
             5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>endobj\n{more}\n\
             4 0 obj<</Length {}/Filter/FlateDecode>>stream\n",
            packed.len()
        )
        .into_bytes();
        bytes.extend(packed);
        bytes.extend(b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n");
        bytes
    }

    #[test]
    fn texts_of_one_height_are_a_line_and_gaps_part_paragraphs() {
        let content = "BT /F1 20 Tf 50 700 Td (Tone of voice) Tj /F1 11 Tf 0 -30 Td [(Pl) 20 (ain)] TJ 60 0 Td (and exact,) Tj \
                       -60 -13 Td (caf\\351 \\(\\200 4\\).) Tj 0 -40 Td <4e657874> Tj ET";
        assert_eq!(text(&file(content, "")).as_deref(), Ok("Tone of voice\n\nPlain and exact,\ncafé (€ 4).\n\nNext"));
    }

    #[test]
    fn what_a_browser_prints_is_read_with_its_headings_and_marks() {
        let said = text(include_bytes!("../../../../tests/fixtures/client-os/brand.pdf")).expect("it has text");
        assert!(said.starts_with("Brightwater Analytics\n\nWe help small clinics"), "{said}");
        assert!(
            said.contains(
                "\n\nTone of voice\n\nCalm and exact. We say what we measured – and what we don’t know.\n“Plain” beats"
            ),
            "{said}"
        );
        assert!(said.contains("Zürich, naïve, 40 €."), "{said}");
        assert!(said.contains("What we offer\n\n"), "joined letters are parted: {said}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(text(b"hello"), Err(Trouble::NoPdf));
        assert_eq!(text(b"%PDF-1.4 nothing"), Err(Trouble::NoText));
        assert_eq!(text(&file("0 0 10 10 re f", "")), Err(Trouble::NoText), "a picture");
        let locked = [file("BT (x) Tj ET", "").as_slice(), b"trailer<</Root 1 0 R/Encrypt 9 0 R>>"].concat();
        assert_eq!(text(&locked), Err(Trouble::Locked));
    }

    /// A few kilobytes that unfold to more than is ever kept, and forms that show themselves.
    #[test]
    fn a_bomb_ends_soon() {
        let bomb = packed(&packed(&vec![b' '; 40 << 20]));
        let mut bytes =
            b"%PDF-1.4 1 0 obj<</Type/Page/Contents 2 0 R>>endobj 2 0 obj<</Filter[/FlateDecode/FlateDecode]>>stream\n".to_vec();
        bytes.extend(bomb);
        bytes.extend(b"endstream endobj");
        assert_eq!(text(&bytes), Err(Trouble::NoText));
        let nested =
            "6 0 obj<</Type/XObject/Subtype/Form/Resources<</XObject<</A 6 0 R>>>>>>stream\n/A Do /A Do\nendstream endobj";
        let own = file("BT /F1 9 Tf (words) Tj ET /A Do", nested);
        assert_eq!(text(&own).as_deref(), Ok("words"));
        assert_eq!(text(format!("%PDF-1.4 1 0 obj{}", "[".repeat(100_000)).as_bytes()), Err(Trouble::NoText));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_damaged_file_never_panics(changes in proptest::collection::vec((0usize..28_000, any::<u8>()), 1..60), cut in 0usize..28_000) {
            let mut bytes = include_bytes!("../../../../tests/fixtures/client-os/brand.pdf").to_vec();
            for (at, byte) in changes {
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
            }
            bytes.truncate(bytes.len() - cut.min(bytes.len()) / 4);
            let _ = text(&bytes);
        }
    }
}
