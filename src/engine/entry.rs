//! What is journaled. A cycle's state is a fold over its entries, nothing else.
//!
//! Entries are serialised and live long: fields may be added with a default, never renamed or reused.

use super::cancel::Scope;
use super::carry::Carry;
use super::nudges::Nudge;
use super::people::Addressed;
use crate::base::{CycleNo, Digest, RequestKey, Shared, StepId, TaskId, Timestamp, WorkflowId};
use crate::model::{Item, Operation};
use crate::step::{Note, ParameterChange, Reply, Request};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a cycle is pinned to from its opening to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pins {
    pub workflow: WorkflowId,
    pub cycle: CycleNo,
    /// The cycle's clock.
    pub now: Timestamp,
    pub seed: u64,
    pub workflow_digest: Digest,
    pub client_os_digest: Digest,
    /// The texts it was made from by path (workflow, templates, Client OS), so that the cycle goes on as it began when a file
    /// is changed meanwhile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, String>,
    /// The cycles that were open when this one began, so that it does not know what they handed on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<CycleNo>,
    /// What people did beside the cycles since the last one opened, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
}

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    Opened {
        pins: Pins,
        carry: Box<Carry>,
    },
    /// A request is about to be performed. Requests that people or the world must be able to see later are kept whole.
    Asked {
        key: RequestKey,
        digest: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<Box<Request>>,
        /// When it was put to people; the world's requests are not dated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    Replied {
        key: RequestKey,
        reply: Reply,
    },
    /// A task finished. `items` are its new items in order: the very ones that the cycle works on, not copies of them.
    Done {
        task: TaskId,
        items: Vec<Shared<Item>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        headline: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<Note>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parameters: Vec<ParameterChange>,
        /// The step that makes it again: the items go there, and nowhere else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back: Option<StepId>,
        /// The digest of all it depended on.
        memo: Digest,
        /// Taken from the memory of an earlier cycle, without running.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        recalled: bool,
    },
    Failed {
        task: TaskId,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        help: Option<String>,
    },
    /// A task that was over a cap waits for the next cycle.
    Deferred {
        task: TaskId,
        reason: String,
    },
    /// Room under a cap, named by its ledger name and window key, before the work is asked for.
    Reserved {
        cap: String,
        window: String,
        task: TaskId,
        amount: i64,
        /// The turn of the task that it is for; pieces are reserved before the first.
        #[serde(default, skip_serializing_if = "is_first")]
        turn: u32,
    },
    /// The real amount replaces the reserved one; 0 releases it.
    Settled {
        cap: String,
        window: String,
        task: TaskId,
        amount: i64,
    },
    /// Who gets a piece, before it is sent: they are counted, and whoever is over a cap is left out.
    Addressed {
        /// The key of the publish.
        key: RequestKey,
        to: Box<Addressed>,
    },
    /// Nobody has decided at a gate: people were reminded, or others are asked as well.
    Nudged {
        key: RequestKey,
        nudge: Nudge,
        at: Timestamp,
    },
    /// A person called something off: what it is about fails, now and when it comes up.
    Cancelled {
        scope: Scope,
        by: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: Timestamp,
    },
    /// A step will get no more tasks: everything before it has finished.
    Completed {
        step: StepId,
    },
    Closed {
        at: Timestamp,
        carry: Box<Carry>,
    },
}

fn is_first(turn: &u32) -> bool {
    *turn == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An opening as it was written before pins knew operations.
    const OLD: &str = r#"{"opened":{"pins":{"workflow":"w","cycle":2,"now":"2026-11-22T08:00:00Z","seed":7,"workflow_digest":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","client_os_digest":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},"carry":{"states":{},"parameters":{},"deferred":{},"memory":{},"ledger":{}}}}"#;

    /// A gate as it was asked and answered before several people could decide.
    const OLD_GATE: [&str; 2] = [
        r#"{"asked":{"key":{"cycle":1,"task":{"step":"editor"},"turn":0,"index":0},"digest":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","request":{"approve":{"item":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","title":"t","text":"x","by":["team"],"on_expiry":"reject","pins":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}}}"#,
        r#"{"replied":{"key":{"cycle":1,"task":{"step":"editor"},"turn":0,"index":0},"reply":{"decided":{"verdict":"approve","by":"ann","at":"2026-11-22T08:00:00Z","pins":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}}}}"#,
    ];

    /// A piece as it was addressed when people were first counted.
    const ADDRESSED: &str = r#"{"addressed":{"key":{"cycle":1,"task":{"step":"out"},"turn":0,"index":0},"to":{"audience":{"people":"AAAAAAAAAAE=","key":"k","at":"2026-11-22T08:00:00Z"},"counts":[["workflow week","2026-W47"]]}}}"#;

    #[test]
    fn old_addresses_still_open() {
        let entry: Entry = serde_json::from_str(ADDRESSED).expect("an old address");
        let Entry::Addressed { to, .. } = &entry else { panic!("an address") };
        assert!(to.people().has(1));
        assert_eq!(serde_json::to_string(&entry).expect("ours"), ADDRESSED);
    }

    #[test]
    fn old_gates_still_open() {
        for old in OLD_GATE {
            let entry: Entry = serde_json::from_str(old).expect(old);
            assert_eq!(serde_json::to_string(&entry).expect("ours"), old);
        }
    }

    #[test]
    fn old_bytes_still_open() {
        let entry: Entry = serde_json::from_str(OLD).expect("an old opening");
        let Entry::Opened { pins, .. } = &entry else { panic!("an opening") };
        assert!(pins.operations.is_empty());
        // Without operations it is written as it was.
        assert_eq!(serde_json::to_string(&entry).expect("ours"), OLD);
    }
}
