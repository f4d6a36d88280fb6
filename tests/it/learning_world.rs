//! Simulated worlds in which learning has to pay: the bundled ones, through the program, beside never learning and an oracle.

use crate::cli::place::Place;
use serde_json::Value;

/// The one world of a bundled file, played.
fn played(file: &str, more: &str) -> Value {
    let ran = Place::new().run(&format!("simulate workflows/worlds/{file} --json {more}")).exit(0);
    ran.json()["worlds"][0].clone()
}

fn mean(world: &Value, name: &str) -> f64 {
    world[name]["mean"].as_f64().unwrap_or_else(|| panic!("{name} in {world:#}"))
}

#[test]
fn learning_goes_a_good_part_of_the_way_to_an_oracle() {
    let world = played("three-channels.world.kdl", "--seeds 2 --cycles 30");
    let part = mean(&world, "part_of_the_way");
    // The luck of visitors alone lets the loop come out a little above an oracle.
    assert!(part > 0.3 && part < 1.2, "{world:#}");
    assert!(mean(&world, "learning") > mean(&world, "never") && mean(&world, "oracle") > mean(&world, "never"));
    let learned: Vec<f64> =
        world["parameters"].as_array().expect("a list").iter().map(|parameter| mean(parameter, "learned")).collect();
    assert!(learned[0] > learned[1] && learned[1] > learned[2], "{learned:?}");
    assert_eq!(world["by_cycle"].as_array().map(Vec::len), Some(30));
    // The same seeds are the same world.
    assert_eq!(world, played("three-channels.world.kdl", "--seeds 2 --cycles 30"));
}

#[test]
fn learning_follows_a_world_that_changes() {
    let world = played("send-time.world.kdl", "--seeds 2");
    assert!(mean(&world, "part_of_the_way") > 0.3, "{world:#}");
    let learned: Vec<f64> =
        world["parameters"].as_array().expect("a list").iter().map(|parameter| mean(parameter, "learned")).collect();
    assert!(learned[2] > 2.0 * learned[0], "the evening has taken over: {learned:?}");
}

#[test]
fn a_world_is_told_in_words_and_its_mistakes_where_they_stand() {
    let place = Place::new();
    let world = "workflows/worlds/three-channels.world.kdl";
    let ran = place.run(&format!("simulate {world} --seeds 2 --cycles 3")).exit(0);
    for words in ["three channels, 3 cycles of `garden`, 2 seeds", "with learning", "an oracle", "attention.search 0.33"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    // Too little time to be sure of anything.
    place.run(&format!("simulate {world} --seeds 2 --cycles 2 --least 0.9")).exit(1);
    place.run(&format!("validate {world}")).exit(0).says("1 world");
    place.edit(world, "people 160", "people 0");
    place.edit(world, "attention.search", "attention.serach");
    for command in ["validate", "simulate"] {
        let ran = place.run(&format!("{command} {world}")).exit(3);
        assert!(ran.err.contains("out of range") && ran.err.contains("did you mean `attention.search`"), "{}", ran.err);
    }
    place.run("simulate none.world.kdl").fails(2, "cli::no-such-file");
    place.run(&format!("simulate {world} --seeds 1")).exit(2);
}
