//! One way to skip a test whose data is not here, so that a full run can refuse to skip.
//!
//! The larger public data sets lie beside the repository and may be absent. A test that needs one says so and returns;
//! where nothing may be skipped, as in `.ci/run`, `LOOPCTL_NO_SKIP=1` turns the same call into a failure.

// The whole file is compiled for tests only (`mod.rs` says so); the mark tells the house test so.
#[cfg(test)]
use std::path::Path;

/// Says that a test is skipped because `path` is not there.
///
/// # Panics
/// When `LOOPCTL_NO_SKIP` is set to anything but `0`.
#[track_caller]
pub fn skipped(path: &Path) {
    let refuse = std::env::var_os("LOOPCTL_NO_SKIP").is_some_and(|value| !value.is_empty() && value != "0");
    assert!(!refuse, "{} is not here, and LOOPCTL_NO_SKIP is set", path.display());
    println!("skipped: {} is not here", path.display());
}
