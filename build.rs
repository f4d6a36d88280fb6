//! Asks the linker to make the program smaller, where it can; nothing is generated and nothing is compiled here.
//!
//! LLD, which rustc brings along on x86-64 Linux, keeps one copy of functions that came out the same (a list of strings and a
//! list of names are sorted by the same code), and writes relative relocations in a short form. Other linkers do not know the
//! words, and an older C library does not start what was linked with the second. So a program of one line is linked and started
//! with each first; where that fails the program is linked as ever and is some 8 % larger.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const WISHES: [&str; 2] = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && native {
        WISHES.iter().filter(|wish| works(wish)).for_each(|wish| println!("cargo::rustc-link-arg-bins={wish}"));
    }
}

/// Whether a program of one line can be linked with it here, with the linker that will link ours, and runs.
fn works(wish: &str) -> bool {
    let Some(folder) = env::var_os("OUT_DIR").map(PathBuf::from) else { return false };
    let (source, program) = (folder.join("probe.rs"), folder.join("probe"));
    if std::fs::write(&source, "fn main() {}").is_err() {
        return false;
    }
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut option = std::ffi::OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    rustc.arg("-C").arg(format!("link-arg={wish}")).arg("-o").arg(&program).arg(&source);
    let quietly = |command: &mut Command| {
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        ended.is_ok_and(|status| status.success())
    };
    quietly(&mut rustc) && quietly(&mut Command::new(&program))
}
