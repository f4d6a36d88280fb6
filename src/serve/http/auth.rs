//! Who may come in: bearer tokens from a file, and the names this service goes by.
//!
//! The token file has one token a line, with what is known about it behind: `TOKEN name=ann expires=2026-12-31`. It is made on
//! the first start, readable by its user alone, and read again when it changes: a line that is taken out counts from the next
//! request on. Tokens are compared by their digests, so that how long it takes says nothing about them.

use crate::base::{Digest, Timestamp};
use crate::runtime::Clock;
use crate::workspace::Failure;
use axum::http::{HeaderMap, header};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What the token of the first start is called, until somebody writes a person's name there.
pub const FIRST_NAME: &str = "first";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The `name=` of the token, if it has one.
    pub name: Option<String>,
}

/// Why somebody may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("this needs a token")]
    Missing,
    #[error("this token is not known here")]
    Unknown,
    #[error("this token has expired")]
    Expired,
}

impl Denied {
    pub fn code(self) -> &'static str {
        match self {
            Denied::Missing => "serve::no-token",
            Denied::Unknown => "serve::unknown-token",
            Denied::Expired => "serve::expired-token",
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            Denied::Missing => "send `Authorization: Bearer TOKEN`; the token is in the file that was named at the start",
            Denied::Unknown => "look at the token file that was named at the start",
            Denied::Expired => "write a new line into the token file",
        }
    }
}

/// One line of the token file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    digest: Digest,
    name: Option<String>,
    expires: Option<Timestamp>,
}

/// Tokens and names.
pub struct Guard {
    file: PathBuf,
    hosts: Vec<String>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

struct Known {
    changed: Option<SystemTime>,
    tokens: Vec<Token>,
}

impl Guard {
    /// Reads the token file, or makes one; then the new token comes back, to be shown once.
    ///
    /// # Errors
    /// `serve::token-file`: it cannot be read or made, others may read it, or a line of it makes no sense.
    pub fn open(
        file: &Path,
        listen: SocketAddr,
        hosts: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<(Guard, Option<String>), Failure> {
        let fresh = if file.exists() { None } else { Some(make(file)?) };
        let mut names: Vec<String> = hosts.iter().map(|host| host.to_lowercase()).collect();
        names.push(listen.to_string());
        if listen.ip().is_loopback() {
            names.extend(["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{}", listen.port())));
        }
        let guard =
            Guard { file: file.to_owned(), hosts: names, clock, known: Mutex::new(Known { changed: None, tokens: Vec::new() }) };
        guard.read()?;
        Ok((guard, fresh))
    }

    /// Whether a `Host` is one of ours. A name that was given without a port is ours with any.
    pub fn is_our_host(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        let bare = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map(|(name, _)| name);
        self.hosts.iter().any(|ours| *ours == host || Some(ours.as_str()) == bare)
    }

    /// Who sends these headers.
    ///
    /// # Errors
    /// Why they may not come in.
    pub fn check(&self, headers: &HeaderMap) -> Result<Caller, Denied> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(Denied::Missing)?;
        let (scheme, token) = value.split_once(' ').ok_or(Denied::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Denied::Missing);
        }
        self.check_token(token.trim())
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// Why it does not open anything.
    pub fn check_token(&self, token: &str) -> Result<Caller, Denied> {
        self.check_digest(&Digest::of(token))
    }

    /// Whose token has this digest: for whoever keeps the digest rather than the token.
    ///
    /// # Errors
    /// Why it does not open anything.
    pub fn check_digest(&self, digest: &Digest) -> Result<Caller, Denied> {
        // A file that cannot be read now, or makes no sense, opens nothing.
        self.read().map_err(|_| Denied::Unknown)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // All are looked at, whichever it is.
        let found = known.tokens.iter().fold(None, |found, known| if same(&known.digest, digest) { Some(known) } else { found });
        let found = found.ok_or(Denied::Unknown)?;
        if found.expires.is_some_and(|at| self.clock.now() >= at) {
            return Err(Denied::Expired);
        }
        Ok(Caller { name: found.name.clone() })
    }

    fn read(&self) -> Result<(), Failure> {
        let failed =
            |what: String| Failure::new("serve::token-file", what).help("one token a line: `TOKEN name=ann expires=2026-12-31`");
        let cannot = |cause: io::Error| failed(format!("cannot read the token file `{}`: {cause}", self.file.display()));
        let mut file = std::fs::File::open(&self.file).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        let changed = about.modified().ok();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.is_some() && known.changed == changed {
            return Ok(());
        }
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0 {
            known.tokens.clear();
            return Err(Failure::new("serve::token-file", format!("others may read the token file `{}`", self.file.display()))
                .help(format!("run `chmod 600 {}`", self.file.display())));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(cannot)?;
        let tokens = parse(&text)
            .map_err(|line| failed(format!("line {line} of the token file `{}` makes no sense", self.file.display())))?;
        *known = Known { changed, tokens };
        Ok(())
    }
}

/// Equal, in a time that does not depend on where they differ.
pub fn same(one: &Digest, other: &Digest) -> bool {
    one.bytes().iter().zip(other.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

/// The tokens of a file, or the number of the first line that makes no sense.
fn parse(text: &str) -> Result<Vec<Token>, usize> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(word) = words.next().filter(|word| !word.starts_with('#')) else { continue };
        let mut token = Token { digest: Digest::of(word), name: None, expires: None };
        for fact in words {
            match fact.split_once('=') {
                Some(("name", name)) => token.name = Some(name.to_owned()),
                Some(("expires", at)) => token.expires = Some(Timestamp::parse(at).ok_or(number + 1)?),
                _ => return Err(number + 1),
            }
        }
        // Shorter ones can be guessed.
        if word.len() < 20 {
            return Err(number + 1);
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// Writes a first token file and gives its token back.
fn make(file: &Path) -> Result<String, Failure> {
    let failed = |cause: io::Error| {
        Failure::new("serve::token-file", format!("cannot make the token file `{}`: {cause}", file.display()))
            .help("name another place with `--token-file`")
    };
    let token = fresh().map_err(failed)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file).map_err(failed)?;
    let text = format!(
        "# One token a line: TOKEN name=ann expires=2026-12-31. Taken out here, it counts no more.\n{token} name={FIRST_NAME}\n"
    );
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(token)
}

/// 256 bits nobody can guess, as text.
pub fn fresh() -> io::Result<String> {
    use base64::Engine as _;
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("loopctl_{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::FixedClock;

    const NOW: &str = "2026-11-22T08:00:00Z";

    fn guard(folder: &Path, hosts: &[&str]) -> (Guard, Option<String>) {
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Guard::open(&folder.join("serve/token"), "127.0.0.1:7878".parse().unwrap(), &hosts, clock).unwrap()
    }

    fn write(folder: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::create_dir_all(folder.join("serve")).unwrap();
        let file = folder.join("serve/token");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn a_first_token_is_made_once_and_for_its_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (guard, token) = self::guard(folder.path(), &[]);
        let token = token.unwrap();
        assert_eq!(guard.check_token(&token), Ok(Caller { name: Some("first".into()) }));
        assert_eq!(guard.check_token("loopctl_x"), Err(Denied::Unknown));
        let mode = std::fs::metadata(folder.path().join("serve/token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(self::guard(folder.path(), &[]).1, None);
    }

    #[test]
    fn a_token_expires_and_a_file_that_others_read_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = ("o".repeat(24), "n".repeat(24));
        write(folder.path(), &format!("{old} name=old expires=2026-11-22\n{new} expires=2026-11-23\n"));
        let (guard, _) = self::guard(folder.path(), &[]);
        assert_eq!(guard.check_token(&old), Err(Denied::Expired));
        assert_eq!(guard.check_token(&new), Ok(Caller { name: None }));
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join("serve/token");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp::parse(NOW).unwrap()));
        let refused = Guard::open(&file, "127.0.0.1:1".parse().unwrap(), &[], clock).map(|_| ()).unwrap_err();
        assert!(refused.message.contains("others may read"), "{}", refused.message);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        assert_eq!(parse("# words\n\nshort\n"), Err(3));
        assert_eq!(parse(&format!("{} expires=soon", "x".repeat(24))), Err(1));
        assert_eq!(parse(&format!("{} nmae=ann", "x".repeat(24))), Err(1));
    }

    #[test]
    fn only_names_that_are_ours_are_answered_to() {
        let folder = tempfile::tempdir().unwrap();
        let (guard, _) = self::guard(folder.path(), &["loop.example"]);
        for (host, ours) in [
            ("127.0.0.1:7878", true),
            ("LOCALHOST:7878", true),
            ("loop.example", true),
            ("loop.example:443", true),
            ("localhost:80", false),
            ("evil.example:7878", false),
            ("loop.example.evil.example", false),
            ("", false),
        ] {
            assert_eq!(guard.is_our_host(host), ours, "{host}");
        }
    }
}
