//! Nudges: what happens at a gate while nobody decides. People are reminded, and after a longer time others are asked as well.
//!
//! A nudge is a journal entry, so it happens once, whoever looks and however often the process ends. When the next one is due
//! follows from the request, from when it was put to people, and from the nudges so far; the clock is an argument. Who slept
//! through several reminders gives one.

use crate::base::Timestamp;
use crate::step::Approve;
use serde::{Deserialize, Serialize};

/// One thing that happened because nobody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nudge {
    /// Those who may decide were told again.
    Reminded,
    /// Others may decide as well, and were told.
    Escalated,
}

/// A nudge that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudged {
    pub nudge: Nudge,
    pub at: Timestamp,
}

/// The next nudge of a gate and when it is due. `asked` is when it was put to people.
pub fn next_nudge(approve: &Approve, asked: Timestamp, nudged: &[Nudged]) -> Option<Nudged> {
    let nudging = &approve.nudging;
    let last = |nudge: Nudge| nudged.iter().filter(|known| known.nudge == nudge).map(|known| known.at).max();
    let after = |millis: u64| Timestamp(asked.0.saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)));
    let reminder = nudging.remind_after.and_then(|first| match (last(Nudge::Reminded), nudging.remind_every) {
        (None, _) => Some(after(first)),
        (Some(_), None | Some(0)) => None,
        // On the grid of the first one, so that being late does not move all that follow.
        (Some(last), Some(every)) => {
            let gone = u64::try_from(last.0.saturating_sub(after(first).0)).unwrap_or(0);
            Some(after(first.saturating_add((gone / every + 1).saturating_mul(every))))
        }
    });
    let escalation = nudging.escalate_after.filter(|_| last(Nudge::Escalated).is_none()).map(after);
    let due = |at: Option<Timestamp>, nudge: Nudge| at.map(|at| Nudged { nudge, at });
    let next = [due(escalation, Nudge::Escalated), due(reminder, Nudge::Reminded)].into_iter().flatten();
    // Of two at one time the escalation comes first: then the reminder is for the others too.
    next.filter(|next| approve.expires.is_none_or(|expires| next.at < expires)).min_by_key(|next| next.at)
}

/// What a nudge changes about the request: after an escalation others may decide as well.
pub fn nudge(approve: &mut Approve, nudge: Nudge) {
    if nudge == Nudge::Escalated {
        for name in &approve.nudging.escalate_to {
            if !approve.by.contains(name) {
                approve.by.push(name.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Digest, ItemId};
    use crate::step::Nudging;
    use crate::step::request::{ExpiryAction, GateRules};

    const HOUR: u64 = 3_600_000;

    fn asks(remind: Option<u64>, every: Option<u64>, escalate: Option<u64>, expires: Option<u64>) -> Approve {
        Approve {
            item: ItemId(Digest::of("item")),
            title: "Prices moved".to_owned(),
            text: "text".to_owned(),
            by: vec!["editors".to_owned()],
            expires: expires.map(|hours| Timestamp((hours * HOUR) as i64)),
            on_expiry: ExpiryAction::Reject,
            pins: Digest::of("text"),
            rules: GateRules::default(),
            nudging: Nudging {
                remind_after: remind.map(|hours| hours * HOUR),
                remind_every: every.map(|hours| hours * HOUR),
                escalate_after: escalate.map(|hours| hours * HOUR),
                escalate_to: vec!["head".to_owned()],
            },
            again: None,
        }
    }

    /// The hours at which nudges happen when somebody looks every `look` hours.
    fn run(approve: &Approve, look: u64, hours: u64) -> Vec<(Nudge, u64)> {
        let mut nudged: Vec<Nudged> = Vec::new();
        for hour in (0..=hours).step_by(look as usize) {
            let now = Timestamp((hour * HOUR) as i64);
            while let Some(next) = next_nudge(approve, Timestamp(0), &nudged).filter(|next| next.at <= now) {
                nudged.push(Nudged { nudge: next.nudge, at: now });
            }
        }
        nudged.iter().map(|nudged| (nudged.nudge, nudged.at.0 as u64 / HOUR)).collect()
    }

    #[test]
    fn reminders_come_on_their_grid_and_escalation_once() {
        use Nudge::{Escalated, Reminded};
        assert_eq!(run(&asks(Some(4), None, Some(24), None), 1, 60), [(Reminded, 4), (Escalated, 24)]);
        let every = run(&asks(Some(4), Some(10), Some(24), None), 1, 36);
        assert_eq!(every, [(Reminded, 4), (Reminded, 14), (Escalated, 24), (Reminded, 24), (Reminded, 34)]);
        assert_eq!(run(&asks(None, None, None, None), 1, 60), []);
    }

    #[test]
    fn who_slept_through_several_reminders_gives_one_and_keeps_the_grid() {
        use Nudge::Reminded;
        let approve = asks(Some(4), Some(4), None, None);
        assert_eq!(run(&approve, 10, 40), [(Reminded, 10), (Reminded, 20), (Reminded, 30), (Reminded, 40)]);
    }

    #[test]
    fn nothing_is_said_about_a_gate_whose_time_is_over() {
        assert_eq!(run(&asks(Some(4), Some(4), Some(24), Some(10)), 1, 60), [(Nudge::Reminded, 4), (Nudge::Reminded, 8)]);
        assert_eq!(run(&asks(Some(10), None, Some(10), Some(10)), 1, 60), []);
    }

    #[test]
    fn whom_it_is_escalated_to_may_decide_as_well_and_stands_there_once() {
        let mut approve = asks(None, None, Some(1), None);
        nudge(&mut approve, Nudge::Reminded);
        assert_eq!(approve.by, ["editors"]);
        nudge(&mut approve, Nudge::Escalated);
        nudge(&mut approve, Nudge::Escalated);
        assert_eq!(approve.by, ["editors", "head"]);
    }
}
