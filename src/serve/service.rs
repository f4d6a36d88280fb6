//! Puts the service together: finds workflows, takes their state, listens, keeps everything going, and stops in order.

use super::desk::Desk;
use super::events::{Bus, Happened};
use super::http::auth::Guard;
use super::http::metrics::Metrics;
use super::http::{self, Front};
use super::owner;
use super::served::Served;
use super::shared::SharedJournal;
use crate::runtime::{StopSignal, Urgency};
use crate::workspace::failure::Exit;
use crate::workspace::{Failure, Place, Project, find_all};
use crate::world::SystemClock;
use axum::Router;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// What to serve, and where to listen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Workflow files, and folders to look for them in; empty for the folder we are in.
    pub paths: Vec<PathBuf>,
    pub place: Place,
    pub http: Option<HttpOptions>,
}

/// Where to listen for HTTP, and for whom.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    pub listen: SocketAddr,
    /// Names beside the address that requests may call us by.
    pub hosts: Vec<String>,
    /// By default `serve/token` in the state folder of the first workflow.
    pub token_file: Option<PathBuf>,
    /// A proxy in front speaks TLS, so an address that others can reach is meant.
    pub behind_proxy: bool,
    /// The path below which that proxy shows this service.
    pub under: Option<String>,
}

/// The service, ready to run.
pub struct Service {
    desk: Desk,
    #[cfg(unix)]
    sockets: Vec<super::socket::Socket>,
    http: Option<(TcpListener, Router)>,
    stop: StopSignal,
    pub started: Started,
}

/// How it started.
#[derive(Clone, Debug, Default)]
pub struct Started {
    /// Name and file of each workflow.
    pub workflows: Vec<(String, String)>,
    /// A file is not valid now; its open cycle goes on as it began.
    pub wrong: Vec<Failure>,
    pub address: Option<SocketAddr>,
    pub token_file: Option<PathBuf>,
    /// The token, when it was made just now: to be shown this once.
    pub token: Option<String>,
}

impl Service {
    /// Takes the state folders and starts to listen; nothing is opened or driven yet. `writer` gets everything that happens.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a workflow is not valid, a state folder is owned by another process, or an address cannot be listened at.
    pub async fn start(
        options: &Options,
        stop: StopSignal,
        pages: Router<Front>,
        writer: impl Fn(&Happened) + Send + Sync + 'static,
    ) -> Result<Service, Failure> {
        if let Some(http) = &options.http {
            check_reach(http)?;
        }
        let metrics = Arc::new(Metrics::default());
        let counting = metrics.clone();
        let bus = Arc::new(Bus::new(move |happened| {
            counting.count(happened);
            writer(happened);
        }));
        let mut started = Started::default();
        let mut journals: BTreeMap<PathBuf, SharedJournal> = BTreeMap::new();
        let mut served: Vec<Arc<Served>> = Vec::new();
        for file in workflow_files(&options.paths)? {
            let (project, wrong) = Project::read_or_pinned(&options.place, Some(&file))?;
            started.wrong.extend(wrong);
            started.workflows.push((project.workflow.id.to_string(), project.file.clone()));
            if let Some(other) = served.iter().find(|other| other.id == project.workflow.id) {
                let both = format!("`{}` and `{}` are both called `{}`", other.file.display(), project.file, other.id);
                return Err(Failure::new("serve::one-name", both).help("give one of them another name, or serve one of them"));
            }
            let state = project.state.clone();
            let known = std::fs::canonicalize(&state).ok().and_then(|state| journals.get(&state).cloned());
            let journal = match known {
                Some(journal) => journal,
                None => {
                    let journal = SharedJournal::open(&state)?;
                    journals.insert(std::fs::canonicalize(&state).unwrap_or(state), journal.clone());
                    journal
                }
            };
            served.push(Arc::new(Served::new(&options.place, project, journal, stop.clone(), bus.clone())?));
        }
        let desk = Desk::new(served, bus);
        #[cfg(unix)]
        let sockets = {
            let mut sockets = Vec::new();
            for journal in journals.values() {
                sockets.push(super::socket::Socket::open(journal.state(), desk.clone(), journal.clone())?);
            }
            sockets
        };
        let http = match &options.http {
            Some(http) => Some(listen(http, &desk, metrics, pages, &mut started).await?),
            None => None,
        };
        Ok(Service {
            desk,
            #[cfg(unix)]
            sockets,
            http,
            stop,
            started,
        })
    }

    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Keeps everything going until a stop is asked for. Then nothing new is begun, what runs may finish, and the state is
    /// given free; a second request for a stop does not wait.
    ///
    /// # Errors
    /// When the last entries cannot be written, or at any time when a write does not come back: nothing that this process does
    /// would help, and the next one begins from what is on the disk.
    pub async fn run(mut self) -> Result<(), Failure> {
        for served in self.desk.served() {
            owner::take_up(served)?;
            tokio::spawn(owner::keep_schedule(served.clone()));
            tokio::spawn(owner::keep_files(served.clone()));
            tokio::spawn(super::notifier::keep(served.clone()));
        }
        #[cfg(unix)]
        for socket in self.sockets.drain(..) {
            tokio::spawn(socket.listen(self.stop.clone()));
        }
        let front = self.http.take().map(|(listener, app)| tokio::spawn(http::listen(listener, app, self.stop.clone())));
        tokio::spawn(super::at_rest::keep(self.desk.subscribe(), self.stop.clone()));
        until_stop(&mut self.stop, self.desk.served().iter().map(|served| served.journal.clone())).await?;
        while self.stop.urgency() != Urgency::Now && self.desk.served().iter().any(|served| served.is_driven()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if let Some(front) = front {
            tokio::select! {
                _ = front => {}
                _ = self.stop.beyond(Urgency::Stop) => {}
            }
        }
        for served in self.desk.served() {
            served.journal.close()?;
        }
        Ok(())
    }
}

/// Waits until a stop is asked for, or until a write to one of these does not come back. A folder that is stuck is kept by a thread of
/// this process that may stand still for ever, so only another process can go on with it.
async fn until_stop(stop: &mut StopSignal, journals: impl Iterator<Item = SharedJournal>) -> Result<(), Failure> {
    let (tell, mut stuck) = tokio::sync::mpsc::unbounded_channel();
    for journal in journals {
        let tell = tell.clone();
        // Nobody listens any more when the service has ended otherwise.
        tokio::spawn(async move { drop(tell.send(journal.stuck().await)) });
    }
    tokio::select! {
        _ = stop.beyond(Urgency::None) => Ok(()),
        Some(error) = stuck.recv() => Err(Failure {
            exit: Exit::Findings,
            help: Some("nothing acknowledged is lost: start the service again, or let a service manager do it; if it happens again, look \
                        at the disk".to_owned()),
            ..Failure::from(error)
        }),
    }
}

/// Files as they are, folders by what is in them.
fn workflow_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let here = [PathBuf::from(".")];
    let mut files: Vec<PathBuf> = Vec::new();
    for path in if paths.is_empty() { &here[..] } else { paths } {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let found = find_all(path);
        if found.is_empty() {
            return Err(Failure::new(
                "cli::no-workflow",
                format!("there is no workflow file in `{}` or its `workflows/`", path.display()),
            )
            .help("name one, or start with `loopctl init my-loop`"));
        }
        files.extend(found);
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// Whoever can reach us from elsewhere would send their token in plain text.
fn check_reach(http: &HttpOptions) -> Result<(), Failure> {
    if http.listen.ip().is_loopback() || http.behind_proxy {
        return Ok(());
    }
    Err(Failure::new("serve::open-address", format!("`{}` can be reached from other machines, without encryption", http.listen))
        .help("listen at 127.0.0.1 and let a proxy speak TLS; if one stands in front, say `--behind-proxy`"))
}

async fn listen(
    options: &HttpOptions,
    desk: &Desk,
    metrics: Arc<Metrics>,
    pages: Router<Front>,
    started: &mut Started,
) -> Result<(TcpListener, Router), Failure> {
    let listener = TcpListener::bind(options.listen).await.map_err(|cause| {
        Failure::new("serve::cannot-listen", format!("cannot listen at `{}`: {cause}", options.listen))
            .help("stop what listens there, or choose another address with `--listen`; `--no-http` does without")
    })?;
    let address = listener.local_addr().unwrap_or(options.listen);
    let by_default =
        || desk.served().first().map_or_else(|| Path::new("token").to_owned(), |served| served.state().join("serve/token"));
    let token_file = options.token_file.clone().unwrap_or_else(by_default);
    let (guard, token) = Guard::open(&token_file, address, &options.hosts, Arc::new(SystemClock))?;
    started.address = Some(address);
    started.token_file = Some(token_file);
    started.token = token;
    let front = Front { desk: desk.clone(), guard: Arc::new(guard), metrics };
    let app = http::app(front, pages);
    Ok((listener, options.under.as_deref().map_or_else(|| app.clone(), |path| http::under::below(path, app.clone()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CycleNo, StepId, WorkflowId};
    use crate::engine::Entry;
    use crate::runtime::{Journal as _, JournalError};
    use crate::store::watched::Watched;
    use crate::store::{Batch, CheckpointStore, Compaction, Head, Health, LogJournal, MemoryStore, Visit};

    #[test]
    fn an_address_that_others_reach_needs_a_proxy_in_front() {
        let http = |listen: &str, behind_proxy| HttpOptions {
            listen: listen.parse().unwrap(),
            hosts: Vec::new(),
            token_file: None,
            behind_proxy,
            under: None,
        };
        for (listen, behind_proxy, fine) in [
            ("127.0.0.1:7878", false, true),
            ("[::1]:7878", false, true),
            ("0.0.0.0:7878", false, false),
            ("192.168.1.2:7878", false, false),
            ("0.0.0.0:7878", true, true),
        ] {
            assert_eq!(check_reach(&http(listen, behind_proxy)).is_ok(), fine, "{listen}");
        }
    }

    /// A disk that never answers.
    struct Dead(MemoryStore);

    impl CheckpointStore for Dead {
        fn commit(&mut self, _: Batch, _: bool) -> Result<Head, JournalError> {
            loop {
                std::thread::park();
            }
        }
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
            self.0.get(key)
        }
        fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError> {
            self.0.scan(prefix, visit)
        }
        fn head(&self) -> Head {
            self.0.head()
        }
        fn verify(&self) -> Result<Health, JournalError> {
            self.0.verify()
        }
        fn compact(&mut self) -> Result<Compaction, JournalError> {
            self.0.compact()
        }
    }

    #[tokio::test]
    async fn a_write_that_does_not_come_back_ends_the_service_with_what_to_do() {
        let write = |mut journal: SharedJournal, alone: bool| {
            let (workflow, entry) = (WorkflowId::new("w"), [Entry::Completed { step: StepId::new("s") }]);
            match alone {
                false => journal.append(&workflow, CycleNo(1), &entry, true),
                true => journal.with(|journal| journal.append(&workflow, CycleNo(1), &entry, true)),
            }
        };
        for alone in [false, true] {
            let dead = LogJournal::new(Watched::new(Dead(MemoryStore::new()), Duration::from_millis(20)));
            let journal = SharedJournal::of(Path::new(""), Box::new(dead));
            let writer = journal.clone();
            let written = std::thread::spawn(move || write(writer, alone)).join().expect("it comes back");
            assert_eq!(written.expect_err("nobody answers").code, "store::stuck");
            if alone {
                // What nobody was told of then, the next one who comes is.
                assert_eq!(journal.carry(&WorkflowId::new("w")).expect_err("given up").code, "store::stuck");
            }
            let failure = until_stop(&mut StopSignal::never(), std::iter::once(journal)).await.expect_err("it is over");
            assert_eq!((failure.code, failure.exit), ("store::stuck", Exit::Findings));
            assert!(failure.help.is_some_and(|help| help.contains("start the service again")));
        }
    }
}
