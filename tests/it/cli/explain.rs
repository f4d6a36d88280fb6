//! `loopctl explain`.

use super::place::{Place, list, text};

#[test]
fn every_code_has_its_story() {
    let place = Place::empty();
    let codes = list(&place.run("explain --json").exit(0).json()["codes"]);
    assert!(codes.len() > 20);
    let human = place.run("explain").exit(0);
    for entry in codes {
        let code = text(&entry["code"]);
        assert!(human.out.contains(&code));
        assert_ne!(entry["title"], "");
    }
    let page = place.run("explain loop::port-mismatch").exit(0).says("port");
    let json = place.run("explain loop::port-mismatch --json").exit(0).json();
    assert_eq!(text(&json["page"]["page"]).trim_end(), page.out.trim_end());
}

#[test]
fn a_slip_is_mended() {
    let place = Place::empty();
    place.run("explain loop::port-mismach").fails(2, "cli::unknown-code").warns("loop::port-mismatch");
    place.run("explain xyzzy").fails(2, "cli::unknown-code").warns("loopctl explain");
}
