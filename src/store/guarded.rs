//! Keeps sled's panics from becoming ours: on damaged files it panics where it could have returned an error.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic comes back as its message, and nothing is printed.
///
/// What `work` holds must not be used after a panic: the callers stop the store then.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    silence();
    let before = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|panic| text(&*panic))
}

/// The same on a thread of its own, for opening: a store that panics while it opens may leave locks of the thread behind.
pub fn guarded_on_a_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("store-open".to_owned());
        match thread.spawn_scoped(scope, || guarded(work)) {
            Ok(handle) => handle.join().unwrap_or_else(|panic| Err(text(&*panic))),
            Err(cause) => Err(format!("no thread could be started: {cause}")),
        }
    })
}

/// Wraps the panic hook once, so that caught panics of guarded threads stay off the screen.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_text() {
        assert_eq!(guarded(|| 1), Ok(1));
        assert_eq!(guarded(|| -> u8 { panic!("broken {}", 1) }), Err("broken 1".to_owned()));
        assert_eq!(guarded_on_a_thread(|| -> u8 { panic!("broken") }), Err("broken".to_owned()));
    }
}
