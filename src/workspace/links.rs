//! Links in notices that open one piece and nothing else: signed, so that nobody can make one, and good for a while.
//!
//! A link names the workflow, the piece and the digest of what was shown in the notice. It is signed with a key that stays in the state
//! folder, readable by its user alone; taking that file away makes every link out there worthless. A link needs no memory: it is used up when
//! its piece is decided or changed, because a decision names what was looked at.

use crate::base::{Digest, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

/// A link to a piece that does not expire itself is good for so long.
const LASTS: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Longer texts are no links of ours.
const LONGEST: usize = 1_000;

/// What a link opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub workflow: String,
    /// The handle of the piece.
    pub id: String,
    /// What the notice was about; a decision names it.
    pub pins: Digest,
    pub until: Timestamp,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("this link is not one of ours")]
    Wrong,
    #[error("this link has expired")]
    Expired,
}

/// Signs and checks. Its key never shows.
pub struct Signer([u8; 32]);

impl Signer {
    /// The key of a state folder; made when there is none.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(state: &Path) -> io::Result<Signer> {
        let file = state.join("serve").join("link-key");
        match fs::read(&file) {
            Ok(bytes) => match <[u8; 32]>::try_from(bytes.as_slice()) {
                Ok(key) => Ok(Signer(key)),
                Err(_) => Err(io::Error::other(format!(
                    "`{}` is not a key of 32 bytes; remove it, and a new one is made",
                    file.display()
                ))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut key = [0; 32];
                fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
                fs::create_dir_all(state.join("serve"))?;
                let mut options = fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                match options.open(&file) {
                    Ok(mut made) => made.write_all(&key).and_then(|()| made.sync_all()).map(|()| Signer(key)),
                    // Another process was quicker.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Signer::open(state),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Until when a link sent now is good: as long as its piece waits, a week at most.
    pub fn until(now: Timestamp, expires: Option<Timestamp>) -> Timestamp {
        expires.map_or(now + LASTS, |expires| expires.min(now + LASTS))
    }

    fn mark(&self, what: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(b"loopctl link 1\n");
        mac.update(what.as_bytes());
        mac
    }

    /// For the end of an address: letters, digits, `-`, `_` and one dot.
    pub fn sign(&self, target: &Target) -> String {
        let said = format!("{}\n{}\n{}\n{}", target.workflow, target.id, target.pins, target.until.0);
        let mark = self.mark(&said).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(said), URL_SAFE_NO_PAD.encode(mark))
    }

    /// What a link opens now.
    ///
    /// # Errors
    /// Why it opens nothing.
    pub fn check(&self, link: &str, now: Timestamp) -> Result<Target, Unfit> {
        let (said, mark) = link.split_once('.').filter(|_| link.len() <= LONGEST).ok_or(Unfit::Wrong)?;
        let read = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Unfit::Wrong);
        let said = String::from_utf8(read(said)?).map_err(|_| Unfit::Wrong)?;
        // In a time that does not depend on where they differ.
        self.mark(&said).verify_slice(&read(mark)?).map_err(|_| Unfit::Wrong)?;
        let mut parts = said.split('\n');
        let mut part = || parts.next().ok_or(Unfit::Wrong);
        let (workflow, id) = (part()?.to_owned(), part()?.to_owned());
        let pins = Digest::parse(part()?).ok_or(Unfit::Wrong)?;
        let until = Timestamp(part()?.parse().map_err(|_| Unfit::Wrong)?);
        if now >= until {
            return Err(Unfit::Expired);
        }
        Ok(Target { workflow, id, pins, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { workflow: "first loop".into(), id: "o-7f3a1c".into(), pins: Digest::of("text"), until: Timestamp(2_000) }
    }

    #[test]
    fn a_link_opens_its_piece_until_it_expires() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::open(folder.path()).unwrap();
        let link = signer.sign(&target());
        assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{link}");
        // The key is on the disk: another process checks what this one signed.
        let again = Signer::open(folder.path()).unwrap();
        assert_eq!(again.check(&link, Timestamp(1_999)), Ok(target()));
        assert_eq!(again.check(&link, Timestamp(2_000)), Err(Unfit::Expired));
        let other = tempfile::tempdir().unwrap();
        assert_eq!(Signer::open(other.path()).unwrap().check(&link, Timestamp(1_000)), Err(Unfit::Wrong), "another state folder");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let about = fs::metadata(folder.path().join("serve/link-key")).unwrap();
            assert_eq!(about.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn no_changed_link_opens_anything() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::open(folder.path()).unwrap();
        let link = signer.sign(&target());
        for at in 0..link.len() {
            let mut bytes = link.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(signer.check(&changed, Timestamp(1)), Err(Unfit::Wrong), "{changed}");
        }
        for wrong in ["", ".", "a.b", &link[..link.len() - 1], &"x.".repeat(600)] {
            assert_eq!(signer.check(wrong, Timestamp(1)), Err(Unfit::Wrong), "{wrong}");
        }
    }

    #[test]
    fn a_link_is_good_while_its_piece_waits_and_a_week_at_most() {
        let now = Timestamp(0);
        assert_eq!(Signer::until(now, None), now + LASTS);
        assert_eq!(Signer::until(now, Some(Timestamp(5))), Timestamp(5));
        assert_eq!(Signer::until(now, Some(Timestamp(i64::MAX))), now + LASTS);
    }
}
