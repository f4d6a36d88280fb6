//! Classes of short texts (queries, messages, headlines), with "unsure" as an answer.
//!
//! A text is the words, word pairs and runs of 2–4 characters in it, weighted by tf-idf, so "cancelling" and "cancel" share
//! most of what they are. One linear classifier a class against the rest is fitted by dual coordinate descent on the squared
//! hinge loss (Hsieh, Chang, Lin, Keerthi and Sundararajan, 2008), which needs no tuning and is hard to beat on texts
//! this short. Margins become probabilities by a softmax whose temperature is chosen on rows the classifiers had not
//! seen (Guo, Pleiss, Sun and Weinberger, 2017); those rows also say how often an answer of a given sureness was right.

use crate::base::Rng;
use crate::stats::text::{character_runs, hash, mix, tokens};

/// How much a training mistake costs against the size of the weights.
const COST: f64 = 0.5;
const EPOCHS_MAX: usize = 40;
/// Optimality gap at which a classifier is done.
const TOLERANCE: f64 = 0.1;
/// Every so many rows one is held out to choose the temperature.
const HELD_OUT_EVERY: usize = 5;

/// A text as (feature, weight) pairs.
type Features = Vec<(u32, f32)>;

/// A fitted classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Classifier {
    classes: Vec<String>,
    encoder: Encoder,
    /// By feature, then class; the last row is the intercept.
    weights: Vec<f32>,
    /// Multiplies margins before the softmax.
    temperature: f64,
    /// For rows not seen: the probability given to the answer and whether it was right. The least sure first.
    checked: Vec<(f64, bool)>,
}

/// What a text is taken for.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    pub class: &'a str,
    /// In (0, 1].
    pub probability: f64,
    /// The second best, when there are two classes or more.
    pub runner_up: Option<(&'a str, f64)>,
}

/// Why there is no classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Texts and labels differ in number.
    Shape,
    /// Fewer than two classes, or no features at all.
    NothingToTellApart,
}

impl Classifier {
    /// Fits labelled texts. Rows must not be sorted by class, or the held-out rows will miss some: shuffle them first if they
    /// are. `rng` orders the descent; another seed gives practically the same classifier.
    pub fn fit(texts: &[&str], labels: &[&str], rng: &mut Rng) -> Result<Classifier, Unfit> {
        if texts.len() != labels.len() {
            return Err(Unfit::Shape);
        }
        let mut classes: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        classes.sort();
        classes.dedup();
        let encoder = Encoder::of(texts);
        if classes.len() < 2 || encoder.features() == 0 {
            return Err(Unfit::NothingToTellApart);
        }
        let rows: Vec<Features> = texts.iter().map(|text| encoder.encode(text)).collect();
        let targets: Vec<usize> = labels.iter().map(|label| classes.partition_point(|class| class.as_str() < *label)).collect();
        let train =
            |chosen: &[usize], rng: &mut Rng| one_against_rest(&rows, &targets, chosen, classes.len(), encoder.features(), rng);
        let (seen, held_out): (Vec<usize>, Vec<usize>) =
            (0..rows.len()).partition(|row| row % HELD_OUT_EVERY != HELD_OUT_EVERY - 1);
        let partial = train(&seen, rng);
        let margins: Vec<(Vec<f64>, usize)> =
            held_out.iter().map(|row| (margins(&partial, &rows[*row], classes.len()), targets[*row])).collect();
        let temperature = choose_temperature(&margins);
        let mut checked: Vec<(f64, bool)> = margins
            .iter()
            .map(|(margins, target)| {
                let probabilities = softmax(margins, temperature);
                let best = highest(&probabilities);
                (probabilities[best], best == *target)
            })
            .collect();
        checked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: Vec<usize> = (0..rows.len()).collect();
        let weights = train(&all, rng);
        Ok(Classifier { classes, encoder, weights, temperature, checked })
    }

    /// In alphabetical order.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The probability (0–1) of every class, in the order of `classes`.
    pub fn probabilities(&self, text: &str) -> Vec<f64> {
        softmax(&margins(&self.weights, &self.encoder.encode(text), self.classes.len()), self.temperature)
    }

    /// The likeliest class, however unlikely.
    pub fn answer(&self, text: &str) -> Answer<'_> {
        let mut probabilities = self.probabilities(text);
        let best = highest(&probabilities);
        let probability = std::mem::replace(&mut probabilities[best], f64::NEG_INFINITY);
        let second = highest(&probabilities);
        let runner_up = (second != best).then(|| (self.classes[second].as_str(), probabilities[second]));
        Answer { class: &self.classes[best], probability, runner_up }
    }

    /// The likeliest class, or `None` ("unsure") when its probability is below `sure_from` (0–1).
    pub fn answer_if_sure(&self, text: &str, sure_from: f64) -> Option<Answer<'_>> {
        Some(self.answer(text)).filter(|answer| answer.probability >= sure_from)
    }

    /// The probability from which on `coverage` (0–1) of the rows not seen would have been answered.
    pub fn threshold_for_coverage(&self, coverage: f64) -> f64 {
        let skipped = ((1.0 - coverage.clamp(0.0, 1.0)) * self.checked.len() as f64).round() as usize;
        self.checked.get(skipped).map_or(1.0, |row| row.0)
    }

    /// On rows not seen: the share (0–1) answered from this probability on, and the share of those that were right.
    pub fn coverage_and_accuracy(&self, sure_from: f64) -> (f64, f64) {
        let answered = &self.checked[self.checked.partition_point(|row| row.0 < sure_from)..];
        let right = answered.iter().filter(|row| row.1).count() as f64;
        (answered.len() as f64 / self.checked.len() as f64, right / answered.len() as f64)
    }
}

/// Which features there are and what each weighs.
#[derive(Clone, Debug, Default, PartialEq)]
struct Encoder {
    /// Sorted hashes of the features; the position is the feature's number.
    keys: Vec<u64>,
    /// Inverse document frequencies.
    idf: Vec<f32>,
}

impl Encoder {
    fn of(texts: &[&str]) -> Encoder {
        let mut keys: Vec<u64> = Vec::new();
        for text in texts {
            let mut own = feature_keys(text).concat();
            own.sort_unstable();
            own.dedup();
            keys.extend(own);
        }
        keys.sort_unstable();
        let n = texts.len() as f64;
        let mut encoder = Encoder::default();
        for run in keys.chunk_by(|a, b| a == b) {
            encoder.keys.push(run[0]);
            encoder.idf.push((((1.0 + n) / (1.0 + run.len() as f64)).ln() + 1.0) as f32);
        }
        encoder
    }

    fn features(&self) -> usize {
        self.keys.len()
    }

    /// Words and character runs are each brought to length one, so that neither drowns the other.
    fn encode(&self, text: &str) -> Features {
        let mut features = Features::new();
        for mut keys in feature_keys(text) {
            keys.sort_unstable();
            let from = features.len();
            for run in keys.chunk_by(|a, b| a == b) {
                if let Ok(feature) = self.keys.binary_search(&run[0]) {
                    // Sublinear: a word said three times counts 1 + ln 3.
                    features.push((feature as u32, (1.0 + (run.len() as f32).ln()) * self.idf[feature]));
                }
            }
            let length = features[from..].iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
            features[from..].iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        features
    }
}

/// Hashes of the words and word pairs, and of the character runs.
fn feature_keys(text: &str) -> [Vec<u64>; 2] {
    let tokens = tokens(text);
    let mut words: Vec<u64> = tokens.iter().map(|token| hash(token)).collect();
    // The order within a pair matters, so one side is mixed once more.
    words.extend(tokens.windows(2).map(|pair| mix(hash(&pair[0]).wrapping_add(mix(hash(&pair[1]))))));
    let runs = tokens.iter().flat_map(|token| (2..=4).flat_map(move |size| character_runs(token, size)));
    let runs = runs.map(|run| mix(hash(&run) ^ 0x5bd1_e995_c0ff_ee01)).collect();
    [words, runs]
}

fn one_against_rest(
    rows: &[Features],
    targets: &[usize],
    chosen: &[usize],
    classes: usize,
    features: usize,
    rng: &mut Rng,
) -> Vec<f32> {
    let mut weights = vec![0.0f32; (features + 1) * classes];
    let squares: Vec<f64> = rows.iter().map(|row| 1.0 + row.iter().map(|(_, x)| f64::from(x * x)).sum::<f64>()).collect();
    for class in 0..classes {
        let own = descend(rows, &squares, chosen, |row| targets[row] == class, features, rng);
        own.iter().enumerate().for_each(|(feature, weight)| weights[feature * classes + class] = *weight as f32);
    }
    weights
}

/// One class against the rest; the weights with the intercept last. Rows whose multiplier stays zero are set aside between
/// passes (the shrinking of the paper's §3.2) and looked at again before the end.
fn descend(
    rows: &[Features],
    squares: &[f64],
    chosen: &[usize],
    positive: impl Fn(usize) -> bool,
    features: usize,
    rng: &mut Rng,
) -> Vec<f64> {
    let mut weights = vec![0.0; features + 1];
    let mut multipliers = vec![0.0f64; rows.len()];
    let diagonal = 0.5 / COST;
    let mut active = chosen.to_vec();
    let mut set_aside_above = f64::INFINITY;
    for _ in 0..EPOCHS_MAX {
        rng.shuffle(&mut active);
        let (mut highest, mut lowest) = (f64::NEG_INFINITY, f64::INFINITY);
        active.retain(|row| {
            let sign = if positive(*row) { 1.0 } else { -1.0 };
            let margin: f64 = rows[*row].iter().map(|(feature, x)| weights[*feature as usize] * f64::from(*x)).sum();
            let multiplier = multipliers[*row];
            let gradient = sign * (margin + weights[features]) - 1.0 + diagonal * multiplier;
            if multiplier == 0.0 && gradient > set_aside_above {
                return false;
            }
            let projected = if multiplier == 0.0 { gradient.min(0.0) } else { gradient };
            highest = highest.max(projected);
            lowest = lowest.min(projected);
            if projected.abs() > 1e-12 {
                let next = (multiplier - gradient / (squares[*row] + diagonal)).max(0.0);
                let step = (next - multiplier) * sign;
                multipliers[*row] = next;
                rows[*row].iter().for_each(|(feature, x)| weights[*feature as usize] += step * f64::from(*x));
                weights[features] += step;
            }
            true
        });
        if highest - lowest <= TOLERANCE {
            if active.len() == chosen.len() {
                break;
            }
            active = chosen.to_vec();
            set_aside_above = f64::INFINITY;
        } else {
            set_aside_above = if highest > 0.0 { highest } else { f64::INFINITY };
        }
    }
    weights
}

fn margins(weights: &[f32], row: &Features, classes: usize) -> Vec<f64> {
    let mut sums: Vec<f64> = weights[weights.len() - classes..].iter().map(|weight| f64::from(*weight)).collect();
    for (feature, x) in row {
        let of_feature = &weights[*feature as usize * classes..(*feature as usize + 1) * classes];
        sums.iter_mut().zip(of_feature).for_each(|(sum, weight)| *sum += f64::from(*weight) * f64::from(*x));
    }
    sums
}

fn softmax(margins: &[f64], temperature: f64) -> Vec<f64> {
    let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = margins.iter().map(|margin| ((margin - top) * temperature).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| power / total).collect()
}

/// The first of the highest.
fn highest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

/// The temperature with the least log-loss, from a grid of 2^(k/2) that ends where margins of one are practically certain.
fn choose_temperature(rows: &[(Vec<f64>, usize)]) -> f64 {
    let loss = |temperature: f64| -> f64 {
        rows.iter().map(|(margins, target)| -softmax(margins, temperature)[*target].max(1e-300).ln()).sum()
    };
    let candidates = (-2..=10).map(|k| (f64::from(k) / 2.0).exp2());
    candidates.map(|t| (t, loss(t))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(1.0, |best| best.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::test_data;

    #[test]
    fn a_small_set_is_learned_and_a_stranger_is_unsure() {
        let texts = [
            "cancel my order",
            "pricing of the plan",
            "please cancel it",
            "how much does it cost",
            "cancelling the subscription",
            "price for teams",
            "i want to cancel",
            "what is the price",
            "cancellation of my plan",
            "cost per month",
        ];
        let labels: Vec<&str> = (0..10).map(|i| if i % 2 == 0 { "cancel" } else { "price" }).collect();
        let classifier = Classifier::fit(&texts, &labels, &mut Rng::new(1)).unwrap();
        assert_eq!(classifier.answer("cancelled an order").class, "cancel");
        assert_eq!(classifier.answer("the costs").class, "price");
        let sure = classifier.answer("what is the price per month").probability;
        let stranger = classifier.answer("zebra").probability;
        assert!(sure > stranger, "{sure} {stranger}");
        assert!(classifier.answer_if_sure("zebra", sure).is_none());
        assert_eq!(classifier.answer("price").runner_up.map(|second| second.0), Some("cancel"));
    }

    #[test]
    fn impossible_sets_are_refused() {
        let fit = |texts: &[&str], labels: &[&str]| Classifier::fit(texts, labels, &mut Rng::new(1)).err();
        assert_eq!(fit(&["a"], &[]), Some(Unfit::Shape));
        assert_eq!(fit(&["a", "b"], &["x", "x"]), Some(Unfit::NothingToTellApart));
        assert_eq!(fit(&["…", "!"], &["x", "y"]), Some(Unfit::NothingToTellApart));
    }

    #[test]
    fn the_same_seed_gives_the_same_classifier() {
        let texts = ["red apple", "green pear", "red cherry", "green grass", "red rose", "green leaf"];
        let labels = ["r", "g", "r", "g", "r", "g"];
        let fit = || Classifier::fit(&texts, &labels, &mut Rng::new(3)).unwrap();
        assert_eq!(fit(), fit());
    }

    /// Accuracy on rows held out here, and the share and accuracy of the rows answered at 80 % coverage.
    fn measure(rows: &[(String, String)], every: usize) -> (f64, f64, f64) {
        let (test, train): (Vec<_>, Vec<_>) = rows.iter().enumerate().partition(|(i, _)| i % every == 0);
        let mut train: Vec<&(String, String)> = train.into_iter().map(|row| row.1).collect();
        let mut rng = Rng::new(7);
        rng.shuffle(&mut train);
        let texts: Vec<&str> = train.iter().map(|row| row.0.as_str()).collect();
        let labels: Vec<&str> = train.iter().map(|row| row.1.as_str()).collect();
        let classifier = Classifier::fit(&texts, &labels, &mut rng).unwrap();
        let sure_from = classifier.threshold_for_coverage(0.8);
        let (mut right, mut answered, mut right_when_sure) = (0.0, 0.0, 0.0);
        for (_, (text, label)) in &test {
            let answer = classifier.answer(text);
            let hit = f64::from(u8::from(answer.class == label));
            right += hit;
            if answer.probability >= sure_from {
                answered += 1.0;
                right_when_sure += hit;
            }
        }
        (right / test.len() as f64, answered / test.len() as f64, right_when_sure / answered)
    }

    // scikit-learn's LinearSVC on the same kind of features: .734 on these rows; always the largest class: .553.
    #[test]
    fn search_intents_are_told_apart_and_better_when_sure() {
        let Some(text) = test_data::text("decisions/intent/search_refiners_intent.tsv") else { return };
        let rows: Vec<(String, String)> = text
            .lines()
            .skip(1)
            .map(|line| line.split('\t').collect::<Vec<_>>())
            .map(|row| (format!("{} {}", row[1], row[2]), row[3].to_owned()))
            .collect();
        let (accuracy, coverage, when_sure) = measure(&rows, 4);
        println!("refiners: {accuracy:.3}; {when_sure:.3} on the {coverage:.2} that were sure");
        assert!(accuracy >= 0.72 && (0.72..0.88).contains(&coverage) && when_sure >= accuracy + 0.03);
    }

    #[test]
    fn twelve_kinds_of_bank_message_are_told_apart() {
        let Some((_, rows)) = test_data::rows("decisions/intent/banking77_train.csv") else { return };
        let rows: Vec<(String, String)> = rows.into_iter().take(1600).map(|row| (row[0].clone(), row[1].clone())).collect();
        let (accuracy, _, when_sure) = measure(&rows, 5);
        println!("bank: {accuracy:.3}, {when_sure:.3} when sure");
        assert!(accuracy >= 0.93 && when_sure >= 0.97);
    }
}
