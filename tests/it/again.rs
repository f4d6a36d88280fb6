//! `loopctl retry --from`: a part of the last cycle again, through the real binary.

use crate::desk::{Desk, FIRST, assert_sound};
use loopctl::engine::Entry;
use loopctl::step::{Reply, Request};
use std::collections::BTreeMap;

/// The published pages of the first loop: key and text by name.
fn pages(desk: &Desk) -> BTreeMap<String, (String, String)> {
    let files = desk.files("workflows/first-loop/out");
    let page = |(name, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).expect("text");
        let key = text.lines().find_map(|line| line.strip_prefix("key:")).expect("a key").trim().to_owned();
        (name, (key, text))
    };
    files.into_iter().map(page).collect()
}

fn once() -> Desk {
    let desk = Desk::new();
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert_eq!(pages(&desk).len(), 3);
    desk
}

/// How often something was fetched, written and sent in a cycle.
fn asked(desk: &Desk, cycle: u32) -> (usize, usize, usize) {
    let cycles = desk.cycles();
    let (_, _, entries) = cycles.iter().find(|(number, _, _)| number.0 == cycle).expect("there is one");
    let count = |is: &dyn Fn(&Reply) -> bool| {
        entries.iter().filter(|entry| matches!(entry, Entry::Replied { reply, .. } if is(reply))).count()
    };
    let sent = entries
        .iter()
        .filter(|entry| matches!(entry, Entry::Asked { request: Some(request), .. } if matches!(**request, Request::Publish(_))));
    (count(&|reply| matches!(reply, Reply::Fetched(_))), count(&|reply| matches!(reply, Reply::Generated(_))), sent.count())
}

#[test]
fn a_step_made_again_with_another_template_renews_what_is_published() {
    let desk = once();
    let before = pages(&desk);
    let template = "workflows/first-loop/templates/draft.hbs";
    desk.write(template, &format!("{}\nSaid in another way.\n", desk.read(template)));
    desk.run(&format!("retry {FIRST} --from drafts --as ana"))
        .exit(0)
        .says("Cycle 2 makes `drafts` of cycle 1 again, and what follows");
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    let after = pages(&desk);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "no second post");
    for (name, (key, text)) in &after {
        assert_eq!(*key, before[name].0, "{name} keeps its key");
        assert!(text.contains("Said in another way.") && !before[name].1.contains("Said in another way."), "{name}");
    }
    assert_eq!(asked(&desk, 2), (0, 3, 3), "nothing is read again, three are written and three are renewed");
    desk.run(&format!("why {FIRST} press")).exit(0).says("only a part of cycle 1 is made again");
    desk.run(&format!("why {FIRST} drafts")).exit(0).says("somebody wanted its work of cycle 1 made again");
    desk.run(&format!("why {FIRST} editor")).exit(0).says("only a part of cycle 1 is made again");
    desk.run(&format!("log {FIRST}")).exit(0).says("ana").says("from this step on");
    desk.run(&format!("log {FIRST} --verify")).exit(0);
    desk.run(&format!("replay {FIRST} 2")).exit(0).says("reproduced");
    // The next cycle is an ordinary one again, with nothing lost of what the sources remember.
    desk.run(&format!("run {FIRST} --approve-all")).exit(0);
    assert_eq!(pages(&desk).len(), 6);
    assert_sound(&desk.cycles(), "after a cycle made again");
}

#[test]
fn what_comes_out_the_same_is_not_sent_again() {
    let desk = once();
    let before = pages(&desk);
    desk.run(&format!("retry {FIRST} --from outlines")).exit(0);
    desk.run(&format!("run {FIRST}")).exit(0);
    assert_eq!(pages(&desk), before, "to the byte");
    let (fetched, written, sent) = asked(&desk, 2);
    assert_eq!(
        (fetched, written, sent),
        (0, 3, 0),
        "the outlines are written again; drafts have not changed, nor has anybody to decide"
    );
    desk.run(&format!("retry {FIRST} --from out")).exit(0);
    desk.run(&format!("run {FIRST}")).exit(0);
    assert_eq!((pages(&desk), asked(&desk, 3)), (before, (0, 0, 0)), "what was published stays published");
}

#[test]
fn one_step_alone_leaves_those_behind_it_as_they_are() {
    let desk = once();
    let before = pages(&desk);
    let template = "workflows/first-loop/templates/draft.hbs";
    desk.write(template, &format!("{}\nSaid in another way.\n", desk.read(template)));
    desk.run(&format!("retry {FIRST} --from drafts --only")).exit(0).says("alone");
    desk.run(&format!("run {FIRST}")).exit(0);
    assert_eq!((pages(&desk), asked(&desk, 2)), (before, (0, 3, 0)));
    desk.run(&format!("why {FIRST} out")).exit(0).says("only a part of cycle 1 is made again");
}

#[test]
fn a_step_that_is_not_there_is_told_with_the_nearest_one() {
    let desk = once();
    desk.run(&format!("retry {FIRST} --from draft")).exit(2).warns("did you mean `drafts`?");
    desk.run(&format!("retry {FIRST} --only")).exit(2);
    desk.run(&format!("retry {FIRST} --from drafts")).exit(0);
    desk.run(&format!("retry {FIRST} --from drafts")).exit(2).warns("cli::still-open");
}
