//! Starts `loopctl lsp` from Zed.

use zed_extension_api::{self as zed, Command, LanguageServerId, Result, Worktree};

struct Loopctl;

impl zed::Extension for Loopctl {
    fn new() -> Self {
        Loopctl
    }

    fn language_server_command(&mut self, _id: &LanguageServerId, worktree: &Worktree) -> Result<Command> {
        let command = worktree.which("loopctl").ok_or("`loopctl` is not on the PATH")?;
        Ok(Command { command, args: vec!["lsp".to_owned()], env: worktree.shell_env() })
    }
}

zed::register_extension!(Loopctl);
