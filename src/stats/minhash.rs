//! How alike two texts are, from short signatures.
//!
//! MinHash (Broder, 1997): the chance that two sets have the same smallest element under a random order is their Jaccard
//! similarity. A signature keeps the smallest hash under each of 128 orders, so the share of equal places estimates the
//! similarity with a standard error of at most 0.045, and next to none near 0 and 1, where near-duplicates are decided.

use crate::stats::text::{hash, mix, shingles, tokens};
use std::collections::BTreeMap;

/// Places in a signature.
pub const PLACES: usize = 128;
/// Places a band of the index holds: 32 bands of 4 find pairs above about 0.42 half of the time, above 0.7 practically always.
const BAND: usize = 4;

/// The smallest hash under each of 128 orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub places: [u32; PLACES],
    /// Distinct elements that went in; nothing is alike to an empty set.
    pub elements: usize,
}

/// The signature of a set of element hashes; repeated elements count once.
pub fn signature(elements: impl IntoIterator<Item = u64>) -> Signature {
    let mut elements: Vec<u64> = elements.into_iter().collect();
    elements.sort_unstable();
    elements.dedup();
    let mut places = [u32::MAX; PLACES];
    for element in &elements {
        // Each order is a multiply-add of the two halves of one mixed hash (Kirsch and Mitzenmacher, 2006), and a
        // multiplicative scramble so that the smallest is not the same element everywhere.
        let (mut value, step) = (mix(*element), mix(element ^ 0x9e37_79b9_7f4a_7c15) | 1);
        for place in &mut places {
            value = value.wrapping_add(step);
            let scrambled = ((value ^ (value >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32) as u32;
            *place = (*place).min(scrambled);
        }
    }
    Signature { places, elements: elements.len() }
}

/// The signature of a text by its runs of `size` words.
pub fn text_signature(text: &str, size: usize) -> Signature {
    signature(shingles(&tokens(text), size).iter().map(|shingle| hash(shingle)))
}

impl Signature {
    /// The estimated Jaccard similarity (0–1).
    pub fn similarity(&self, other: &Signature) -> f64 {
        if self.elements == 0 || other.elements == 0 {
            return 0.0;
        }
        self.places.iter().zip(&other.places).filter(|(a, b)| a == b).count() as f64 / PLACES as f64
    }
}

/// The exact Jaccard similarity (0–1) of two sets given as sorted slices without repeats.
pub fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    let all = a.len() + b.len() - both;
    if all == 0 { 0.0 } else { both as f64 / all as f64 }
}

/// Pairs (smaller index first, sorted) whose estimated similarity is at least `threshold`, found by banding instead of comparing
/// all with all.
pub fn similar_pairs(signatures: &[Signature], threshold: f64) -> Vec<(usize, usize, f64)> {
    let mut pairs = Vec::new();
    for band in 0..PLACES / BAND {
        let mut buckets: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
        for (index, signature) in signatures.iter().enumerate().filter(|(_, signature)| signature.elements > 0) {
            buckets.entry(&signature.places[band * BAND..(band + 1) * BAND]).or_default().push(index);
        }
        for bucket in buckets.values() {
            for (k, first) in bucket.iter().enumerate() {
                pairs.extend(bucket[k + 1..].iter().map(|second| (*first, *second)));
            }
        }
        // Kept small between bands: a family of duplicates meets in all of them.
        pairs.sort_unstable();
        pairs.dedup();
    }
    let scored = pairs.into_iter().map(|(a, b)| (a, b, signatures[a].similarity(&signatures[b])));
    scored.filter(|(_, _, similarity)| *similarity >= threshold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::stats::test_data;

    fn set(text: &str) -> Vec<u64> {
        let mut set: Vec<u64> = shingles(&tokens(text), 3).iter().map(|shingle| hash(shingle)).collect();
        set.sort_unstable();
        set.dedup();
        set
    }

    #[test]
    fn estimates_are_unbiased_and_as_sharp_as_the_theory_says() {
        let mut rng = Rng::new(10);
        for overlap in [0usize, 20, 50, 80, 100] {
            let (mut sum, mut squares, truth) = (0.0, 0.0, overlap as f64 / (200 - overlap) as f64);
            for _ in 0..200 {
                let elements: Vec<u64> = (0..200 - overlap).map(|_| rng.next_u64()).collect();
                let a = signature(elements[..100].iter().copied());
                let b = signature(elements[100 - overlap..].iter().copied());
                let error = a.similarity(&b) - truth;
                sum += error;
                squares += error * error;
            }
            let expected = (truth * (1.0 - truth) / PLACES as f64).sqrt();
            assert!((sum / 200.0).abs() <= 5.0 * expected / 200f64.sqrt() + 1e-9, "bias {} at {truth}", sum / 200.0);
            assert!((squares / 200.0).sqrt() <= 1.25 * expected + 1e-9, "error {} at {truth}", (squares / 200.0).sqrt());
        }
    }

    #[test]
    fn revisions_of_one_page_are_told_from_other_pages() {
        let Some(text) = test_data::text("decisions/site/page_revision_pairs.jsonl.gz") else { return };
        let (mut error, mut pairs, mut wrong) = (0.0, 0.0, 0);
        for line in text.lines() {
            let pair: serde_json::Value = serde_json::from_str(line).unwrap();
            let side = |name: &str| pair[name].as_str().unwrap().to_owned();
            let (a, b) = (side("a"), side("b"));
            let estimate = text_signature(&a, 3).similarity(&text_signature(&b, 3));
            error += (estimate - jaccard(&set(&a), &set(&b))).abs();
            pairs += 1.0;
            wrong += usize::from((estimate >= 0.3) != (pair["label"].as_i64() == Some(1)));
        }
        println!("mean error {:.4} over {pairs} pairs, {wrong} on the wrong side", error / pairs);
        assert!(error / pairs <= 0.010);
    }

    #[test]
    fn banding_finds_the_near_duplicates() {
        let base = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen";
        let texts = [base, "something else entirely that shares no run of words with it", &base.replace("sixteen", "17"), "", ""];
        let signatures: Vec<Signature> = texts.iter().map(|text| text_signature(text, 3)).collect();
        let pairs = similar_pairs(&signatures, 0.6);
        assert_eq!(pairs.iter().map(|pair| (pair.0, pair.1)).collect::<Vec<_>>(), [(0, 2)]);
        assert_eq!(signatures[3].similarity(&signatures[4]), 0.0);
    }
}
