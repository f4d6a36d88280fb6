//! Several texts written side by side: all are asked for at once, and those that have faults are asked for again, each with its own.
//!
//! The order of answers cannot matter, because a turn is judged when all of it is there. A text that came once is not lost because
//! mending it did not work, and one that never came costs the others nothing.

use super::{answer, writing};
use crate::model::goods::{Finding, Writer};
use crate::step::{Failure, Generate, Generated, NoteLevel, Output, Reply, Request, StepContext, StepError};

/// One text to be written.
pub struct Job {
    pub request: Generate,
    /// What it is called in notes: `question-short`.
    pub name: String,
    /// The title of a text that comes without one; `None` leaves the answer as it came.
    pub title: Option<String>,
    /// What a repair asks for the whole of: `article`, `thread`.
    pub what: &'static str,
}

/// A text as it stands after the last turn.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// `None` when it never came.
    pub text: Option<String>,
    pub findings: Vec<Finding>,
    /// Why it never came, or could not be mended.
    pub trouble: Option<String>,
    help: Option<String>,
    answers: Vec<Generated>,
    failures: Vec<Failure>,
}

impl Written {
    /// The model that answered last; nothing when none did.
    pub fn model(&self) -> Option<&str> {
        self.answers.last().map(|generated| generated.model.as_str())
    }

    /// Tokens of all its answers, those that could not be used included.
    pub fn tokens(&self) -> u64 {
        let answers: u64 = self.answers.iter().map(|generated| generated.tokens_in + generated.tokens_out).sum();
        answers + self.failures.iter().map(|failure| failure.tokens).sum::<u64>()
    }

    /// Who wrote it and for how much.
    pub fn writer(&self, request: &Generate) -> Writer {
        let costs = self.answers.iter().filter_map(|generated| generated.cost.clone());
        Writer {
            provider: request.provider.clone(),
            model: self.model().unwrap_or_default().to_owned(),
            tokens: self.tokens(),
            cost: costs.reduce(|sum, cost| sum + cost),
            prompt: writing::prompt_digest(request),
            redacted: super::personal::left_out(request),
        }
    }
}

/// What comes next.
pub enum Stage {
    Ask(Vec<Request>),
    /// In the order of the jobs.
    Done(Vec<Written>),
}

/// Takes the replies of the turns `replies` up and says what comes next. `judge` finds faults in the texts as they stand together, one
/// list for each job; a text with faults is asked for again up to `repairs` times, unless a composer wrote it, which would only say the
/// same again.
pub fn work(
    cx: &StepContext<'_>,
    replies: &[Vec<Reply>],
    jobs: &[Job],
    repairs: usize,
    judge: impl Fn(&[Option<String>]) -> Vec<Vec<Finding>>,
) -> Stage {
    let mut written: Vec<Written> = vec![Written::default(); jobs.len()];
    let mut open: Vec<usize> = (0..jobs.len()).collect();
    for (round, turn) in replies.iter().enumerate() {
        for (job, reply) in open.iter().zip(turn) {
            take(&mut written[*job], reply, &jobs[*job]);
        }
        let texts: Vec<Option<String>> = written.iter().map(|written| written.text.clone()).collect();
        for (written, mut findings) in written.iter_mut().zip(judge(&texts)) {
            let cut = written.answers.last().zip(written.text.as_deref());
            findings.extend(cut.and_then(|(generated, text)| answer::cut(generated, text)));
            written.findings = findings;
        }
        open.retain(|job| {
            let written = &written[*job];
            round < repairs && written.trouble.is_none() && !written.findings.is_empty() && written.model() != Some("template")
        });
        if open.is_empty() {
            return Stage::Done(written);
        }
    }
    let request = |job: &usize| {
        let (job, written) = (&jobs[*job], &written[*job]);
        Request::Generate(match &written.text {
            Some(text) => writing::repair(cx, &job.request, text, &written.findings, job.what),
            None => job.request.clone(),
        })
    };
    match open.is_empty() {
        true => Stage::Done(written),
        false => Stage::Ask(open.iter().map(request).collect()),
    }
}

fn take(written: &mut Written, reply: &Reply, job: &Job) {
    match reply {
        Reply::Generated(generated) => {
            written.text = Some(match &job.title {
                Some(title) => answer::markdown(generated, title),
                None => answer::plain(generated),
            });
            written.answers.push(generated.clone());
        }
        Reply::Failed(failure) => {
            written.trouble = Some(failure.message.clone());
            written.help = failure.help.clone();
            written.failures.push(failure.clone());
        }
        _ => written.trouble = Some("the provider answered with something that is not a text".to_owned()),
    }
}

/// Tells what went wrong, text by text.
///
/// # Errors
/// When no text came at all.
pub fn tell(jobs: &[Job], written: &[Written], output: &mut Output) -> Result<(), StepError> {
    if let Some(first) = written.first().filter(|_| written.iter().all(|written| written.text.is_none())) {
        let error =
            StepError::new(format!("the provider wrote none of them: {}", first.trouble.as_deref().unwrap_or("no answer came")));
        return Err(match &first.help {
            Some(help) => error.help(help.clone()),
            None => error,
        });
    }
    for (job, written) in jobs.iter().zip(written) {
        if let Some(trouble) = &written.trouble {
            let what = if written.text.is_some() { "could not be mended" } else { "was not written" };
            output.note(NoteLevel::Warning, format!("The version `{}` {what}: {trouble}.", job.name));
        }
        let blocking = written.findings.iter().filter(|finding| finding.blocking).count();
        if blocking > 0 && written.text.is_some() {
            let what = if blocking == 1 { "1 finding".to_owned() } else { format!("{blocking} findings") };
            output.note(NoteLevel::Warning, format!("The version `{}` has {what} that a person should look at.", job.name));
        }
    }
    Ok(())
}
