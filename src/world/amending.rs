//! Accepting a proposal: the patch goes into the file on the disk, then the decision into the journal.
//!
//! In this order, because a decision without its change would be a lie that nobody sees, while a change whose decision was lost is
//! found again: accepting once more says that the file has it already and writes the decision down.

use super::disk::DiskFiles;
use super::save::{self, SaveError};
use crate::base::{Digest, Timestamp, WorkflowId};
use crate::client_os::{self, Patched, Refusal, amended};
use crate::model::ReviewVerdict;
use crate::model::goods::{Change, Edit};
use crate::runtime::review::{Proposed, record_review};
use crate::runtime::{Journal, JournalError};
use std::path::Path;

/// Why a proposal was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AmendError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Save(#[from] SaveError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("a question changes no file, so it has no other text")]
    Question,
}

/// What accepting it would do to the file as it is now; `None` for a question, which changes nothing.
///
/// # Errors
/// When it would not go in.
pub fn preview(root: &Path, folder: &str, proposed: &Proposed, text: Option<&str>) -> Result<Option<Patched>, AmendError> {
    let edit = match (&proposed.amendment.change, text) {
        (Change::Edit(edit), Some(text)) => Edit { after: text.to_owned(), ..edit.clone() },
        (Change::Edit(edit), None) => edit.clone(),
        (Change::Question { .. }, None) => return Ok(None),
        (Change::Question { .. }, Some(_)) => return Err(AmendError::Question),
    };
    let (snapshot, _) = client_os::read(&DiskFiles::new(root), folder);
    Ok(Some(amended(&snapshot.files, &edit, text.is_some())?))
}

/// Takes an accepted edit out of its file again, and says what the Client OS is then.
///
/// # Errors
/// When the file says something else by now, or cannot be written; it is then as it was.
pub fn take_back(root: &Path, folder: &str, edit: &Edit) -> Result<(Patched, Digest), AmendError> {
    let files = DiskFiles::new(root);
    let (snapshot, _) = client_os::read(&files, folder);
    let patched = client_os::taken_back(&snapshot.files, edit)?;
    save::replace(&root.join(folder).join(&patched.file), patched.old.as_deref().unwrap_or_default(), &patched.new)?;
    Ok((patched, client_os::read(&files, folder).0.digest()))
}

/// What accepting did.
#[derive(Debug)]
pub struct Accepted {
    /// The change of the file; `None` when it said so already, or for a question.
    pub patched: Option<Patched>,
    /// The version of the Client OS afterwards.
    pub client_os: Digest,
}

/// Who decides, and when.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    pub by: &'a str,
    pub at: Timestamp,
}

/// Applies a proposal to its file, in the person's words when there is a `text`, and writes the decision down.
///
/// # Errors
/// When it does not go in, the file cannot be written or the journal fails. The file is then as it was, except when only the
/// journal failed.
pub fn accept(
    journal: &mut dyn Journal,
    workflow: &WorkflowId,
    (root, folder): (&Path, &str),
    proposed: &Proposed,
    text: Option<&str>,
    decider: Decider<'_>,
) -> Result<Accepted, AmendError> {
    let patched = match preview(root, folder, proposed, text) {
        Ok(patched) => patched,
        Err(AmendError::Refused(Refusal::Already { .. })) => None,
        Err(error) => return Err(error),
    };
    if let Some(patched) = &patched {
        let path = root.join(folder).join(&patched.file);
        match &patched.old {
            Some(old) => save::replace(&path, old, &patched.new)?,
            None => save::create(&path, &patched.new)?,
        }
    }
    let client_os = client_os::read(&DiskFiles::new(root), folder).0.digest();
    let verdict = ReviewVerdict::Accepted { text: text.map(str::to_owned), client_os };
    record_review(journal, workflow, proposed, verdict, decider.by, decider.at)?;
    Ok(Accepted { patched, client_os })
}
