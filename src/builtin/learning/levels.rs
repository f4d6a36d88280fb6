//! A metric by levels: the total, its parts, and their parts, such as all regions, each region, and each channel in it.
//!
//! Every event is in exactly one place of the lowest level, so the series add up at every level by themselves: an event that
//! says nothing about a dimension, and parts too small to be told apart, are `any other` of it.

use super::series::{self, Counted, Series};
use crate::step::StepContext;
use std::collections::BTreeMap;

/// Parts of one total, and series in all: what nobody reads is not computed.
const PARTS_MAX: usize = 40;
const SERIES_MAX: usize = 150;

/// One place in the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// What it is a part of; `None` for the total. Totals stand before their parts.
    pub parent: Option<usize>,
    /// `north`, `mail`; empty for the total.
    pub path: Vec<String>,
    pub series: Series,
}

/// All of them, the total first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Levels {
    pub places: Vec<Place>,
    /// Parts of one total that are told apart at most, when there were more somewhere.
    pub limit: Option<usize>,
}

/// Counts events by these dimensions, the highest level first. Empty when no full period has passed with one.
pub fn of_events(cx: &StepContext<'_>, counted: &Counted<'_>, by: &[&str]) -> Levels {
    let leaves = series::of_paths(cx, counted, |event| {
        Some(
            by.iter()
                .map(|dimension| series::part_of(event, dimension).map_or_else(|| other(dimension), str::to_owned))
                .collect(),
        )
    });
    let leaves: Vec<(&Vec<String>, &Series)> = leaves.iter().collect();
    let mut levels = Levels::default();
    if leaves.is_empty() {
        return levels;
    }
    for limit in [PARTS_MAX, 20, 12, 8, 5, 3] {
        let mut tree = Tree { by, limit, levels: Levels::default() };
        tree.grow(&leaves, Vec::new(), None);
        levels = tree.levels;
        if levels.places.len() <= SERIES_MAX {
            break;
        }
    }
    levels
}

fn other(dimension: &str) -> String {
    format!("any other {dimension}")
}

struct Tree<'a> {
    by: &'a [&'a str],
    limit: usize,
    levels: Levels,
}

impl Tree<'_> {
    fn grow(&mut self, leaves: &[(&Vec<String>, &Series)], path: Vec<String>, parent: Option<usize>) {
        let at = self.levels.places.len();
        let depth = path.len();
        self.levels.places.push(Place { parent, path: path.clone(), series: sum(leaves.iter().map(|(_, series)| *series)) });
        let Some(dimension) = self.by.get(depth) else { return };
        let mut parts: BTreeMap<&str, Vec<(&Vec<String>, &Series)>> = BTreeMap::new();
        leaves.iter().for_each(|leaf| parts.entry(&leaf.0[depth]).or_default().push(*leaf));
        let rest = other(dimension);
        if parts.len() > self.limit {
            self.levels.limit = Some(self.limit);
            let size = |part: &[(&Vec<String>, &Series)]| -> f64 {
                part.iter().flat_map(|(_, series)| &series.points).filter_map(|(_, value)| *value).map(f64::abs).sum()
            };
            let mut order: Vec<(f64, &str)> = parts.iter().map(|(name, part)| (size(part), *name)).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            let small: Vec<&str> = order.into_iter().skip(self.limit - 1).map(|(_, name)| name).collect();
            let moved: Vec<_> = small.iter().filter_map(|name| parts.remove(name)).flatten().collect();
            parts.entry(&rest).or_default().extend(moved);
        }
        // When nothing says anything about the dimension, there are no parts.
        if parts.len() == 1 && parts.contains_key(rest.as_str()) {
            return;
        }
        for (name, part) in parts {
            let mut path = path.clone();
            path.push(name.to_owned());
            self.grow(&part, path, Some(at));
        }
    }
}

/// Series that begin together, added up.
fn sum<'a>(mut all: impl Iterator<Item = &'a Series>) -> Series {
    let mut sum = all.next().cloned().unwrap_or_default();
    for series in all {
        for ((_, into), (_, value)) in sum.points.iter_mut().zip(&series.points) {
            *into = into.zip(*value).map(|(a, b)| a + b);
        }
    }
    sum
}
