//! People as pseudonyms: what identified a person is hashed at the door and goes no further.

use crate::base::Hasher;

/// The same person has the same pseudonym in every source that names them the same way. Addresses are compared without case.
/// `None` when nothing identifies anybody.
pub fn pseudonym(identity: &str) -> Option<String> {
    let identity = identity.trim();
    if identity.is_empty()
        || matches!(identity.to_ascii_lowercase().as_str(), "null" | "none" | "nan" | "undefined" | "(not set)")
    {
        return None;
    }
    let mut hasher = Hasher::new();
    hasher.part("who");
    if identity.contains('@') {
        hasher.part(identity.to_lowercase())
    } else {
        hasher.part(identity)
    };
    Some(hasher.finish().short(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_stable_and_tells_nothing() {
        let one = pseudonym("Ada@Example.com").unwrap();
        assert_eq!(pseudonym(" ada@example.com "), Some(one.clone()));
        assert!(!one.contains("ada") && one.len() == 16);
        assert_ne!(pseudonym("u-77"), pseudonym("U-77"));
        assert_eq!(pseudonym("(not set)"), None);
        assert_eq!(pseudonym(""), None);
    }
}
