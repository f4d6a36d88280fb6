//! Which steps could stand at the other end of a wire, looked up instead of searched: in a file where nothing is wired yet, every step asks.

use crate::compile::sketch::StepSketch;
use crate::model::{GoodKind, Layer};
use crate::step::KindSpec;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Step numbers by what the steps take, or by what they give, in the order of the file.
pub(super) struct Ends(BTreeMap<(GoodKind, Layer), Vec<usize>>);

impl Ends {
    pub fn new(steps: &[StepSketch], goods: impl Fn(&KindSpec) -> &[GoodKind]) -> Ends {
        let mut ends: BTreeMap<(GoodKind, Layer), Vec<usize>> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            for good in step.spec().map_or(&[][..], &goods) {
                ends.entry((*good, step.layer)).or_default().push(at);
            }
        }
        Ends(ends)
    }

    /// The first steps in the file, at most `most` and none of them `except`, that have one of these goods and stand in these layers.
    pub fn first(&self, goods: &[GoodKind], layers: impl RangeBounds<Layer>, except: usize, most: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for good in goods {
            for layer in Layer::ALL.into_iter().filter(|layer| layers.contains(layer)) {
                let steps = self.0.get(&(*good, layer)).into_iter().flatten();
                found.extend(steps.copied().filter(|step| *step != except).take(most));
            }
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(most);
        found
    }
}
