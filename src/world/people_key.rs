//! The key that people are counted with: a digest of an address without it could be found by trying addresses.
//!
//! It lies in the state folder as `people.key`, readable by its owner only, and in no store, export or log. Who moves a state
//! folder takes it along; without it the counts of this week say nothing about anybody, which the engine notices.

use super::pace::Paces;
use super::trouble::Trouble;
use crate::base::Digest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The name of the file in the state folder.
pub const FILE: &str = "people.key";
const LENGTH: usize = 32;

/// A secret that turns addresses into numbers.
#[derive(Clone, Copy)]
pub struct PeopleKey([u8; LENGTH]);

impl PeopleKey {
    /// The key of a workflow's state; made when there is none yet. Where nothing keeps state, it lasts as long as the process.
    ///
    /// # Errors
    /// When the file cannot be read or made, or is none of ours.
    pub fn of(paces: &Paces) -> Result<PeopleKey, Trouble> {
        static UNKEPT: OnceLock<[u8; LENGTH]> = OnceLock::new();
        let cannot = |error: &io::Error| {
            Trouble::permanent(
                format!("cannot keep the key that people are counted with: {error}"),
                format!("let loopctl write `{FILE}` in its state folder"),
            )
        };
        match paces.state() {
            Some(state) => PeopleKey::in_folder(state).map_err(|error| cannot(&error)),
            None => match UNKEPT.get() {
                Some(key) => Ok(PeopleKey(*key)),
                None => Ok(PeopleKey(*UNKEPT.get_or_init(|| random().unwrap_or([7; LENGTH])))),
            },
        }
    }

    fn in_folder(state: &Path) -> io::Result<PeopleKey> {
        // Several pieces ask at once, and the first of them makes it.
        static MAKING: Mutex<()> = Mutex::new(());
        let _alone = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let file = state.join(FILE);
        loop {
            match fs::read_to_string(&file) {
                Ok(text) => return parse(&text).ok_or_else(|| io::Error::other(format!("`{FILE}` is no key of ours"))),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Err(_) => make(state, &file)?,
            }
        }
    }

    /// A person by their address; case and spaces around it do not matter.
    pub fn person(&self, address: &str) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(address.trim().to_lowercase().as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// What tells keys apart without giving one away.
    pub fn name(&self) -> String {
        Digest::of([b"people key ".as_slice(), &self.0].concat()).short(12)
    }
}

/// Makes the file whole or not at all; when somebody else was faster, theirs stays.
fn make(state: &Path, file: &Path) -> io::Result<()> {
    fs::create_dir_all(state)?;
    let draft = state.join(format!(".{FILE}.{}.part", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(&draft)?;
    let hex: String = random()?.iter().map(|byte| format!("{byte:02x}")).collect();
    open.write_all(format!("{hex}\n").as_bytes())?;
    // Counts that are on the disk must not outlive their key.
    open.sync_all()?;
    let made = match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) if !file.exists() => fs::rename(&draft, file),
        made => made,
    };
    let _ = fs::remove_file(&draft);
    made?;
    fs::File::open(state)?.sync_all()
}

fn parse(text: &str) -> Option<PeopleKey> {
    let text = text.trim();
    let mut key = [0; LENGTH];
    if text.len() != 2 * LENGTH || !text.is_ascii() {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(PeopleKey(key))
}

fn random() -> io::Result<[u8; LENGTH]> {
    let mut key = [0; LENGTH];
    fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_is_private_and_tells_people_apart() {
        let state = tempfile::tempdir().unwrap();
        let key = PeopleKey::in_folder(state.path()).unwrap();
        let again = PeopleKey::in_folder(state.path()).unwrap();
        assert_eq!((key.name(), key.person("ann@us.example")), (again.name(), again.person(" Ann@US.example ")));
        assert_ne!(key.person("ann@us.example"), key.person("bob@us.example"));
        let other = PeopleKey::in_folder(tempfile::tempdir().unwrap().path()).unwrap();
        assert_ne!((key.name(), key.person("ann@us.example")), (other.name(), other.person("ann@us.example")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(state.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let many = tempfile::tempdir().unwrap();
        let names = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..16).map(|_| scope.spawn(|| PeopleKey::in_folder(many.path()).unwrap().name())).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect::<std::collections::BTreeSet<_>>()
        });
        assert_eq!(names.len(), 1, "all who ask at once get one key");
        fs::write(state.path().join(FILE), "not a key").unwrap();
        assert!(PeopleKey::in_folder(state.path()).is_err(), "a file of somebody else is left alone");
    }
}
