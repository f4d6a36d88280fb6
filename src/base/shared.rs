//! A value that many hold and nobody changes: cloning it is counting, and on paper it looks like the value itself.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Deref;
use std::sync::Arc;

/// One value with several owners.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shared<T: ?Sized>(Arc<T>);

impl<T> Shared<T> {
    pub fn new(value: T) -> Shared<T> {
        Shared(Arc::new(value))
    }
}

impl<T: ?Sized> Shared<T> {
    /// The same value, counted once more.
    pub fn to_arc(&self) -> Arc<T> {
        self.0.clone()
    }
}

impl<T: Clone> Shared<T> {
    /// The value for oneself: copied only when others hold it too.
    pub fn take(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(self.0.clone())
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared::new(value)
    }
}

impl<T: ?Sized> From<Arc<T>> for Shared<T> {
    fn from(value: Arc<T>) -> Shared<T> {
        Shared(value)
    }
}

impl<T: Serialize + ?Sized> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Shared<T>, D::Error> {
        T::deserialize(from).map(Shared::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_like_the_value_and_cloned_without_copying() {
        let value = Shared::new(vec![1, 2, 3]);
        let text = serde_json::to_string(&value).expect("plain numbers");
        assert_eq!(text, "[1,2,3]");
        assert_eq!(serde_json::from_str::<Shared<Vec<u8>>>(&text).expect("its own text").len(), 3);
        assert!(std::ptr::eq(&*value, &*value.clone()));
    }
}
