//! Two pieces of work at the same time: the second one on a thread of its own.

use crate::base::both::Work;
use std::sync::Mutex;
use std::thread;

/// As much as a main thread has.
const STACK: usize = 8 << 20;

/// Runs both to their ends; where no thread can be started, one after the other.
pub fn at_once(one: Work<'_>, other: Work<'_>) {
    let other = Mutex::new(other);
    let run_other = || {
        if let Ok(mut work) = other.lock() {
            work();
        }
    };
    thread::scope(|scope| {
        let started = thread::Builder::new().name("beside".to_owned()).stack_size(STACK).spawn_scoped(scope, run_other);
        one();
        if started.is_err() {
            run_other();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_ended_when_it_returns() {
        let (mut sum, mut product) = (0u64, 1u64);
        at_once(&mut || sum = (1..=100).sum(), &mut || product = (1..=10).product());
        assert_eq!((sum, product), (5_050, 3_628_800));
    }
}
