//! What the benches share: times, tables, a floor made of nothing but the disk, and children whose memory is counted.
//!
//! Only ratios travel between machines, so everything is measured beside something else in the same run.

#![allow(dead_code, reason = "each bench uses its own part of this file")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The heading of a table.
pub fn heading(title: &str) {
    println!("\n{title}");
}

/// A line of a table: what, its value with a unit, and what it is compared with.
pub fn line(what: &str, value: f64, unit: &str, beside: &str) {
    println!("  {what:<52}{value:>12.3} {unit:<10} {beside}");
}

/// Runs something and says how many seconds it took.
pub fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// The middle of some times; the rounds around it hold what else the machine was doing.
pub fn median(times: impl IntoIterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.into_iter().collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The middle of `rounds` runs, in seconds.
pub fn median_of(rounds: usize, mut work: impl FnMut()) -> f64 {
    median((0..rounds).map(|_| seconds(&mut work).0))
}

/// Seconds of processor time that this process has used.
pub fn processor() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every system that this builds for, and the place to write to is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The middle of `rounds` runs, in seconds of processor time: what else the machine does counts less.
pub fn processor_median_of(rounds: usize, mut work: impl FnMut()) -> f64 {
    let once = |work: &mut dyn FnMut()| {
        let start = processor();
        work();
        processor() - start
    };
    median((0..rounds).map(|_| once(&mut work)))
}

/// A folder on the disk that the project is on, away with the value.
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix(".bench-").tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a writable folder")
}

/// All bytes of the files below a folder.
pub fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("readable").flatten();
    let bytes = |path: PathBuf| if path.is_dir() { bytes_below(&path) } else { path.metadata().map_or(0, |meta| meta.len()) };
    entries.map(|entry| bytes(entry.path())).sum()
}

/// Copies a folder with all that is in it, but for what runs leave behind.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(from).expect("readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if name == ".loopctl" || name == "out" {
            continue;
        }
        if path.is_dir() {
            copy_tree(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

/// 4 KB written over bytes that are there, then `fdatasync`: the least that durable can mean.
pub struct Floor {
    file: File,
    at: u64,
}

impl Floor {
    const PAGES: u64 = 512;

    pub fn new(folder: &Path) -> Floor {
        let mut file = File::create(folder.join("floor")).expect("writable");
        file.write_all(&vec![1; Floor::PAGES as usize * 4096]).expect("room");
        file.sync_all().expect("synced");
        Floor { file, at: 0 }
    }

    pub fn once(&mut self) {
        self.at = (self.at + 1) % Floor::PAGES;
        self.file.seek(SeekFrom::Start(self.at * 4096)).expect("seekable");
        self.file.write_all(&[7; 4096]).expect("room");
        self.file.sync_data().expect("synced");
    }

    /// Seconds for so many in a row.
    pub fn times(&mut self, count: usize) -> f64 {
        seconds(|| (0..count).for_each(|_| self.once())).0
    }
}

/// What a finished child used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Seconds on the clock.
    pub wall: f64,
    /// Seconds of processor time, its own and the system's for it.
    pub processor: f64,
    /// The most memory that was resident, in MiB.
    pub memory: f64,
    pub exit: i32,
}

/// Runs a command to its end without showing what it prints.
#[expect(clippy::zombie_processes, reason = "`wait4` below waits for it, and tells what it used")]
pub fn spend(command: &mut Command) -> Used {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is a valid one, and the child is ours and waited for only here.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::wait4(child.id() as i32, &mut status, 0, &mut usage), child.id() as i32);
        usage
    };
    let wall = start.elapsed().as_secs_f64();
    let time = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Used {
        wall,
        processor: time(usage.ru_utime) + time(usage.ru_stime),
        memory: usage.ru_maxrss as f64 / 1024.0,
        // What a signal ended has no exit code.
        exit: if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 },
    }
}

/// Runs a command several times: the middle of the times and the most memory.
pub fn spend_often(rounds: usize, mut make: impl FnMut() -> Command) -> Used {
    let all: Vec<Used> = (0..rounds).map(|_| spend(&mut make())).collect();
    Used {
        wall: median(all.iter().map(|used| used.wall)),
        processor: median(all.iter().map(|used| used.processor)),
        memory: all.iter().map(|used| used.memory).fold(0.0, f64::max),
        exit: all[0].exit,
    }
}

const CHILD: &str = "LOOPCTL_BENCH_CHILD";

/// What this process was started to do, when it is a child of a bench.
pub fn child_task() -> Option<String> {
    std::env::var(CHILD).ok()
}

/// This bench again as a child with one task, so that its memory can be counted alone.
pub fn child(task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the bench has a file"));
    command.env(CHILD, task);
    command
}
