//! `loopctl serve`: keeps workflows going until it is stopped, and writes a line for everything that happens.

use crate::cli::args::{LogFormat, Serve};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::project::Place;
use crate::report::style::{BAD, DIM, GOOD, WAIT, count, paint};
use crate::runtime::StopSignal;
use crate::serve::traces::{self, Traces};
use crate::serve::{Happened, HttpOptions, Options, Service, Started, What, pages};
use jiff::tz::TimeZone;
use serde_json::json;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

pub fn run(args: &Serve, place: &Place, output: &Output) -> Result<Exit, Failure> {
    let http = (!args.no_http).then(|| HttpOptions {
        listen: args.listen,
        hosts: args.host.clone(),
        token_file: args.token_file.clone(),
        behind_proxy: args.behind_proxy,
        under: args.under.clone(),
    });
    let options = Options { paths: args.paths.clone(), place: place.clone(), http };
    let reactor = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::new("cli::no-runtime", format!("cannot start: {error}")).help("free some memory or file handles and try again")
    })?;
    let format = args.log;
    let traces = traces()?;
    let listening = traces.clone();
    let served = reactor.block_on(async {
        let stop = StopSignal::on_interrupt();
        let said = Mutex::new(Said::default());
        let log = move |happened: &Happened| {
            if let Some(traces) = &listening {
                traces.take(happened);
            }
            write(happened, format, &said);
        };
        let service = Service::start(&options, stop, pages::routes(args.behind_proxy, args.under.as_deref()), log).await?;
        told(&service.started, args.under.as_deref().unwrap_or_default(), format, output);
        service.run().await
    });
    // Threads that wait for the disk or the network are not waited for: what counts is on the disk.
    reactor.shutdown_background();
    if let Some(traces) = traces {
        traces.finish();
    }
    served?;
    match format {
        LogFormat::Text => anstream::eprintln!("Stopped. Nothing is lost; the next start goes on from here."),
        LogFormat::Json => line(&json!({"event": "stopped"})),
    }
    Ok(Exit::Ok)
}

/// Where traces go, when the environment asks for them.
fn traces() -> Result<Option<Arc<Traces>>, Failure> {
    if !traces::are_wanted() {
        return Ok(None);
    }
    if !traces::ARE_BUILT_IN {
        let how = "`cargo build --release --features otel` makes one that does";
        anstream::eprintln!("{}: this build sends no traces; {how}", paint(WAIT, "note"));
        return Ok(None);
    }
    Traces::from_env().map(|traces| Some(Arc::new(traces))).map_err(|message| {
        Failure::new("serve::no-traces", format!("traces cannot be sent as the environment says: {message}"))
            .help("mend the variables `OTEL_EXPORTER_OTLP_…`, or unset them to go without")
    })
}

/// One line of JSON. A log that cannot be written stops nothing.
fn line(document: &serde_json::Value) {
    anstream::eprintln!("{document}");
}

fn told(started: &Started, under: &str, format: LogFormat, output: &Output) {
    for wrong in &started.wrong {
        output.findings(wrong);
    }
    if format == LogFormat::Json {
        let workflows: Vec<_> = started.workflows.iter().map(|(name, file)| json!({"workflow": name, "file": file})).collect();
        line(&json!({
            "event": "started",
            "workflows": workflows,
            "address": started.address.map(|address| address.to_string()),
            "token_file": started.token_file.as_ref().map(|file| file.display().to_string()),
        }));
    } else {
        for (name, file) in &started.workflows {
            anstream::eprintln!("Serving {} {}", paint(GOOD, name), paint(DIM, file));
        }
        if let (Some(address), Some(file)) = (started.address, &started.token_file) {
            anstream::eprintln!("Listening at http://{address}{under}; the token is in `{}`.", file.display());
            anstream::eprintln!("The review page is there too: open it in a browser.");
        }
    }
    // A log may be kept and read by others; a terminal is one person's.
    if let (Some(token), true) = (&started.token, std::io::stdout().is_terminal()) {
        output.text(&format!("A token was made, and is shown this once: {token}"));
        if let Some(address) = started.address {
            output.text(&format!("Sign in with it: http://{address}{under}/login?token={token}"));
        }
    }
}

/// What was written last, and how often it happened again since. A thousand pieces that wait are one line and a number.
#[derive(Default)]
struct Said {
    last: String,
    again: usize,
}

impl Said {
    /// The lines for one more happening.
    fn lines(&mut self, at: &str, says: String) -> Vec<String> {
        if says == self.last {
            self.again += 1;
            return Vec::new();
        }
        let again = std::mem::take(&mut self.again);
        let before = (again > 0).then(|| format!("{} {again} more of these", paint(DIM, at)));
        self.last = says;
        before.into_iter().chain([format!("{} {}", paint(DIM, at), self.last)]).collect()
    }
}

fn write(happened: &Happened, format: LogFormat, said: &Mutex<Said>) {
    match format {
        // What began is told when it ends.
        _ if matches!(happened.what, What::TaskStarted { .. }) => {}
        LogFormat::Json => line(&json!(happened)),
        LogFormat::Text => {
            let at = happened.at.in_zone(&TimeZone::system()).strftime("%H:%M:%S").to_string();
            let cycle = happened.cycle.map_or_else(String::new, |cycle| format!(" cycle {cycle}"));
            let says = format!("{}{cycle}: {}", happened.workflow, in_words(&happened.what));
            for line in said.lock().unwrap_or_else(PoisonError::into_inner).lines(&at, says) {
                anstream::eprintln!("{line}");
            }
        }
    }
}

fn in_words(what: &What) -> String {
    match what {
        What::Opened { missed: 0 } => "opened".to_owned(),
        What::Opened { missed } => format!("opened, and stands for {} that was missed", count(*missed, "more opening")),
        What::TakenUp => "taken up where it stood".to_owned(),
        What::TaskStarted { step } => format!("{step} has begun"),
        What::TaskFinished { step, items, recalled } => {
            let how = if *recalled { ", from memory" } else { "" };
            format!("{step} gave {}{how}", count(*items, "item"))
        }
        What::TaskFailed { step } => format!("{} at {step}", paint(BAD, "failed")),
        What::TaskDeferred { step } => format!("over a cap at {step}, first in line in the next cycle"),
        What::Waiting { step } => format!("{} at {step}", paint(WAIT, "waits for a person")),
        What::Nudged { step, escalated: false } => format!("people were reminded at {step}"),
        What::Nudged { step, escalated: true } => format!("{} at {step}", paint(WAIT, "escalated")),
        What::Decided { step, verdict } => format!("decided at {step}: {verdict}"),
        What::Parked { waiting, .. } => format!("rests until {} made", many(*waiting)),
        What::Closed => paint(GOOD, "done"),
        What::Stopped => "stopped".to_owned(),
        What::Trouble { code, message } => format!("{} {message}", paint(BAD, format!("trouble[{code}]"))),
        What::Reloaded => "the changed files count from the next cycle".to_owned(),
        What::Kept => format!(
            "{}; the next cycle begins as before. `loopctl validate` shows why",
            paint(BAD, "the changed file is not valid")
        ),
        What::Received { hook } => format!("received at /hooks/{hook}"),
    }
}

fn many(decisions: usize) -> String {
    if decisions == 1 { "1 decision is".to_owned() } else { format!("{decisions} decisions are") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_again_is_a_number_and_nothing_is_left_out() {
        let mut said = Said::default();
        let mut lines = Vec::new();
        for says in ["a waits", "a waits", "a waits", "rests", "a waits"] {
            lines.extend(said.lines("06:00:00", says.to_owned()));
        }
        let plain = anstream::adapter::strip_str(&lines.join("|")).to_string();
        assert_eq!(plain, "06:00:00 a waits|06:00:00 2 more of these|06:00:00 rests|06:00:00 a waits");
    }
}
