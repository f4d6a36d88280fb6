//! The Numenta Anomaly Benchmark (Lavin and Ahmad, 2015): an early alarm in a labelled window earns most, every alarm
//! outside costs, every window missed costs; 100 is all windows at once and nothing else, 0 is to say nothing.
//!
//! One threshold serves all series. It is fitted on one half of them and the score told is that of the other half: 0 for saying
//! nothing, 100 for saying everything at once.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One series: what is seen, and windows of points in which something happened.
pub struct Labelled {
    pub values: Vec<f64>,
    /// Minutes between points, by their median.
    pub minutes: f64,
    /// First and last point.
    pub windows: Vec<(usize, usize)>,
}

impl Labelled {
    /// Points that are only learned from: 15 %, at most 750.
    pub fn probation(&self) -> usize {
        (0.15 * self.values.len() as f64).floor().min(750.0) as usize
    }

    /// Windows that count: those that end after the probation.
    pub fn windows_counted(&self) -> usize {
        self.windows.iter().filter(|(_, to)| *to >= self.probation()).count()
    }
}

/// What alarms are worth.
#[derive(Clone, Copy)]
pub struct Profile {
    pub false_alarm: f64,
    pub missed: f64,
}

pub const STANDARD: Profile = Profile { false_alarm: 0.11, missed: 1.0 };
pub const FEW_FALSE_ALARMS: Profile = Profile { false_alarm: 0.22, missed: 1.0 };

fn read(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let mut text = String::new();
    if path.extension().is_some_and(|ending| ending == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).ok()?;
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).ok()?;
    }
    Some(text)
}

/// Minutes since 1970 of `2014-04-01 00:05:00`.
fn minutes(text: &str) -> Option<f64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days from civil (Hinnant).
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = text.get(17..).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Some((days * 1_440 + number(11, 13)? * 60 + number(14, 16)?) as f64 + seconds / 60.0)
}

/// The series of the folder in the order of their names; `None` when they are not there.
pub fn corpus(folder: &Path) -> Option<Vec<Labelled>> {
    let text = read(&folder.join("nab_dev.csv.gz"))?;
    let windows: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&read(&folder.join("nab_dev_windows.json"))?).ok()?;
    let mut points: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        points.entry(fields[0]).or_default().push((minutes(fields[1])?, fields[2].parse().ok()?));
    }
    let labelled = |(name, points): (&str, Vec<(f64, f64)>)| {
        let mut steps: Vec<f64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        steps.sort_by(f64::total_cmp);
        let window = |(from, to): &(String, String)| {
            let (from, to) = (minutes(from)?, minutes(to)?);
            let first = points.iter().position(|(at, _)| *at >= from - 1e-6)?;
            let last = points.iter().rposition(|(at, _)| *at <= to + 1e-6)?;
            Some((first, last))
        };
        Labelled {
            windows: windows.get(name).into_iter().flatten().filter_map(window).collect(),
            minutes: steps[steps.len() / 2],
            values: points.iter().map(|(_, value)| *value).collect(),
        }
    };
    Some(points.into_iter().map(labelled).collect())
}

/// The folder beside the repository.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/learning/anomaly")
}

/// From 1 at the start of a window over 0 at its end to −1 far after it.
fn sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * place).exp()) - 1.0 }
}

/// What these alarms (points, in order) earn on one series.
pub fn earned(series: &Labelled, alarms: &[usize], profile: Profile) -> f64 {
    let perfect = sigmoid(-1.0);
    let mut score = 0.0;
    let mut caught = vec![None::<f64>; series.windows.len()];
    for alarm in alarms.iter().filter(|alarm| **alarm >= series.probation()) {
        let inside = series.windows.iter().position(|(from, to)| from <= alarm && alarm <= to);
        if let Some(window) = inside {
            let (from, to) = series.windows[window];
            let place = -((to - alarm + 1) as f64) / (to - from + 1) as f64;
            let worth = sigmoid(place) / perfect;
            caught[window] = Some(caught[window].map_or(worth, |best: f64| best.max(worth)));
            continue;
        }
        let before = series.windows.iter().filter(|(_, to)| to < alarm).max_by_key(|(_, to)| *to);
        let cost = before.map_or(-1.0, |(from, to)| sigmoid((alarm - to) as f64 / ((to - from).max(1)) as f64));
        score += profile.false_alarm * cost;
    }
    // Windows in the probation are not scored.
    let counted = series.windows.iter().zip(caught).filter(|((_, to), _)| *to >= series.probation());
    score + counted.map(|(_, caught)| caught.unwrap_or(-profile.missed)).sum::<f64>()
}
