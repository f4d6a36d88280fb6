//! People, as far as they are counted: keyed digests of their addresses, and nothing that leads back to an address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// People, each by a digest of 64 bits, sorted. Stored as one text of base64: eleven characters a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People(
    /// Sorted; nobody twice.
    Vec<u64>,
);

impl People {
    pub fn new(people: impl IntoIterator<Item = u64>) -> People {
        let mut people: Vec<u64> = people.into_iter().collect();
        people.sort_unstable();
        people.dedup();
        People(people)
    }

    pub fn has(&self, person: u64) -> bool {
        self.0.binary_search(&person).is_ok()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|person| person.to_be_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<People, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        let (people, []) = bytes.as_chunks::<8>() else {
            return Err(serde::de::Error::custom("a person has eight bytes"));
        };
        Ok(People::new(people.iter().map(|bytes| u64::from_be_bytes(*bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_come_back_from_their_stored_form_and_nobody_twice() {
        let people = People::new([u64::MAX, 7, 7, 0]);
        let stored = serde_json::to_string(&people).expect("a text");
        assert_eq!(stored, "\"AAAAAAAAAAAAAAAAAAAAB///////////\"");
        assert_eq!(serde_json::from_str::<People>(&stored).expect("our own"), people);
        assert!(people.has(7) && !people.has(8) && people.len() == 3);
        assert!(serde_json::from_str::<People>("\"AAAA\"").is_err());
    }
}
