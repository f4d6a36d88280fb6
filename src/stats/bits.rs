//! Sets of row numbers as bits, in blocks: how many members each block has is counted in one pass.
//!
//! Rows that share an outcome (and an arm) stand in one block, padded to whole words, so intersecting two sets tells at once
//! how many of the common rows had which outcome.

/// A layout: which place every row has, and where blocks end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    places: Vec<u32>,
    /// The first word after each block.
    ends: Vec<usize>,
}

/// A set of rows.
pub type Bits = Vec<u64>;

impl Layout {
    /// Puts every row into the block that `block_of` says, from 0 to `blocks - 1`.
    pub fn new(rows: usize, blocks: usize, block_of: impl Fn(usize) -> usize) -> Layout {
        let mut sizes = vec![0usize; blocks];
        (0..rows).for_each(|row| sizes[block_of(row)] += 1);
        let mut ends = Vec::with_capacity(blocks);
        let mut next: Vec<u32> = Vec::with_capacity(blocks);
        let mut words = 0;
        for size in sizes {
            next.push((words * 64) as u32);
            words += size.div_ceil(64);
            ends.push(words);
        }
        let place = |row: usize| {
            let place = &mut next[block_of(row)];
            *place += 1;
            *place - 1
        };
        Layout { places: (0..rows).map(place).collect(), ends }
    }

    pub fn empty(&self) -> Bits {
        vec![0; self.ends.last().copied().unwrap_or(0)]
    }

    pub fn insert(&self, bits: &mut Bits, row: usize) {
        let place = self.places[row] as usize;
        bits[place / 64] |= 1 << (place % 64);
    }

    /// Members in each block.
    pub fn counts<const N: usize>(&self, bits: &[u64]) -> [u32; N] {
        let mut start = 0;
        std::array::from_fn(|block| {
            let end = self.ends.get(block).copied().unwrap_or(start);
            let count = bits[start..end].iter().map(|word| word.count_ones()).sum();
            start = end;
            count
        })
    }

    /// Members in each block of what two sets have in common.
    pub fn common<const N: usize>(&self, a: &[u64], b: &[u64]) -> [u32; N] {
        let mut start = 0;
        std::array::from_fn(|block| {
            let end = self.ends.get(block).copied().unwrap_or(start);
            let count = a[start..end].iter().zip(&b[start..end]).map(|(a, b)| (a & b).count_ones()).sum();
            start = end;
            count
        })
    }
}

/// What two sets have in common, into `into`.
pub fn intersect(a: &[u64], b: &[u64], into: &mut Bits) {
    into.clear();
    into.extend(a.iter().zip(b).map(|(a, b)| a & b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_counted_by_block_whatever_their_order() {
        let layout = Layout::new(300, 3, |row| row % 3);
        let (mut even, mut low) = (layout.empty(), layout.empty());
        (0..300).filter(|row| row % 2 == 0).for_each(|row| layout.insert(&mut even, row));
        (0..90).for_each(|row| layout.insert(&mut low, row));
        assert_eq!(layout.counts::<3>(&even), [50, 50, 50]);
        assert_eq!(layout.common::<3>(&even, &low), [15, 15, 15]);
        let mut both = Bits::new();
        intersect(&even, &low, &mut both);
        assert_eq!(layout.counts::<3>(&both), [15, 15, 15]);
        assert_eq!(Layout::new(0, 2, |_| 0).counts::<2>(&[]), [0, 0]);
    }
}
