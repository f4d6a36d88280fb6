//! The `exec` provider: a command on this machine writes the text. The question goes to its standard input as one JSON value; what
//! it prints is the answer, as text or as `{"text": …, "model": …, "tokens_in": …, "tokens_out": …}`.
//!
//! A command runs only when a person has agreed to it ([`Trust`]), in the workflow's folder, and sees few of our environment
//! variables: the keys of other providers are none of its business.

use super::server::MAX_TOKENS;
use super::{Provider, Replying};
use crate::model::{self, Scalar};
use crate::step::prices::{self, Price};
use crate::step::{Generate, Generated, Reply};
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt, plain_io};
use crate::world::trust::Trust;
use crate::world::web::Web;
use serde::Deserialize;
use serde_json::json;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Time for one answer when the workflow does not say.
const TIMEOUT: Duration = Duration::from_secs(120);
/// A larger answer is not text for people: 4 MiB.
const ANSWER_BYTES: u64 = 4 << 20;
/// The variables that a command sees besides those that the workflow names.
const VARIABLES: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "SYSTEMROOT"];

/// A command that writes.
pub struct Exec {
    job: Arc<Job>,
    door: Door,
}

struct Job {
    name: String,
    command: Vec<String>,
    variables: Vec<String>,
    timeout: Duration,
    price: Option<Price>,
    max_tokens: u32,
    folder: PathBuf,
    trust: Trust,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    model: Option<String>,
    tokens_in: Option<u64>,
    tokens_out: Option<u64>,
}

/// The words of an `exec` provider's command: what a person agrees to.
pub fn command(provider: &model::Provider) -> Vec<String> {
    let node = provider.config.child("command");
    node.into_iter().flat_map(|node| node.args.iter().filter_map(Scalar::text)).map(str::to_owned).collect()
}

impl Exec {
    /// `folder` is the workflow's.
    pub fn new(provider: &model::Provider, folder: PathBuf, trust: Trust, web: Arc<Web>) -> Exec {
        let config = &provider.config;
        let door = Door::new("provider", &provider.name, config, TIMEOUT, web);
        let job = Job {
            name: provider.name.clone(),
            command: command(provider),
            variables: config.texts("env").into_iter().map(str::to_owned).collect(),
            timeout: config.duration("timeout").unwrap_or(TIMEOUT),
            price: prices::of(provider),
            max_tokens: config.integer("max-tokens").and_then(|most| u32::try_from(most).ok()).unwrap_or(MAX_TOKENS),
            folder,
            trust,
        };
        Exec { job: Arc::new(job), door }
    }

    async fn run(&self, request: &Generate) -> Reply {
        // What a command says of itself is final: it is not known whether it would say the same again, or what that costs.
        let once = |trouble: Trouble| Trouble { again: false, ..trouble };
        let ask = |_| {
            let (job, request) = (self.job.clone(), request.clone());
            async move {
                let answer = tokio::task::spawn_blocking(move || job.write(&request)).await;
                answer
                    .unwrap_or_else(|_| Err(Trouble::passing("the command was stopped in the middle", "run again")))
                    .map_err(once)
            }
        };
        self.door.ask(Reply::Generated, ask).await
    }
}

impl Provider for Exec {
    fn generate<'a>(&'a self, request: &'a Generate) -> Replying<'a> {
        Box::pin(self.run(request))
    }
}

impl Job {
    fn write(&self, request: &Generate) -> Result<Generated, Trouble> {
        let Some((program, words)) = self.command.split_first() else {
            return Err(Trouble::permanent(
                format!("provider `{}` names no command", self.name),
                "write `command \"program\" \"word\"`",
            ));
        };
        if !self.trust.holds(&self.folder, &self.command) {
            return Err(Trouble::permanent(
                format!(
                    "nobody has agreed on this machine to run `{}`, which provider `{}` names",
                    self.command.join(" "),
                    self.name
                ),
                "look at the command, then agree with `loopctl trust`",
            ));
        }
        let mut child = Command::new(program)
            .args(words)
            .current_dir(if self.folder.as_os_str().is_empty() { "." } else { self.folder.to_str().unwrap_or(".") })
            .env_clear()
            .envs(
                self.variables
                    .iter()
                    .map(String::as_str)
                    .chain(VARIABLES.iter().copied())
                    .filter_map(|name| std::env::var_os(name).map(|value| (name.to_owned(), value))),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                Trouble::permanent(
                    format!("cannot start `{program}`: {}", plain_io(&error)),
                    format!("install it, or check `command` of provider `{}`", self.name),
                )
            })?;
        let question = json!({
            "task": request.task, "system": request.system, "prompt": request.prompt, "composed": request.composed,
            "max_tokens": self.limit(request), "schema": request.schema,
        });
        let mut stdin = child.stdin.take();
        // A command that does not read its question may still answer; a broken pipe is no failure.
        let writer = thread::spawn(move || stdin.take().map(|mut pipe| pipe.write_all(question.to_string().as_bytes())));
        let out = gather(child.stdout.take());
        let err = gather(child.stderr.take());
        let status = self.wait(&mut child)?;
        // The pipes may be held open by what the command left behind; what has come by then is taken.
        drop(writer);
        let (out, err) = (collect(&out), collect(&err));
        if !status.success() {
            return Err(Trouble::permanent(
                format!("`{program}` ended with {status}{}", said(&err)),
                format!("run it by hand to see what it needs, or check `command` of provider `{}`", self.name),
            ));
        }
        if out.len() as u64 >= ANSWER_BYTES {
            return Err(Trouble::permanent(format!("`{program}` printed more than 4 MiB"), "let it print the text alone"));
        }
        let text = String::from_utf8(out)
            .map_err(|_| Trouble::permanent(format!("what `{program}` printed is not UTF-8 text"), "let it print UTF-8"))?;
        self.read(request, program, &text)
    }

    fn limit(&self, request: &Generate) -> u32 {
        if request.max_tokens == 0 { self.max_tokens } else { request.max_tokens.min(self.max_tokens) }
    }

    /// Waits to the end of the time, then ends the command.
    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Trouble> {
        let started = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if started.elapsed() < self.timeout => thread::sleep(Duration::from_millis(10)),
                Ok(None) => {
                    // It may have ended by itself in between.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Trouble::permanent(
                        format!(
                            "the command of provider `{}` took longer than {} s and was ended",
                            self.name,
                            self.timeout.as_secs_f64()
                        ),
                        "give it more time with `timeout`",
                    ));
                }
                Err(error) => {
                    return Err(Trouble::passing(format!("cannot wait for the command: {}", plain_io(&error)), "run again"));
                }
            }
        }
    }

    fn read(&self, request: &Generate, program: &str, text: &str) -> Result<Generated, Trouble> {
        // A command that was asked for JSON answers with it; what it says about itself is then not known.
        let told = if request.schema.is_none() { serde_json::from_str::<Answer>(text).ok() } else { None };
        let answer = told.unwrap_or_else(|| Answer { text: text.to_owned(), model: None, tokens_in: None, tokens_out: None });
        if answer.text.trim().is_empty() {
            return Err(Trouble::permanent(
                format!("`{program}` printed nothing for the {}", request.task),
                "let it print the text to standard output",
            ));
        }
        let estimate = |bytes: usize| bytes.div_ceil(4) as u64;
        let tokens_in =
            answer.tokens_in.unwrap_or_else(|| estimate(request.system.len() + request.prompt.len() + request.composed.len()));
        let tokens_out = answer.tokens_out.unwrap_or_else(|| estimate(answer.text.len()));
        let cost = self.price.map(|price| price.of(tokens_in, 0, tokens_out));
        let model = answer.model.unwrap_or_else(|| program.rsplit(['/', '\\']).next().unwrap_or(program).to_owned());
        Ok(Generated { text: answer.text.trim_end().to_owned(), model, tokens_in, tokens_out, cost, cut: false })
    }
}

type Gathered = std::sync::mpsc::Receiver<Vec<u8>>;

/// Reads a pipe to its end beside the waiting, so that the command never waits for us.
fn gather(pipe: Option<impl Read + Send + 'static>) -> Gathered {
    let (send, receive) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before a failure is kept.
            let _ = pipe.take(ANSWER_BYTES).read_to_end(&mut bytes);
        }
        // Nobody waits any more when the command was ended.
        let _ = send.send(bytes);
    });
    receive
}

fn collect(gathered: &Gathered) -> Vec<u8> {
    gathered.recv_timeout(Duration::from_secs(2)).unwrap_or_default()
}

fn said(err: &[u8]) -> String {
    let text = String::from_utf8_lossy(err);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if last.is_empty() { String::new() } else { format!(": “{}”", excerpt(last, 160)) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::template::tests::request;
    use super::*;
    use crate::model::Config;
    use crate::step::Failure;
    use crate::world::test_server::quick_web;

    fn exec(script: &str, trusted: bool, more: Vec<Config>) -> (tempfile::TempDir, Exec) {
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", script].map(|word| Scalar::Text(word.to_owned())).to_vec();
        let mut children = vec![Config { name: "command".into(), args: words.into(), ..Config::default() }];
        children.extend(more);
        let provider =
            model::Provider { name: "local".into(), kind: "exec".into(), config: Config { children, ..Config::default() } };
        let trust = Trust::at(folder.path().join("trust"));
        if trusted {
            trust.add(folder.path(), &command(&provider)).unwrap();
        }
        let exec = Exec::new(&provider, folder.path().to_owned(), trust, quick_web());
        (folder, exec)
    }

    async fn failure(exec: &Exec) -> Failure {
        match exec.generate(&request("")).await {
            Reply::Failed(failure) if failure.help.is_some() => failure,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_command_reads_the_question_and_its_output_is_the_answer() {
        let (_folder, writer) = exec("grep -c 'Write about prices' >/dev/null && echo '# Prices'", true, Vec::new());
        let Reply::Generated(generated) = writer.generate(&request("")).await else { panic!("expected a text") };
        assert_eq!((generated.text.as_str(), generated.model.as_str(), generated.cost), ("# Prices", "sh", None));
        let (_folder, writer) = exec(r#"echo '{"text":"x","model":"small","tokens_in":7,"tokens_out":9}'"#, true, Vec::new());
        let Reply::Generated(generated) = writer.generate(&request("")).await else { panic!("expected a text") };
        assert_eq!((generated.model.as_str(), generated.tokens_in, generated.tokens_out), ("small", 7, 9));
    }

    #[tokio::test]
    async fn nothing_runs_before_a_person_has_agreed() {
        let (folder, writer) = exec("touch ran; echo x", false, Vec::new());
        let failure = failure(&writer).await;
        assert!(failure.message.contains("nobody has agreed") && failure.help.unwrap().contains("`loopctl trust`"));
        assert!(!folder.path().join("ran").exists());
    }

    #[tokio::test]
    async fn a_command_sees_only_the_variables_it_is_given() {
        // Cargo sets this one for every test.
        let (_folder, writer) = exec("echo \"[$CARGO_MANIFEST_DIR]\"", true, Vec::new());
        let Reply::Generated(generated) = writer.generate(&request("")).await else { panic!("expected a text") };
        assert_eq!(generated.text, "[]");
        let named = Config { name: "env".into(), args: [Scalar::Text("CARGO_MANIFEST_DIR".into())].into(), ..Config::default() };
        let (_folder, writer) = exec("echo \"[$CARGO_MANIFEST_DIR]\"", true, vec![named]);
        let Reply::Generated(generated) = writer.generate(&request("")).await else { panic!("expected a text") };
        assert_ne!(generated.text, "[]");
    }

    #[tokio::test]
    async fn failing_silent_and_endless_commands_are_told() {
        let (_folder, writer) = exec("echo broken >&2; exit 3", true, Vec::new());
        let told = failure(&writer).await.message;
        assert!(told.contains("3") && told.contains("“broken”"), "{told}");
        assert!(failure(&exec("true", true, Vec::new()).1).await.message.contains("printed nothing"));
        let short = Config { name: "timeout".into(), args: [Scalar::Duration(100)].into(), ..Config::default() };
        assert!(failure(&exec("sleep 30", true, vec![short]).1).await.message.contains("was ended"));
    }
}
