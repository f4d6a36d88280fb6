//! Texts as weighted words, and the cosine between them.
//!
//! The weight of a word is its count times ln((1 + n) / (1 + df)) + 1, and every text is scaled to length one: the smoothed
//! form scikit-learn uses, so a word in every text still counts a little and an unknown one does not divide by zero.

use std::collections::BTreeMap;

/// A text as (term, weight) pairs, sorted by term, of Euclidean length one (or empty).
pub type Vector = Vec<(u32, f64)>;

/// The words of a collection and how common each is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    terms: BTreeMap<String, u32>,
    /// Inverse document frequency, by term.
    weights: Vec<f64>,
}

impl Vocabulary {
    /// From texts already cut into words.
    pub fn of(documents: &[Vec<String>]) -> Vocabulary {
        let mut frequency: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (index, document) in documents.iter().enumerate() {
            for word in document {
                let (count, last) = frequency.entry(word).or_insert((0, usize::MAX));
                if *last != index {
                    (*count, *last) = (*count + 1, index);
                }
            }
        }
        let n = documents.len() as f64;
        let weights = frequency.values().map(|(df, _)| ((1.0 + n) / (1.0 + *df as f64)).ln() + 1.0).collect();
        let terms = frequency.keys().enumerate().map(|(index, word)| ((*word).to_owned(), index as u32)).collect();
        Vocabulary { terms, weights }
    }

    /// The vector of a text; words outside the vocabulary are left out.
    pub fn vector(&self, document: &[String]) -> Vector {
        let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
        for term in document.iter().filter_map(|word| self.terms.get(word)) {
            *counts.entry(*term).or_default() += 1.0;
        }
        let mut vector: Vector = counts.into_iter().map(|(term, count)| (term, count * self.weights[term as usize])).collect();
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        vector
    }

    /// Distinct words.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

/// The cosine (0–1) of two vectors of one vocabulary.
pub fn cosine(a: &Vector, b: &Vector) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += a[i].1 * b[j].1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;
    use crate::stats::text::tokens;

    // sklearn 1.9.1 TfidfVectorizer().fit_transform(texts), cosine of the first with each.
    #[test]
    fn cosines_agree_with_sklearn() {
        let texts = ["the cat sat on the mat", "the dog sat on the log", "growth loops compound"];
        let documents: Vec<Vec<String>> = texts.iter().map(|text| tokens(text)).collect();
        let vocabulary = Vocabulary::of(&documents);
        let vectors: Vec<Vector> = documents.iter().map(|document| vocabulary.vector(document)).collect();
        close(cosine(&vectors[0], &vectors[0]), 1.0, 1e-15);
        close(cosine(&vectors[0], &vectors[1]), REFERENCE, 1e-14);
        assert_eq!(cosine(&vectors[0], &vectors[2]), 0.0);
    }

    const REFERENCE: f64 = 0.6343958037358577;

    #[test]
    fn unknown_words_and_empty_texts_are_like_nothing() {
        let vocabulary = Vocabulary::of(&[tokens("one two")]);
        assert!(vocabulary.vector(&tokens("three")).is_empty());
        assert_eq!(cosine(&vocabulary.vector(&[]), &vocabulary.vector(&tokens("one"))), 0.0);
        assert!(Vocabulary::default().is_empty());
    }
}
