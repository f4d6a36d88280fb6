//! Texts that come again and again, each kept once and named by a number.

use std::hash::{BuildHasher as _, Hash, RandomState};

/// Texts by number, in the order in which they were first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// All of them, one after the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Words {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text with this number; empty for a number that nothing has.
    pub fn get(&self, number: u32) -> &str {
        let at = number as usize;
        let Some(end) = self.ends.get(at) else { return "" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..*end]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len() as u32).map(|number| self.get(number))
    }

    /// The number of a text, by looking through all of them.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.iter().position(|known| known == text).map(|at| at as u32)
    }

    /// Adds a text that is not there yet.
    pub(super) fn add(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        self.ends.push(self.text.len());
        (self.ends.len() - 1) as u32
    }

    /// Gives back what was kept for more.
    pub(super) fn settle(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// Numbers texts as they come: the same text has the same number.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    words: Words,
    index: Index,
}

impl Numbering {
    pub fn number(&mut self, text: &str) -> u32 {
        let words = &self.words;
        let found = self.index.find(text, |number| words.get(number) == text);
        match found {
            Some(number) => number,
            None => {
                let number = self.words.add(text);
                let words = &self.words;
                self.index.add(text, number, |number, hash| hash(words.get(number)));
                number
            }
        }
    }

    pub fn words(&self) -> &Words {
        &self.words
    }

    pub fn into_words(self) -> Words {
        self.words
    }
}

/// Where something with a number stands, by its hash. It holds numbers only; whoever asks knows what they stand for.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// A number and one, or 0 where nothing stands. As many as a power of two, at most three quarters of them taken.
    slots: Vec<u32>,
    taken: usize,
    state: RandomState,
}

impl Index {
    /// The number of what is sought, which `is` knows when it sees it.
    pub fn find<T: Hash + ?Sized>(&self, sought: &T, is: impl Fn(u32) -> bool) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.place(self.state.hash_one(sought));
        while self.slots[at] != 0 {
            let number = self.slots[at] - 1;
            if is(number) {
                return Some(number);
            }
            at = (at + 1) % self.slots.len();
        }
        None
    }

    /// Adds what was not found. `of` gives the hash of what stands there already, when there must be more room.
    pub fn add<T: Hash + ?Sized>(&mut self, what: &T, number: u32, of: impl Fn(u32, &dyn Fn(&T) -> u64) -> u64) {
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            let before = std::mem::take(&mut self.slots);
            self.slots = vec![0; (before.len() * 2).max(16)];
            let state = self.state.clone();
            for slot in before.into_iter().filter(|slot| *slot != 0) {
                self.put(of(slot - 1, &|what| state.hash_one(what)), slot);
            }
        }
        self.put(self.state.hash_one(what), number + 1);
        self.taken += 1;
    }

    fn put(&mut self, hash: u64, slot: u32) {
        let mut at = self.place(hash);
        while self.slots[at] != 0 {
            at = (at + 1) % self.slots.len();
        }
        self.slots[at] = slot;
    }

    fn place(&self, hash: u64) -> usize {
        // The number of slots is a power of two.
        hash as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number_among_many() {
        let mut numbering = Numbering::default();
        let texts: Vec<String> = (0..5_000).map(|n| format!("text {}", n % 1_700)).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| numbering.number(text)).collect();
        assert!(numbers.iter().enumerate().all(|(at, number)| *number as usize == at % 1_700));
        assert_eq!((numbering.number(""), numbering.number("")), (1_700, 1_700));
        let words = numbering.into_words();
        assert_eq!((words.len(), words.get(3), words.get(1_700), words.get(9_999)), (1_701, "text 3", "", ""));
        assert_eq!((words.find("text 1699"), words.find("text 1700")), (Some(1_699), None));
    }
}
