//! One contract for every journal: what is appended comes back, in order, whole, and after a reopening too.

use loopctl::base::{CycleNo, Digest, ItemId, Money, RequestKey, StepId, TaskId, Timestamp, WorkflowId};
use loopctl::engine::{Carry, Entry, Pins};
use loopctl::model::{Act, Operation};
use loopctl::runtime::{CycleStatus, Journal};
use loopctl::step::{Body, Fetched, Generated, Reply};
use loopctl::store::{Batch, CheckpointStore, DiskStore, EngineKind, Keep, LogJournal, MemoryStore, OpenOptions, export, import};
use std::time::Duration;

fn workflow() -> WorkflowId {
    WorkflowId::new("b2b-growth")
}

fn task(index: u32) -> TaskId {
    TaskId { step: StepId::new("rank"), item: Some(ItemId(Digest::of(index.to_be_bytes()))) }
}

fn key(index: u32) -> RequestKey {
    RequestKey { cycle: CycleNo(1), task: task(index), turn: 0, index }
}

/// A small entry, different for every index.
fn note(index: u32) -> Entry {
    Entry::Deferred { task: task(index), reason: format!("reason {index}") }
}

fn opened(cycle: u32, carry: Carry) -> Entry {
    let pins = Pins {
        sources: Default::default(),
        operations: Vec::new(),
        workflow: workflow(),
        cycle: CycleNo(cycle),
        now: Timestamp(1_700_000_000_000),
        seed: u64::MAX - 7,
        workflow_digest: Digest::of("workflow"),
        client_os_digest: Digest::of("client os"),
        beside: Vec::new(),
    };
    Entry::Opened { pins, carry: Box::new(carry) }
}

fn closed(carry: Carry) -> Entry {
    Entry::Closed { at: Timestamp(1_700_000_100_000), carry: Box::new(carry) }
}

fn carry(demand: f64) -> Carry {
    let mut carry = Carry::default();
    carry.parameters.insert("opportunities.demand".to_owned(), demand);
    carry.ledger.add("outlines", "2026-11-22", 3);
    carry
}

/// A way to have a journal and to have it again.
trait Bench {
    type Store: CheckpointStore;
    fn open(&self) -> LogJournal<Self::Store>;
}

struct InMemory(MemoryStore);

impl Bench for InMemory {
    type Store = MemoryStore;
    fn open(&self) -> LogJournal<MemoryStore> {
        LogJournal::new(self.0.clone())
    }
}

struct OnDisk(tempfile::TempDir, EngineKind);

impl OnDisk {
    fn new(engine: EngineKind) -> OnDisk {
        OnDisk(tempfile::tempdir().expect("a folder"), engine)
    }

    fn options(&self) -> OpenOptions {
        OpenOptions { engine: Some(self.1), ..OpenOptions::default() }
    }
}

impl Bench for OnDisk {
    type Store = DiskStore;
    fn open(&self) -> LogJournal<DiskStore> {
        loopctl::store::open(self.0.path(), &self.options()).expect("a free folder")
    }
}

/// Runs each rule over every engine.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&super::InMemory(loopctl::store::MemoryStore::new())); })*
        }
        mod sled {
            $(#[test] fn $name() { super::$name(&super::OnDisk::new(loopctl::store::EngineKind::Sled)); })*
        }
        mod redb {
            $(#[test] fn $name() { super::$name(&super::OnDisk::new(loopctl::store::EngineKind::Redb)); })*
        }
    };
}

contract!(
    entries_come_back_in_order,
    entries_survive_a_reopening,
    entries_that_wait_ride_the_next_durable_commit_in_order,
    entries_that_nobody_asked_to_be_durable_are_a_beginning_after_a_crash,
    an_append_is_taken_whole_or_not_at_all,
    many_waiting_entries_are_committed_unasked,
    cycles_and_workflows_are_told_apart,
    the_carry_of_the_last_closed_cycle_is_handed_on,
    a_closed_cycle_takes_no_more,
    operations_are_kept_beside_the_cycles_in_order,
    large_and_binary_values_come_back,
    numbers_come_back_to_the_last_bit,
    what_cannot_come_back_is_refused,
    a_store_tells_its_head_and_checks_itself,
    batches_put_replace_and_remove,
    scans_see_only_their_prefix_in_byte_order,
    an_export_moves_everything,
    compacting_changes_nothing_that_can_be_read,
    old_cycles_give_up_their_detail_and_keep_what_was_decided,
);

fn old_cycles_give_up_their_detail_and_keep_what_was_decided<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    assert_eq!(journal.keep().expect("readable"), Keep { cycles: 400, days: None });
    journal.set_keep(Keep { cycles: 2, days: None }).expect("taken");
    let placed = Entry::Replied { key: key(1), reply: Reply::Placed(None) };
    let cycle = |number: u32| {
        let body = Body::new((0..30_000u32).map(|n| (n.wrapping_mul(n + number) >> 3) as u8).collect::<Vec<_>>());
        let fetched = Reply::Fetched(Fetched::Entries(vec![("a".to_owned(), body)]));
        let before = if number == 1 { Carry::default() } else { carry(f64::from(number - 1)) };
        let heard = Entry::Replied { key: key(0), reply: fetched };
        [opened(number, before), heard, placed.clone(), note(number), closed(carry(f64::from(number)))]
    };
    for number in 1..=5 {
        journal.append(&workflow(), CycleNo(number), &cycle(number), true).expect("taken");
    }
    let check = |journal: &LogJournal<B::Store>| {
        for number in 1..=5 {
            let has = journal.has_detail(&workflow(), CycleNo(number)).expect("readable");
            assert_eq!(has, number > 3, "cycle {number}");
            let found = journal.read(&workflow(), CycleNo(number)).expect("readable");
            let mut expected = cycle(number).to_vec();
            if !has {
                expected[1] = Entry::Replied { key: key(0), reply: Reply::Fetched(Fetched::NotModified) };
            }
            assert_eq!(found, expected, "cycle {number}");
        }
        assert_eq!(journal.carry(&workflow()).expect("readable"), carry(5.0));
        let log = journal.log(&workflow()).expect("readable");
        assert_eq!((log.broken, log.gone, log.records.len()), (None, 0, 10));
        assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
    };
    check(&journal);
    drop(journal);
    let mut journal = bench.open();
    check(&journal);
    // Age counts too, and what was given up is not given up again.
    let day = 24 * 60 * 60 * 1_000;
    assert_eq!(journal.prune(&workflow(), Timestamp(1_700_000_100_000 + 99 * day)).expect("taken").cycles, 0);
    journal.set_keep(Keep { cycles: 400, days: Some(30) }).expect("taken");
    assert_eq!(journal.prune(&workflow(), Timestamp(1_700_000_100_000 + 29 * day)).expect("taken").cycles, 0);
    assert_eq!(journal.prune(&workflow(), Timestamp(1_700_000_100_000 + 31 * day)).expect("taken").cycles, 1);
    assert!(journal.has_detail(&workflow(), CycleNo(5)).expect("readable"), "the last one is what the next begins with");
}

fn entries_come_back_in_order<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let entries: Vec<_> = (0..300).map(note).collect();
    journal.append(&workflow(), CycleNo(1), &entries[..1], true).expect("taken");
    journal.append(&workflow(), CycleNo(1), &entries[1..], true).expect("taken");
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), entries);
    assert_eq!(journal.read(&workflow(), CycleNo(2)).expect("readable"), []);
}

fn entries_survive_a_reopening<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[opened(1, Carry::default()), note(1)], true).expect("taken");
    journal.abandon();
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[note(2)], true).expect("taken");
    journal.abandon();
    let expected = [opened(1, Carry::default()), note(1), note(2)];
    assert_eq!(bench.open().read(&workflow(), CycleNo(1)).expect("readable"), expected);
}

fn entries_that_wait_ride_the_next_durable_commit_in_order<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let before = journal.store().head().sequence;
    journal.append(&workflow(), CycleNo(1), &[note(0)], false).expect("taken");
    journal.append(&WorkflowId::new("other"), CycleNo(7), &[note(9)], false).expect("taken");
    journal.append(&workflow(), CycleNo(1), &[note(1)], false).expect("taken");
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("waiting entries are read too"), [note(0), note(1)]);
    assert_eq!(journal.store().head().sequence, before);
    journal.append(&workflow(), CycleNo(1), &[note(2)], true).expect("taken");
    assert_eq!(journal.store().head().sequence, before + 1);
    journal.abandon();
    let journal = bench.open();
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), [note(0), note(1), note(2)]);
    assert_eq!(journal.read(&WorkflowId::new("other"), CycleNo(7)).expect("readable"), [note(9)]);
}

fn entries_that_nobody_asked_to_be_durable_are_a_beginning_after_a_crash<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[note(0)], true).expect("taken");
    journal.append(&workflow(), CycleNo(1), &[note(1)], false).expect("taken");
    journal.abandon();
    let mut journal = bench.open();
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), [note(0)]);
    // Dropping commits what waits, and so does an empty durable append.
    journal.append(&workflow(), CycleNo(1), &[note(1)], false).expect("taken");
    journal.append(&workflow(), CycleNo(1), &[], true).expect("taken");
    journal.append(&workflow(), CycleNo(1), &[note(2)], false).expect("taken");
    drop(journal);
    assert_eq!(bench.open().read(&workflow(), CycleNo(1)).expect("readable"), [note(0), note(1), note(2)]);
}

fn an_append_is_taken_whole_or_not_at_all<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let refused = journal.append(&workflow(), CycleNo(1), &[note(0), closed(Carry::default()), note(1)], true);
    assert_eq!(refused.expect_err("after the end").code, "store::cycle-closed");
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), []);
    journal.append(&workflow(), CycleNo(1), &[note(2)], true).expect("taken");
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), [note(2)]);
    assert_eq!(journal.carry(&workflow()).expect("readable"), Carry::default());
}

fn many_waiting_entries_are_committed_unasked<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let entries: Vec<_> = (0..1_100).map(note).collect();
    for entry in &entries {
        journal.append(&workflow(), CycleNo(1), std::slice::from_ref(entry), false).expect("taken");
    }
    journal.abandon();
    assert_eq!(bench.open().read(&workflow(), CycleNo(1)).expect("readable"), entries[..1_024]);
}

fn cycles_and_workflows_are_told_apart<B: Bench>(bench: &B) {
    let (one, two) = (WorkflowId::new("a"), WorkflowId::new("a/1"));
    let mut journal = bench.open();
    assert_eq!(journal.workflows().expect("readable"), []);
    journal.append(&one, CycleNo(1), &[note(1), closed(Carry::default())], true).expect("taken");
    journal.append(&one, CycleNo(256), &[note(2)], true).expect("taken");
    journal.append(&one, CycleNo(2), &[note(3)], true).expect("taken");
    journal.append(&two, CycleNo(1), &[note(4)], false).expect("taken");
    let check = |journal: &dyn Journal| {
        assert_eq!(journal.workflows().expect("readable"), [one.clone(), two.clone()]);
        let cycles = [(CycleNo(1), CycleStatus::Closed), (CycleNo(2), CycleStatus::Open), (CycleNo(256), CycleStatus::Open)];
        assert_eq!(journal.cycles(&one).expect("readable"), cycles);
        assert_eq!(journal.cycles(&two).expect("readable"), [(CycleNo(1), CycleStatus::Open)]);
        assert_eq!(journal.read(&two, CycleNo(1)).expect("readable"), [note(4)]);
    };
    check(&journal);
    drop(journal);
    check(&bench.open());
}

fn the_carry_of_the_last_closed_cycle_is_handed_on<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    assert_eq!(journal.carry(&workflow()).expect("readable"), Carry::default());
    let first = [opened(1, Carry::default()), closed(carry(0.25))];
    journal.append(&workflow(), CycleNo(1), &first, true).expect("taken");
    assert_eq!(journal.carry(&workflow()).expect("readable"), carry(0.25));
    let second = [opened(2, carry(0.25)), note(1), closed(carry(0.5))];
    journal.append(&workflow(), CycleNo(2), &second, false).expect("taken");
    assert_eq!(journal.carry(&workflow()).expect("readable"), carry(0.5));
    // A cycle that was opened with something else keeps that.
    let third = [opened(3, carry(0.75))];
    journal.append(&workflow(), CycleNo(3), &third, true).expect("taken");
    journal.abandon();
    let journal = bench.open();
    assert_eq!(journal.carry(&workflow()).expect("readable"), carry(0.5));
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), first);
    assert_eq!(journal.read(&workflow(), CycleNo(2)).expect("readable"), second);
    assert_eq!(journal.read(&workflow(), CycleNo(3)).expect("readable"), third);
}

fn a_closed_cycle_takes_no_more<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[note(0), closed(Carry::default())], true).expect("taken");
    let refused = journal.append(&workflow(), CycleNo(1), &[note(1)], true).expect_err("closed");
    assert_eq!(refused.code, "store::cycle-closed");
    drop(journal);
    let refused = bench.open().append(&workflow(), CycleNo(1), &[note(1)], true).expect_err("still closed");
    assert_eq!(refused.code, "store::cycle-closed");
}

fn operations_are_kept_beside_the_cycles_in_order<B: Bench>(bench: &B) {
    let operation = |to: f64| Operation {
        at: Timestamp(1_700_000_000_000),
        by: "Ada".to_owned(),
        cycle: CycleNo(1),
        act: Act::Set { path: "opportunities.demand".to_owned(), from: 0.48, to, reason: "too soon".to_owned() },
    };
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[opened(1, Carry::default()), closed(carry(0.48))], true).expect("taken");
    journal.append(&workflow(), CycleNo(2), &[note(1)], false).expect("taken");
    journal.operate(&workflow(), &operation(0.4)).expect("taken");
    journal.abandon();
    let mut journal = bench.open();
    journal.operate(&workflow(), &operation(0.3)).expect("taken");
    journal.operate(&WorkflowId::new("other"), &operation(0.2)).expect("taken");
    journal.abandon();
    let journal = bench.open();
    assert_eq!(journal.operations(&workflow()).expect("readable"), [operation(0.4), operation(0.3)]);
    // What waited went to the disk with the operation; no cycle has become another.
    assert_eq!(journal.read(&workflow(), CycleNo(2)).expect("readable"), [note(1)]);
    assert_eq!(journal.carry(&workflow()).expect("readable"), carry(0.48));
    assert_eq!(journal.workflows().expect("readable"), [workflow()]);
}

fn large_and_binary_values_come_back<B: Bench>(bench: &B) {
    let large = Body::new((0..200_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let text = Body::new("ü".repeat(40_000).into_bytes());
    let content = |body: Body| Fetched::Content {
        body,
        content_type: None,
        etag: Some("\"abc\"".to_owned()),
        last_modified: None,
        place: "data/feed.xml".to_owned(),
    };
    let entries: Vec<_> = [content(large), content(text), Fetched::NotModified]
        .into_iter()
        .zip(0..)
        .map(|(fetched, index)| Entry::Replied { key: key(index), reply: Reply::Fetched(fetched) })
        .collect();
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &entries, true).expect("taken");
    journal.abandon();
    let journal = bench.open();
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), entries);
    assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
}

fn numbers_come_back_to_the_last_bit<B: Bench>(bench: &B) {
    let mut rng = loopctl::base::Rng::new(7);
    let mut carried = Carry::default();
    for index in 0..2_000 {
        let number = f64::from_bits(rng.next_u64());
        if number.is_finite() {
            carried.parameters.insert(format!("p{index}"), number);
        }
    }
    let mut journal = bench.open();
    journal.append(&workflow(), CycleNo(1), &[closed(carried.clone())], true).expect("taken");
    drop(journal);
    assert_eq!(bench.open().carry(&workflow()).expect("readable"), carried);
}

fn what_cannot_come_back_is_refused<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    for number in [f64::NAN, f64::INFINITY] {
        let refused = journal.append(&workflow(), CycleNo(1), &[closed(carry(number))], true).expect_err("not in JSON");
        assert_eq!(refused.code, "store::unreadable-entry");
    }
    // A `null` that means "nothing" is welcome, and so is the word in a text.
    let reply = Reply::Generated(Generated {
        text: "null".to_owned(),
        model: "template".to_owned(),
        tokens_in: 1,
        tokens_out: 2,
        cost: None::<Money>,
        cut: false,
    });
    let entries = [Entry::Replied { key: key(0), reply }, Entry::Replied { key: key(1), reply: Reply::Placed(None) }];
    journal.append(&workflow(), CycleNo(1), &entries, true).expect("taken");
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable"), entries);
}

fn a_store_tells_its_head_and_checks_itself<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    assert_eq!(journal.store().head().sequence, 0);
    for index in 0..5 {
        journal.append(&workflow(), CycleNo(1), &[note(index)], true).expect("taken");
        assert_eq!(journal.store().head().sequence, u64::from(index) + 1);
    }
    let head = journal.store().head();
    // Five entries and the record of their cycle.
    assert_eq!(head.keys, 6);
    drop(journal);
    let journal = bench.open();
    assert_eq!(journal.store().head(), head);
    let health = journal.store().verify().expect("readable");
    assert_eq!((health.keys, health.bytes, health.findings), (head.keys, head.bytes, Vec::new()));
}

fn batches_put_replace_and_remove<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let store = journal.store_mut().expect("nothing waits");
    let commit = |store: &mut B::Store, changes: &[(&str, Option<&str>)]| {
        let mut batch = Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec()),
                None => batch.remove(key.as_bytes().to_vec()),
            }
        }
        store.commit(batch, true).expect("taken")
    };
    commit(store, &[("a", Some("1")), ("b", Some("2"))]);
    let head = commit(store, &[("a", Some("3")), ("b", None), ("c", None)]);
    assert_eq!(head.keys, 1);
    assert_eq!(store.get(b"a").expect("readable").as_deref(), Some(&b"3"[..]));
    assert_eq!(store.get(b"b").expect("readable"), None);
    assert_eq!(store.verify().expect("readable").findings, Vec::<String>::new());
}

fn scans_see_only_their_prefix_in_byte_order<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let store = journal.store_mut().expect("nothing waits");
    let keys: Vec<Vec<u8>> = vec![vec![1], vec![1, 0], vec![1, 255], vec![1, 255, 255], vec![2], vec![255], vec![255, 255]];
    let mut batch = Batch::default();
    keys.iter().for_each(|key| batch.put(key.clone(), key.clone()));
    store.commit(batch, true).expect("taken");
    let list = |prefix: &[u8]| store.list(prefix).expect("readable").into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(list(&[]), keys);
    assert_eq!(list(&[1]), keys[..4]);
    assert_eq!(list(&[1, 255]), keys[2..4]);
    assert_eq!(list(&[255]), keys[5..]);
    assert_eq!(list(&[3]), Vec::<Vec<u8>>::new());
}

fn an_export_moves_everything<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let reply = Reply::Fetched(Fetched::Entries(vec![("a".to_owned(), Body::new(vec![0xff; 100_000]))]));
    let entries = [opened(1, Carry::default()), Entry::Replied { key: key(0), reply }, closed(carry(0.5))];
    journal.append(&workflow(), CycleNo(1), &entries, true).expect("taken");
    let mut out = Vec::new();
    export(journal.store(), &mut out).expect("readable");
    let mut other = LogJournal::new(MemoryStore::new());
    import(other.store_mut().expect("nothing waits"), &mut out.as_slice()).expect("whole");
    assert_eq!(other.read(&workflow(), CycleNo(1)).expect("readable"), entries);
    assert_eq!(other.carry(&workflow()).expect("readable"), carry(0.5));
}

fn compacting_changes_nothing_that_can_be_read<B: Bench>(bench: &B) {
    let mut journal = bench.open();
    let reply = Reply::Fetched(Fetched::Entries(vec![("a".to_owned(), Body::new(vec![7; 100_000]))]));
    let entries = [opened(1, Carry::default()), Entry::Replied { key: key(0), reply }, note(5)];
    journal.append(&workflow(), CycleNo(1), &entries, true).expect("taken");
    let store = journal.store_mut().expect("nothing waits");
    let (before, head) = (store.list(b"").expect("readable"), store.head());
    store.compact().expect("room enough");
    assert_eq!(store.list(b"").expect("readable"), before);
    assert_eq!(store.head(), head);
    // It goes on, and it can be opened again.
    journal.append(&workflow(), CycleNo(1), &[note(6)], true).expect("taken");
    journal.abandon();
    let journal = bench.open();
    assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable").len(), 4);
    assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
}

#[test]
fn a_second_journal_in_the_same_folder_is_refused() {
    for engine in EngineKind::ALL {
        let bench = OnDisk::new(engine);
        let journal = bench.open();
        let options = OpenOptions { wait: Duration::from_millis(50), ..bench.options() };
        let refused = loopctl::store::open(bench.0.path(), &options).err().expect("taken");
        assert_eq!(refused.code, "store::locked");
        assert!(refused.message.contains(&std::process::id().to_string()), "{}", refused.message);
        drop(journal);
        bench.open();
    }
}

#[test]
fn a_folder_remembers_its_engine_and_compacting_can_move_it_to_the_other() {
    for (engine, other) in [(EngineKind::Sled, EngineKind::Redb), (EngineKind::Redb, EngineKind::Sled)] {
        let bench = OnDisk::new(engine);
        let reply = Reply::Fetched(Fetched::Entries(vec![(
            "a".to_owned(),
            Body::new((0..200_000u32).map(|n| n.wrapping_mul(n) as u8).collect::<Vec<_>>()),
        )]));
        let entries = [opened(1, Carry::default()), Entry::Replied { key: key(0), reply }, note(5)];
        let mut journal = bench.open();
        journal.append(&workflow(), CycleNo(1), &entries, true).expect("taken");
        drop(journal);
        let asked = OpenOptions { engine: Some(other), ..OpenOptions::default() };
        let refused = loopctl::store::open(bench.0.path(), &asked).err().expect("another engine keeps it");
        assert_eq!(refused.code, "store::other-engine");
        assert!(refused.help.contains(&format!("loopctl store gc --store {}", other.name())), "{}", refused.help);

        let mut journal = loopctl::store::open(bench.0.path(), &OpenOptions::default()).expect("its own engine");
        let head = journal.store().head();
        assert_eq!(journal.store().engine().expect("it stands"), engine);
        journal.store_mut().expect("nothing waits").compact_into(other).expect("room enough");
        assert_eq!((journal.store().engine().expect("it stands"), journal.store().head()), (other, head));
        journal.append(&workflow(), CycleNo(1), &[note(6)], true).expect("taken");
        drop(journal);
        assert_eq!(loopctl::store::engine_of(bench.0.path()), other);
        let journal = loopctl::store::open(bench.0.path(), &asked).expect("it moved");
        assert_eq!(journal.read(&workflow(), CycleNo(1)).expect("readable")[..3], entries);
        assert_eq!(journal.store().verify().expect("readable").findings, Vec::<String>::new());
    }
}
