//! The step kinds, one file each, in six folders; and the one list of them.

pub mod common;
pub mod conversion;
pub mod distribution;
pub mod intelligence;
pub mod learning;
pub mod production;
pub mod strategy;

use crate::step::Registry;
use std::sync::LazyLock;

/// Every kind of this build.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let mut kinds = intelligence::KINDS.to_vec();
        kinds.extend(strategy::kinds());
        kinds.extend(production::kinds());
        kinds.extend(distribution::kinds());
        kinds.extend(conversion::kinds());
        kinds.extend(learning::kinds());
        Registry { kinds, providers: common::providers::PROVIDERS, channels: common::channels::CHANNELS }
    });
    &REGISTRY
}
