//! The findings that machines read follow `docs/schemas/diagnostics-1.json`, whatever the bytes of the file.

use super::place::{FIRST, Place};
use loopctl::base::Rng;
use loopctl::world::generate::shape::fault;
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schemas/diagnostics-1.json")).expect("a schema")
}

fn holds(place: &Place, words: &str) {
    let said = place.command(words).output().expect("it runs");
    let document: Value = serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|error| panic!("{words}: {error}: {}", String::from_utf8_lossy(&said.stdout)));
    if document.get("diagnostics").is_none() {
        // What could not be read at all is told as a failure.
        assert!(document["error"]["code"].is_string(), "{words}: {document}");
        return;
    }
    assert_eq!(fault(&schema(), &document, "the document"), None, "{words}: {document}");
}

#[test]
fn findings_follow_the_schema_for_any_bytes() {
    let place = Place::new();
    let good = place.read(FIRST);
    let mut rng = Rng::new(77);
    place.write("workflows/broken.kdl", good.replace("from \"", "from \"x"));
    holds(&place, "validate workflows/broken.kdl --format json");
    holds(&place, "validate workflows/broken.kdl --fix --diff --json");
    for round in 0..24 {
        let mut bytes = good.clone().into_bytes();
        match round % 4 {
            0 => bytes = (0..rng.below(4_000)).map(|_| rng.below(256) as u8).collect(),
            1 => bytes.truncate(rng.below(bytes.len() as u64) as usize),
            _ => {
                for _ in 0..=rng.below(20) {
                    let at = rng.below(bytes.len() as u64) as usize;
                    bytes[at] = b"{}\"\\;/*=#\x1b\xe2\x80\xae\x00"[rng.below(14) as usize];
                }
            }
        }
        place.write("workflows/odd.kdl", &bytes);
        holds(&place, "validate workflows/odd.kdl --format json");
        place.write("odd.md", &bytes);
        holds(&place, "check odd.md --json --client-os workflows/first-loop/client-os");
    }
    // A document that breaks it is noticed.
    let wrong = serde_json::json!({ "version": 1, "diagnostics": [{ "code": 5 }] });
    assert!(fault(&schema(), &wrong, "the document").is_some());
}
