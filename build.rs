//! Tells the linker how to make the program smaller; nothing is generated and nothing is compiled here.
//!
//! On x86-64 Linux with glibc the linker is LLD, which rustc brings along. It is asked to keep one copy of functions that came out
//! the same (a list of strings and a list of names are sorted by the same code), and to write relative relocations in the
//! short form. Elsewhere, and with another linker named in `RUSTFLAGS`, the program is linked as ever and is some 8 % larger.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let lld_by_default =
        is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ARCH", "x86_64") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let another = env::var_os("RUSTC_LINKER").is_some() || flags.contains("link") || flags.contains("lld");
    if is("PROFILE", "release") && lld_by_default && !another {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
