//! Packs the folders that are built into the program, and asks the linker to make it smaller, where it can.
//!
//! Each file of such a folder is deflated on its own, and a list of them is written for `base::packed`.
//!
//! LLD, which rustc brings along on x86-64 Linux, keeps one copy of functions that came out the same (a list of strings and a
//! list of names are sorted by the same code), does the same with tables that cannot be written to (of two functions that are one,
//! what unwinds them is one as well), and writes relative relocations in a short form. Other linkers do not know the words, and an
//! older C library does not start what was linked with the last. So a program of one line is linked and started with each first;
//! where that fails the program is linked as ever and is some 10 % larger.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const WISHES: [&str; 3] = ["-Wl,--icf=all", "-Wl,--ignore-data-address-equality", "-Wl,-z,pack-relative-relocs"];

/// By the names that `packed!` knows them under.
const FOLDERS: [(&str, &str); 3] = [("errors", "docs/errors"), ("starter", "src/cli/starter"), ("stdlib", "stdlib")];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for (name, folder) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        pack(name, Path::new(folder)).unwrap_or_else(|error| panic!("cannot pack {folder}: {error}"));
    }
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let native = env::var("HOST").ok() == env::var("TARGET").ok();
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && native {
        WISHES.iter().filter(|wish| works(wish)).for_each(|wish| println!("cargo::rustc-link-arg-bins={wish}"));
    }
}

/// Packs each file, and writes what makes a `base::Packed` of them.
fn pack(name: &str, folder: &Path) -> std::io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where")).join("packed");
    fs::create_dir_all(&out)?;
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() { waiting.push(path) } else { files.push(path) }
        }
    }
    let below = |path: &Path| {
        let parts: Vec<_> = path.strip_prefix(folder).expect("found below").iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    };
    files.sort_by_key(|path| below(path));
    let mut list = String::from("&[");
    for (at, path) in files.iter().enumerate() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&fs::read(path)?)?;
        let packed = format!("{name}-{at}");
        fs::write(out.join(&packed), encoder.finish()?)?;
        write!(list, "({:?}, include_bytes!({packed:?})),", below(path)).expect("a text takes it");
    }
    fs::write(out.join(format!("{name}.rs")), list + "]")
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
