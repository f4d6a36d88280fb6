//! `loopctl tune`: what learning moved, and taking it back.

use super::place::{FIRST, Place, Stage, list, text};

#[test]
fn a_setting_is_taken_back_and_the_same_evidence_does_not_move_it_again() {
    let place = Place::at(Stage::Closed);
    let changes = list(&place.run(&format!("tune list {FIRST} --json")).exit(0).json()["changes"]);
    let demand = changes.iter().find(|change| text(&change["path"]) == "opportunities.demand").expect("it was moved");
    assert_eq!((demand["old"].as_f64(), text(&demand["by"]).as_str()), (Some(0.4), "learning"));
    place.run(&format!("tune revert {FIRST} opportunities.demand --reason premature --as Ada")).exit(0).says("back to 0.400");
    place.run(&format!("log {FIRST}")).exit(0).says("Ada").says("opportunities.demand");
    place.run(&format!("tune revert {FIRST} opportunities.deman")).fails(2, "cli::no-such-item").warns("did you mean");
    place.run(&format!("run {FIRST} --approve-all")).exit(0).says("Ada set opportunities.demand from 0.480 to 0.400: premature.");
    let changes = list(&place.run(&format!("tune list {FIRST} --json")).exit(0).json()["changes"]);
    let later = changes.iter().filter(|change| change["cycle"] == 2 && text(&change["path"]) == "opportunities.demand");
    assert_eq!(later.count(), 0, "{changes:#?}");
    place.run(&format!("plan {FIRST}")).exit(0);
}
