//! A budget through the real binary: a division with its proof beside today's and beside nothing, what is said when there is too little
//! data or the numbers cannot all be true, and a real table.

use crate::cli::place::{Place, Ran};
use std::fmt::Write as _;
use std::path::Path;

const LOOP: &str = r#"workflow "budget" phase=1 {
    timezone "UTC"
    every "7d"
    intelligence {
        source "history" kind="csv" { path "history.csv"; give "event"; shape { date "week" } }
    }
    strategy {
        allocate "spend" {
            from "history"
            outcome "revenue"
            total (usd)3000 per="week"
            channel "search" floor=(usd)200
            channel "tv"
            control "price"
        }
        scenario "next" {
            from "spend"
            choice "twice search" { set "search" (usd)2000 }
            worth (usd)0.5
        }
    }
    learning { report "weekly" { from "spend" "next" } }
}
"#;

/// Weeks in which search brings up to 9,000 and soon saturates, and tv a little for each unit.
fn history(weeks: usize) -> String {
    let mut text = "week,search,tv,price,revenue\n".to_owned();
    // A small generator of its own, so that the table is the same everywhere.
    let mut state = 12_345u64;
    let mut chance = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1u64 << 31) as f64
    };
    for week in 0..weeks {
        let (search, tv, price) = (2000.0 * chance(), 4000.0 * chance(), 10.0 + chance());
        let luck = 300.0 * (chance() + chance() + chance() - 1.5);
        let revenue = 30_000.0 - 800.0 * price + 9_000.0 * search / (search + 1_000.0) + 0.4 * tv + luck;
        let day = jiff::civil::date(2023, 1, 2) + jiff::Span::new().weeks(week as i64);
        writeln!(text, "{day},{search:.2},{tv:.2},{price:.3},{revenue:.2}").expect("writing to a string");
    }
    text
}

fn place(workflow: &str, history: &str) -> Place {
    let place = Place::empty();
    place.write("loop.kdl", workflow);
    place.write("history.csv", history);
    place
}

fn words(ran: &Ran) -> String {
    format!("{} {}", ran.out, ran.err).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_budget_is_divided_and_its_futures_are_played() {
    let place = place(LOOP, &history(80));
    place.run("validate loop.kdl").exit(0);
    let said = words(&place.run("run loop.kdl").exit(0));
    for part in [
        "Where the budget `spend` goes",
        "usd 3,000 a week moves ",
        "without any spend",
        "What `next` plays",
        "twice search",
        "against today, better in",
        "held-out periods were told with",
    ] {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    let report = words(&place.run("report loop.kdl").exit(0));
    assert!(report.contains("Where the budget “spend” goes") && report.contains("brings"), "{report}");
    let json = place.run("report loop.kdl --json").exit(0);
    let view: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    let allocation = find(&view, "allocations").expect("allocations in the view");
    let shares = allocation[0]["shares"].as_array().expect("shares");
    let sum: i64 = shares.iter().map(|share| share["amount"]["micros"].as_i64().expect("money")).sum();
    assert!((sum - 3_000_000_000).abs() < 10, "{sum}");
    assert!(allocation[0]["ways"].is_null(), "the draws stay in the journal");
    let id = allocation[0]["id"].as_str().expect("what people type");
    let trace = words(&place.run(&format!("trace loop.kdl {id}")).exit(0));
    assert!(trace.contains("allocation by spend") && trace.contains("events") && trace.contains("search "), "{trace}");
    let gap = allocation[0]["gap"].as_f64().expect("a number");
    assert!((0.0..1e-4).contains(&gap), "{gap}");
    // The same numbers give the same division in the next cycle.
    let again = words(&place.run("run loop.kdl").exit(0));
    let line = |said: &str| said.split("usd 3,000 a week moves").nth(1).map(|rest| rest[..60].to_owned());
    assert_eq!(line(&said), line(&again));
}

/// The first value of a key, at any depth.
fn find<'v>(value: &'v serde_json::Value, key: &str) -> Option<&'v serde_json::Value> {
    match value {
        serde_json::Value::Object(map) => map.get(key).or_else(|| map.values().find_map(|value| find(value, key))),
        serde_json::Value::Array(values) => values.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn with_too_little_data_todays_division_is_kept_and_it_says_how_much_more_it_takes() {
    let place = place(LOOP, &history(20));
    let said = words(&place.run("run loop.kdl").exit(0));
    assert!(said.contains("revenue: not enough evidence yet, 20 weeks are known"), "{said}");
    assert!(said.contains("21 more weeks"), "{said}");
    assert!(said.contains("`spend` cannot be played yet"), "{said}");
}

#[test]
fn numbers_that_cannot_all_be_true_stop_before_anything_runs() {
    let wrong = LOOP.replace(r#"channel "tv""#, r#"channel "tv" floor=(usd)2900"#);
    let place = place(&wrong, &history(5));
    let said = words(&place.run("validate loop.kdl").exit(3));
    assert!(said.contains("loop::floors-above-total") && said.contains("add up to `(usd)3100`"), "{said}");
    assert!(said.contains("lower floors or locks by `(usd)100` in all"), "{said}");
}

#[test]
fn a_column_that_is_not_there_fails_with_the_columns_that_are() {
    let wrong = LOOP.replace(r#"channel "tv""#, r#"channel "telly""#);
    let place = place(&wrong, &history(60));
    let said = words(&place.run("run loop.kdl").exit(1));
    assert!(said.contains("nothing that was read says anything about `telly`"), "{said}");
}

// Robyn's simulated weeks of a shop, beside the repository.
#[test]
fn a_real_table_is_divided_from_end_to_end() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/decisions/mmm/robyn_dt_simulated_weekly.csv");
    let Ok(table) = std::fs::read_to_string(&file) else {
        crate::skip::skipped(&file);
        return;
    };
    let workflow = r#"workflow "shop" phase=1 {
    timezone "UTC"
    intelligence { source "history" kind="csv" { path "history.csv"; give "event"; shape { date "DATE" } } }
    strategy {
        allocate "spend" {
            from "history"
            outcome "revenue"
            total (eur)120000 per="week"
            channel "tv" spend="tv_S" floor=(eur)5000
            channel "ooh" spend="ooh_S" ceiling=(eur)90000
            channel "search" spend="search_S"
            control "competitor_sales_B"
            change 0.5
        }
    }
}
"#;
    let place = place(workflow, &table);
    let said = words(&place.run("run loop.kdl").exit(0));
    assert!(said.contains("208 weeks of data"), "{said}");
    assert!(said.contains("Where the budget `spend` goes") && said.contains("revenue a week with today's division"), "{said}");
}
