//! Which texts answer a query: BM25 over an inverted index.
//!
//! Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with k₁ = 1.2 and b = 0.75, and the idf
//! ln(1 + (n − df + ½) / (df + ½)) of Lucene, which is never negative.

use std::collections::BTreeMap;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// An index over texts already cut into words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// For each word the (document, count) pairs in ascending order of document.
    postings: BTreeMap<String, Vec<(u32, f64)>>,
    /// Words in each document.
    lengths: Vec<f64>,
    mean_length: f64,
}

/// A document and how well it answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub document: usize,
    /// Comparable within one query only; positive.
    pub score: f64,
}

impl Index {
    pub fn new(documents: &[Vec<String>]) -> Index {
        let mut postings: BTreeMap<String, Vec<(u32, f64)>> = BTreeMap::new();
        for (index, document) in documents.iter().enumerate() {
            for word in document {
                let list = postings.entry(word.clone()).or_default();
                match list.last_mut() {
                    Some(last) if last.0 == index as u32 => last.1 += 1.0,
                    _ => list.push((index as u32, 1.0)),
                }
            }
        }
        let lengths: Vec<f64> = documents.iter().map(|document| document.len() as f64).collect();
        let mean_length = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        Index { postings, lengths, mean_length }
    }

    /// The best `limit` documents that share a word with the query, best first; ties by document. A word asked twice counts
    /// twice.
    pub fn search(&self, query: &[String], limit: usize) -> Vec<Hit> {
        let n = self.lengths.len() as f64;
        let mut scores = vec![0.0; self.lengths.len()];
        for list in query.iter().filter_map(|word| self.postings.get(word)) {
            let df = list.len() as f64;
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
            for (document, count) in list {
                let document = *document as usize;
                let norm = K1 * (1.0 - B + B * self.lengths[document] / self.mean_length);
                scores[document] += idf * count * (K1 + 1.0) / (count + norm);
            }
        }
        let mut hits: Vec<Hit> = scores.into_iter().enumerate().map(|(document, score)| Hit { document, score }).collect();
        hits.retain(|hit| hit.score > 0.0);
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
        hits.truncate(limit);
        hits
    }

    /// The score a query could reach in a document of mean length that holds each of its words once: what makes scores of
    /// different queries comparable. Words no document holds count as the rarest.
    pub fn attainable(&self, query: &[String]) -> f64 {
        let n = self.lengths.len() as f64;
        let idf = |word: &String| {
            let df = self.postings.get(word).map_or(0.0, |list| list.len() as f64);
            (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
        };
        query.iter().map(idf).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data::close;
    use crate::stats::text::tokens;

    fn index() -> Index {
        let texts = ["the quick brown fox", "the lazy dog sleeps all day long", "quick quick foxes", ""];
        Index::new(&texts.map(tokens))
    }

    // By hand: n = 4, mean length 14/4. "quick" is in two documents: idf = ln(1 + 2.5/2.5) = ln 2.
    #[test]
    fn scores_follow_the_formula() {
        let hits = index().search(&tokens("quick"), 10);
        assert_eq!(hits.iter().map(|hit| hit.document).collect::<Vec<_>>(), [2, 0]);
        let score = |count: f64, length: f64| 2f64.ln() * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 3.5));
        close(hits[0].score, score(2.0, 3.0), 1e-15);
        close(hits[1].score, score(1.0, 4.0), 1e-15);
    }

    #[test]
    fn rare_words_decide_and_unknown_ones_find_nothing() {
        assert_eq!(index().search(&tokens("the dog"), 1)[0].document, 1);
        assert!(index().search(&tokens("cat"), 5).is_empty());
        assert!(Index::default().search(&tokens("cat"), 5).is_empty());
        assert!(index().attainable(&tokens("cat")) > index().attainable(&tokens("quick")));
    }
}
