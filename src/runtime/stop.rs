//! Stopping in two steps: the first request lets running work finish, the second returns at once.

use tokio::sync::watch;

/// How urgent it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    #[default]
    None,
    /// Start nothing new; finish what runs.
    Stop,
    /// Return now.
    Now,
}

/// Asks for a stop. Clones ask for the same one.
#[derive(Clone, Debug)]
pub struct StopHandle(watch::Sender<Urgency>);

/// Hears of it.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<Urgency>);

/// A handle and its signal.
pub fn stop_pair() -> (StopHandle, StopSignal) {
    let (sender, receiver) = watch::channel(Urgency::None);
    (StopHandle(sender), StopSignal(receiver))
}

impl StopHandle {
    /// The first call asks to stop, the second to return at once.
    pub fn ask(&self) {
        self.0.send_modify(|urgency| *urgency = if *urgency == Urgency::None { Urgency::Stop } else { Urgency::Now });
    }
}

impl StopSignal {
    /// A signal that never comes.
    pub fn never() -> StopSignal {
        stop_pair().1
    }

    /// Ctrl-C, and on Unix also the signal to terminate. Must be called inside a tokio runtime.
    pub fn on_interrupt() -> StopSignal {
        let (handle, signal) = stop_pair();
        tokio::spawn(async move {
            #[cfg(unix)]
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
            loop {
                #[cfg(unix)]
                let terminated = async {
                    match &mut terminate {
                        Some(terminate) => terminate.recv().await,
                        None => std::future::pending().await,
                    }
                };
                #[cfg(not(unix))]
                let terminated = std::future::pending::<Option<()>>();
                tokio::select! {
                    heard = tokio::signal::ctrl_c() => if heard.is_err() { return },
                    heard = terminated => if heard.is_none() { return },
                }
                handle.ask();
            }
        });
        signal
    }

    pub fn urgency(&self) -> Urgency {
        *self.0.borrow()
    }

    /// Returns when it is more urgent than `than`; never when nobody can ask any more.
    pub async fn beyond(&mut self, than: Urgency) -> Urgency {
        // The guard that `wait_for` gives must not live across an await.
        let heard = self.0.wait_for(|urgency| *urgency > than).await.map(|urgency| *urgency).ok();
        match heard {
            Some(urgency) => urgency,
            None => std::future::pending().await,
        }
    }
}
