//! The Unix socket: other commands see and change the state through its owner. The frames are in `workspace::remote`.
//!
//! Reading is free. What is appended to a workflow that is served here goes to the cycle it is about as what it is: a decision,
//! or what became of an effect in doubt. A whole new cycle, as `loopctl retry` opens it, is taken over and driven. Nothing else
//! is taken. A workflow that has its state here and is not served may be run by one command at a time, through us.

use super::desk::{Desk, Refused, blocking};
use super::events::What;
use super::owner;
use super::served::Served;
use super::shared::SharedJournal;
use crate::base::{CycleNo, WorkflowId};
use crate::engine::fold::probed_key;
use crate::engine::{Entry, Event, Resolution};
use crate::runtime::{CycleStatus, Journal as _, StopSignal, Urgency};
use crate::step::{Failure as StepFailure, Reply};
use crate::workspace::Failure;
use crate::workspace::remote::{Answer, Ask, FRAME_MOST, address};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// How often somebody who waits for a cycle to come to rest looks.
const LOOK: Duration = Duration::from_millis(20);

/// The socket of one state folder.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    desk: Desk,
    journal: SharedJournal,
    /// Which connection runs a workflow that is not served here.
    leases: Arc<Mutex<BTreeMap<WorkflowId, u64>>>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Only a leftover: whoever finds it finds nobody listening, and the next service replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Socket {
    /// Listens for one state folder. Its journal is owned by this process, so a socket that is there is a leftover.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn open(state: &Path, desk: Desk, journal: SharedJournal) -> Result<Socket, Failure> {
        let path = address(state);
        let failed = |cause: io::Error| {
            Failure::new("serve::no-socket", format!("cannot listen at `{}`: {cause}", path.display()))
                .help("check that the state folder can be written to by you alone")
        };
        let folder = path.parent().expect("an address has a folder");
        private_folder(folder).map_err(failed)?;
        if path.exists() {
            std::fs::remove_file(&path).map_err(failed)?;
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Socket { listener, path, desk, journal, leases: Arc::default() })
    }

    /// Answers until a stop is asked for.
    pub async fn listen(self, mut stop: StopSignal) {
        let owner = std::fs::metadata(&self.path).map(|found| found.uid()).ok();
        let mut number = 0;
        loop {
            let accepted = tokio::select! {
                _ = stop.beyond(Urgency::None) => return,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of handles: a moment later there may be some again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let theirs = stream.peer_cred().map(|peer| peer.uid()).ok();
            if theirs.is_none() || (theirs != owner && theirs != Some(0)) {
                continue;
            }
            number += 1;
            let caller = Caller { number, desk: self.desk.clone(), journal: self.journal.clone(), leases: self.leases.clone() };
            tokio::spawn(caller.answer(stream));
        }
    }
}

/// A folder that only its owner may enter.
fn private_folder(folder: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            // Setting the mode fails when it is somebody else's.
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        }
        made => made,
    }
}

/// One connection.
struct Caller {
    number: u64,
    desk: Desk,
    journal: SharedJournal,
    leases: Arc<Mutex<BTreeMap<WorkflowId, u64>>>,
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.retain(|_, caller| *caller != self.number);
    }
}

impl Caller {
    async fn answer(self, mut stream: UnixStream) {
        // Whoever goes away, or speaks something else, is let go.
        while let Ok(ask) = read(&mut stream).await {
            let answer = self.reply(ask).await.unwrap_or_else(|failure| Answer::refused(&failure));
            if write(&mut stream, &answer).await.is_err() {
                return;
            }
        }
    }

    async fn reply(&self, ask: Ask) -> Result<Answer, Failure> {
        let journal = self.journal.clone();
        match ask {
            Ask::Append { workflow, cycle, entries, durable } => self.append(workflow, cycle, entries, durable).await,
            Ask::Read { workflow, cycle } => blocking(move || Ok(Answer::Entries(journal.read(&workflow, cycle)?))).await,
            Ask::Opening { workflow, cycle } => {
                blocking(move || Ok(Answer::Opening(journal.opening(&workflow, cycle)?.map(Box::new)))).await
            }
            Ask::Cycles { workflow } => {
                blocking(move || {
                    let cycles = journal.cycles(&workflow)?;
                    Ok(Answer::Cycles(cycles.into_iter().map(|(cycle, is)| (cycle, is == CycleStatus::Closed)).collect()))
                })
                .await
            }
            Ask::Workflows => blocking(move || Ok(Answer::Workflows(journal.workflows()?))).await,
            Ask::Carry { workflow } => blocking(move || Ok(Answer::Carry(Box::new(journal.carry(&workflow)?)))).await,
            Ask::Log { workflow } => blocking(move || Ok(Answer::Log(Box::new(journal.log(&workflow)?)))).await,
            Ask::Operations { workflow } => blocking(move || Ok(Answer::Operations(journal.operations(&workflow)?))).await,
            Ask::Operate { workflow, operation } => {
                let mut journal = journal;
                blocking(move || Ok(journal.operate(&workflow, &operation).map(|()| Answer::Done)?)).await
            }
            Ask::Run { workflow, cycle } => self.run(&workflow, cycle).await,
        }
    }

    fn served(&self, workflow: &WorkflowId) -> Option<Arc<Served>> {
        self.desk.served().iter().find(|served| served.id == *workflow).cloned()
    }

    async fn run(&self, workflow: &WorkflowId, cycle: Option<CycleNo>) -> Result<Answer, Failure> {
        let served = self.desk.find(Some(workflow.as_str()))?;
        let cycle = match cycle.or_else(|| served.open_cycles().last().copied()) {
            Some(open) => open,
            None => self.desk.run(Some(workflow.as_str())).await?,
        };
        while served.is_moving(cycle) {
            tokio::time::sleep(LOOK).await;
        }
        match served.trouble() {
            Some(trouble) => Err(trouble),
            None => Ok(Answer::Ran(cycle)),
        }
    }

    async fn append(&self, workflow: WorkflowId, cycle: CycleNo, entries: Vec<Entry>, durable: bool) -> Result<Answer, Failure> {
        let Some(served) = self.served(&workflow) else {
            self.lease(&workflow)?;
            let mut journal = self.journal.clone();
            return blocking(move || Ok(journal.append(&workflow, cycle, &entries, durable).map(|()| Answer::Done)?)).await;
        };
        if matches!(entries.first(), Some(Entry::Opened { .. })) {
            return self.take_over(served, cycle, entries).await;
        }
        // What follows from the word is for the driver of the cycle to write down.
        let only_first = matches!(entries.first(), Some(Entry::Cancelled { .. }));
        let most = if only_first { 1 } else { entries.len() };
        for entry in entries.into_iter().take(most) {
            let event = as_event(cycle, entry).ok_or_else(not_owner)?;
            match self.desk.hand_in(&served, event).await {
                Ok(()) => {}
                Err(Refused::Failed(failure)) => return Err(failure),
                Err(Refused::Gone(message)) => {
                    return Err(Failure::new("gate::void", message).help("`loopctl gate list` shows what waits now"));
                }
                Err(Refused::Changed(_)) => return Err(Failure::new("gate::void", "the piece has changed since it was shown")),
            }
        }
        Ok(Answer::Done)
    }

    /// A cycle that a command has opened whole.
    async fn take_over(&self, served: Arc<Served>, cycle: CycleNo, entries: Vec<Entry>) -> Result<Answer, Failure> {
        let of_writing = served.clone();
        blocking(move || {
            let (id, journal) = (&of_writing.id, &of_writing.journal);
            journal.with(|journal| {
                let last = journal.cycles(id)?.last().map(|(cycle, _)| *cycle).unwrap_or_default();
                if cycle != last.next() {
                    return Err(not_owner());
                }
                Ok(journal.append(id, cycle, &entries, true)?)
            })
        })
        .await?;
        owner::adopt(&served, cycle, What::TakenUp);
        Ok(Answer::Done)
    }

    fn lease(&self, workflow: &WorkflowId) -> Result<(), Failure> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        match leases.get(workflow) {
            Some(caller) if *caller != self.number => {
                Err(Failure::new("store::locked", format!("`{workflow}` is being run by another command"))
                    .help("wait until that command has finished, or stop it with Ctrl-C, then try again"))
            }
            _ => {
                leases.insert(workflow.clone(), self.number);
                Ok(())
            }
        }
    }
}

fn not_owner() -> Failure {
    Failure::new("serve::not-owner", "the service drives this workflow, so only decisions are taken from elsewhere")
        .help("decide with `loopctl gate`, or stop the service first")
}

/// What an entry says to a running cycle; `None` when it is nothing that a person may say.
fn as_event(cycle: CycleNo, entry: Entry) -> Option<Event> {
    let (key, reply) = match entry {
        Entry::Replied { key, reply } => (key, reply),
        Entry::Cancelled { scope, by, reason, .. } => return Some(Event::Cancel { cycle, scope, by, reason }),
        _ => return None,
    };
    let probed = probed_key(&key);
    Some(match (probed, reply) {
        (None, reply @ Reply::Decided(_)) => Event::Replied { key, reply },
        (None, Reply::Published(receipt)) => Event::Resolve { key, resolution: Resolution::Confirm(receipt) },
        (None, Reply::Failed(StepFailure { message, .. })) => {
            let by = message.strip_suffix(" decided not to send it").unwrap_or("somebody").to_owned();
            Event::Resolve { key, resolution: Resolution::Drop { by } }
        }
        (Some(key), Reply::Placed(None)) => Event::Resolve { key, resolution: Resolution::Retry },
        _ => return None,
    })
}

async fn read(stream: &mut UnixStream) -> io::Result<Ask> {
    let length = stream.read_u32().await? as usize;
    if length > FRAME_MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    serde_json::from_slice(&bytes).map_err(|_| io::ErrorKind::InvalidData.into())
}

async fn write(stream: &mut UnixStream, answer: &Answer) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(answer).map_err(io::Error::other)?;
    if bytes.len() > FRAME_MOST {
        let failure = Failure::new("serve::too-large", "the answer is larger than 64 MiB")
            .help("stop the service for a moment and run the command again");
        bytes = serde_json::to_vec(&Answer::refused(&failure)).map_err(io::Error::other)?;
    }
    stream.write_u32(bytes.len() as u32).await?;
    stream.write_all(&bytes).await
}
