//! Decisions for a cycle that is being driven: they stand in line with the world's replies, so nobody writes into its journal
//! behind its back.

use crate::engine::{Action, Event, Notice};
use tokio::sync::{mpsc, oneshot};

/// So many decisions wait for one cycle at most; whoever brings more waits a moment.
const LINE: usize = 64;

/// Why a decision was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It does not fit what waits now; the text says why.
    #[error("{0}")]
    Void(String),
    /// Nobody drives the cycle any more, or its journal failed: whether it was taken is in the journal.
    #[error("the cycle stopped before the decision was written down")]
    Gone,
}

/// One decision with the way back to whoever made it.
#[derive(Debug)]
pub struct Letter {
    event: Event,
    answer: oneshot::Sender<Result<(), NotTaken>>,
}

/// Where letters are dropped. Clones drop into the same inbox.
#[derive(Clone, Debug)]
pub struct Post(mpsc::Sender<Letter>);

/// Where a driven cycle finds them.
#[derive(Debug)]
pub struct Inbox {
    letters: Option<mpsc::Receiver<Letter>>,
    /// Taken out to see whether there is one, and put back.
    first: Option<Letter>,
}

impl Post {
    /// Hands a decision in; it is on the disk when this returns `Ok`.
    ///
    /// # Errors
    /// When it was not taken.
    pub async fn send(&self, event: Event) -> Result<(), NotTaken> {
        let (answer, heard) = oneshot::channel();
        self.0.send(Letter { event, answer }).await.map_err(|_| NotTaken::Gone)?;
        heard.await.unwrap_or(Err(NotTaken::Gone))
    }
}

impl Inbox {
    /// An inbox and the way into it.
    pub fn open() -> (Post, Inbox) {
        let (sender, letters) = mpsc::channel(LINE);
        (Post(sender), Inbox { letters: Some(letters), first: None })
    }

    /// One that never has anything.
    pub fn closed() -> Inbox {
        Inbox { letters: None, first: None }
    }

    /// Returns when there is a letter, and leaves it there. Never returns when none can come.
    pub async fn arrival(&mut self) {
        let letter = self.next().await;
        self.first = Some(letter);
    }

    /// A letter that is there already.
    pub(super) fn ready(&mut self) -> Option<Letter> {
        self.first.take().or_else(|| self.letters.as_mut().and_then(|letters| letters.try_recv().ok()))
    }

    /// The next letter. Taking it is safe to give up in the middle.
    pub(super) async fn next(&mut self) -> Letter {
        if let Some(letter) = self.first.take() {
            return letter;
        }
        let letter = match &mut self.letters {
            Some(letters) => letters.recv().await,
            None => None,
        };
        match letter {
            Some(letter) => letter,
            None => std::future::pending().await,
        }
    }
}

impl Letter {
    /// Lets the cycle handle it. The answer goes out when what it led to is on the disk.
    pub(super) fn open(self, handle: impl FnOnce(Event) -> Vec<Action>) -> (Vec<Action>, Pending) {
        let actions = handle(self.event);
        let void = actions.iter().find_map(|action| match action {
            Action::Tell(Notice::Void { message, .. }) => Some(NotTaken::Void(message.clone())),
            _ => None,
        });
        (actions, Pending { answer: self.answer, result: void.map_or(Ok(()), Err) })
    }
}

/// An answer that waits for the disk.
pub(super) struct Pending {
    answer: oneshot::Sender<Result<(), NotTaken>>,
    result: Result<(), NotTaken>,
}

impl Pending {
    pub fn tell(self) {
        // Whoever asked may have gone; the decision stands all the same.
        let _ = self.answer.send(self.result);
    }
}
