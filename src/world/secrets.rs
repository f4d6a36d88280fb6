//! Secrets: read at the moment they are used, never stored, never shown.
//!
//! The workflow only says where a secret is kept. What is read becomes a [`Secret`], whose `Debug` prints `***`, and which
//! can strike itself out of other people's texts: servers like to repeat a key in their error messages.

use super::trouble::Trouble;
use crate::model::SecretRef;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A value that must not be seen. There is no `Display`; [`Secret::expose`] is the one way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The value itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of this secret replaced by `***`.
    pub fn strike_out(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret could not be read. The message names where it was looked for, never what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    #[error("the environment variable `{0}` is empty")]
    EmptyVariable(String),
    #[error("cannot read the secret in `{path}`: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("the secret file `{0}` is empty")]
    EmptyFile(String),
}

impl SecretError {
    /// The next step for the user.
    pub fn help(&self) -> String {
        match self {
            SecretError::NotSet(name) | SecretError::EmptyVariable(name) => {
                format!("run `export {name}=…` first, or keep the secret in a file and write `(file)\"path\"`")
            }
            SecretError::Unreadable { path, .. } | SecretError::EmptyFile(path) => {
                format!("write the secret into `{path}`, readable by you alone, or name a variable with `(env)\"NAME\"`")
            }
        }
    }
}

impl From<SecretError> for Trouble {
    fn from(error: SecretError) -> Trouble {
        Trouble::permanent(error.to_string(), error.help())
    }
}

type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Reads secrets of one workflow.
#[derive(Clone)]
pub struct Secrets {
    folder: PathBuf,
    environment: Environment,
}

impl Secrets {
    /// `folder` is the workflow's folder: secret files are relative to it.
    pub fn new(folder: impl Into<PathBuf>) -> Secrets {
        Secrets { folder: folder.into(), environment: Arc::new(|name| std::env::var(name).ok()) }
    }

    /// With these variables in place of the process's own.
    pub fn with_environment(self, environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Secrets {
        Secrets { environment: Arc::new(environment), ..self }
    }

    /// Reads a secret. White space around it is dropped: files end in a line break, and keys are pasted with blanks.
    pub fn read(&self, secret: &SecretRef) -> Result<Secret, SecretError> {
        match secret {
            SecretRef::Env(name) => {
                let text = (self.environment)(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
                match text.trim() {
                    "" => Err(SecretError::EmptyVariable(name.clone())),
                    text => Ok(Secret::new(text)),
                }
            }
            SecretRef::File(path) => {
                let text = std::fs::read_to_string(self.folder.join(Path::new(path)))
                    .map_err(|error| SecretError::Unreadable { path: path.clone(), reason: super::trouble::plain_io(&error) })?;
                match text.trim() {
                    "" => Err(SecretError::EmptyFile(path.clone())),
                    text => Ok(Secret::new(text)),
                }
            }
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("folder", &self.folder).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(folder: &Path) -> Secrets {
        Secrets::new(folder).with_environment(|name| match name {
            "KEY" => Some(" sk-1 \n".to_owned()),
            "BLANK" => Some(" ".to_owned()),
            _ => None,
        })
    }

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::new("sk-1");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
        assert_eq!(secret.strike_out("wrong key sk-1."), "wrong key ***.");
    }

    #[test]
    fn secrets_come_from_the_environment_and_from_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "sk-2\n").unwrap();
        let secrets = secrets(folder.path());
        assert_eq!(secrets.read(&SecretRef::Env("KEY".into())), Ok(Secret::new("sk-1")));
        assert_eq!(secrets.read(&SecretRef::File("key".into())), Ok(Secret::new("sk-2")));
    }

    #[test]
    fn a_missing_secret_is_named_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let secrets = secrets(folder.path());
        for (secret, message, help) in [
            (SecretRef::Env("NONE".into()), "the environment variable `NONE` is not set", "`export NONE=…`"),
            (SecretRef::Env("BLANK".into()), "the environment variable `BLANK` is empty", "`export BLANK=…`"),
            (SecretRef::File("none".into()), "cannot read the secret in `none`: no such file", "into `none`"),
            (SecretRef::File("empty".into()), "the secret file `empty` is empty", "into `empty`"),
        ] {
            let error = secrets.read(&secret).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.help().contains(help), "{}", error.help());
        }
    }
}
