//! Platform: whether a text is more than the platform takes that it is meant for.

use super::{Places, Subject};
use crate::builtin::production::fit::faults;
use crate::builtin::production::platforms::platform;
use crate::client_os::Snapshot;
use crate::model::goods::Finding;

/// Finds nothing when no platform is known.
pub fn check(subject: &Subject<'_>) -> Vec<Finding> {
    subject.platform.map_or_else(Vec::new, |name| check_text(subject.text, name, subject.client_os))
}

/// The same for a text that no step has written.
pub fn check_text(text: &str, name: &str, client_os: &Snapshot) -> Vec<Finding> {
    let Some(platform) = platform(name) else { return Vec::new() };
    let mut places = Places::new(text);
    let faults = faults(text, platform.form, &platform.limits(client_os));
    faults.into_iter().map(|(range, message)| places.finding("platform", range, format!("{name}: {message}"), true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_told_at_its_place() {
        let text = format!("Short.\n\n---\n\n{}", "word ".repeat(80));
        let found = check_text(&text, "x", &Snapshot::default());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].column), (5, 281));
        assert_eq!(found[0].message, "x: the post is 399 characters long, and 280 is the most");
        assert_eq!(check_text(&text, "linkedin", &Snapshot::default()), []);
        assert_eq!(check_text(&text, "nowhere", &Snapshot::default()), []);
    }
}
