//! `loopctl check` through the real binary.

use super::place::Place;
use serde_json::Value;

const OS: &str = "workflows/first-loop/client-os";
const TEXT: &str = "# Hosting in numbers\n\nIn today's fast-paced world, it is worth noting that we leverage prices. They utilise a lot.\n\n> Others leverage.\n";

fn place() -> Place {
    let place = Place::new();
    place.write("post.md", TEXT);
    place
}

fn codes(document: &Value) -> Vec<&str> {
    document["diagnostics"].as_array().expect("a list").iter().filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn a_text_is_checked_against_the_client_os_and_the_built_in_pack() {
    let place = place();
    let human = place.run(&format!("check post.md --client-os {OS}")).exit(1);
    for part in ["check::forbidden", "check::voice", "post.md:3:", "[ai-cliche.Openers]", "help:"] {
        assert!(human.err.contains(part), "{part}\n{}", human.told());
    }
    let document = place.run(&format!("check post.md --client-os {OS} --json")).exit(1).json();
    let forbidden = codes(&document).iter().filter(|code| **code == "check::forbidden").count();
    assert!(forbidden >= 1 && !document.to_string().contains("Others leverage"), "quotations are not ours: {document}");
    let github = place.run(&format!("check post.md --client-os {OS} --format github")).exit(1);
    assert!(github.out.contains("file=post.md,line=3"), "{}", github.told());
    let sarif = place.run(&format!("check post.md --client-os {OS} --format sarif")).exit(1);
    let sarif: Value = serde_json::from_str(&sarif.out).expect("a SARIF log");
    assert!(sarif["runs"][0]["results"].as_array().is_some_and(|results| results.len() >= 3), "{sarif}");
}

#[test]
fn rules_of_the_client_os_run_mend_what_is_certain_and_say_when_they_cannot() {
    let place = place();
    place.write(
        &format!("{OS}/rules/ours/Plain.yml"),
        "extends: substitution\nmessage: \"Write '%s' instead of '%s'.\"\nignorecase: true\nswap:\n  utilise: use\n",
    );
    place.write(&format!("{OS}/rules/ours/Odd.yml"), "extends: spelling\n");
    let document = place.run(&format!("check post.md --client-os {OS} --json")).exit(1).json();
    assert!(codes(&document).contains(&"check::broken-rule"), "{document}");
    place.run(&format!("check post.md --client-os {OS} --fix --diff")).exit(1).says("+In today's");
    assert_eq!(place.read("post.md"), TEXT, "--diff changes nothing");
    let fixed = place.run(&format!("check post.md --client-os {OS} --fix --json")).exit(1).json();
    assert_eq!(fixed["fixed"], 2, "{fixed}");
    let text = place.read("post.md");
    assert!(text.contains("They use a lot.") && text.contains("world, we leverage prices."), "{text}");
    // A workflow that names the check reads the same rules.
    place.edit(
        "workflows/first-loop.kdl",
        "check \"forbidden\" \"grounding\"",
        "check \"forbidden\" \"grounding\" \"voice\" \"readability\" \"duplicate\"",
    );
    place.run("run workflows/first-loop.kdl --approve-all").exit(0);
}

#[test]
fn standard_input_folders_and_wrong_names_are_understood() {
    let place = place();
    let piped = place.run_with_input(&format!("check - --client-os {OS} --json"), "It is a testament to prices.").exit(1).json();
    assert_eq!(piped["diagnostics"][0]["file"], "<stdin>", "{piped}");
    place.write("texts/deep/a.md", "Prices moved.\n");
    place.write("texts/b.txt", "delve\n");
    let all = place.run(&format!("check texts --client-os {OS} --json")).exit(0).json();
    assert_eq!(all["texts"], 1);
    // Two workflows are here, so nobody can know whose Client OS is meant; that it counts for nothing is said.
    let guess = place.run("check post.md").exit(1);
    assert!(guess.err.contains("no Client OS was read") && !guess.err.contains("check::forbidden"), "{}", guess.told());
    place.run("check none.md").fails(2, "cli::no-such-file");
    place.run("check post.md --client-os nowhere").fails(2, "cli::no-client-os");
    place.run("check").exit(2);
    // Whatever the bytes are, it ends in a finding or a failure.
    place.write("odd.md", b"\xff\xfe delve");
    place.run("check odd.md").fails(2, "cli::no-such-file");
    place.write("odd.md", "delve \u{202e} \u{1b}[31m \n```\n> ".repeat(2_000));
    place.run("check odd.md").exit(1);
}
