//! A value that is worked out once from what stands beside it.

use std::sync::OnceLock;

/// Holds what was worked out. A copy of what it stands beside begins without it, because whoever makes a copy is about to change it.
#[derive(Debug)]
pub struct Cached<T>(OnceLock<T>);

impl<T: Copy + PartialEq + std::fmt::Debug> Cached<T> {
    /// What was worked out before, or what `work` makes now.
    ///
    /// # Panics
    /// In a debug build, when what it was worked out from has changed since.
    pub fn get(&self, work: impl Fn() -> T) -> T {
        if cfg!(debug_assertions)
            && let Some(before) = self.0.get()
        {
            assert_eq!(*before, work(), "it was changed after it was looked at");
        }
        *self.0.get_or_init(work)
    }
}

impl<T> Default for Cached<T> {
    fn default() -> Cached<T> {
        Cached(OnceLock::new())
    }
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Cached<T> {
        Cached::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_worked_out_once_and_a_copy_begins_anew() {
        let cached = Cached::default();
        assert_eq!((cached.get(|| 7), cached.get(|| 7)), (7, 7));
        assert_eq!(cached.clone().get(|| 8), 8);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "it was changed after")]
    fn a_change_behind_its_back_is_noticed_where_tests_run() {
        let cached = Cached::default();
        cached.get(|| 7);
        cached.get(|| 8);
    }
}
