//! Text that looks like a key or a password. A workflow is shared and versioned; a secret in it is given away.

/// What a text looks like, when it looks like a secret.
pub(super) fn looks_like(text: &str) -> Option<&'static str> {
    const PREFIXES: &[(&str, usize, &str)] = &[
        ("sk-", 16, "an API key"),
        ("ghp_", 20, "a GitHub token"),
        ("gho_", 20, "a GitHub token"),
        ("ghs_", 20, "a GitHub token"),
        ("github_pat_", 20, "a GitHub token"),
        ("glpat-", 16, "a GitLab token"),
        ("xoxb-", 16, "a Slack token"),
        ("xoxp-", 16, "a Slack token"),
        ("AKIA", 16, "an AWS access key"),
        ("AIza", 30, "a Google API key"),
        ("SG.", 20, "a SendGrid key"),
        ("Bearer ", 16, "a bearer token"),
    ];
    // Every text of a workflow comes through here, and nearly all are words that begin like none of these and hold no sign of the others.
    if !matches!(text.as_bytes().first(), Some(b's' | b'g' | b'x' | b'A' | b'S' | b'B')) && !text.bytes().any(|byte| byte == b':')
    {
        return private_key(text);
    }
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '/' | '+');
    for (prefix, least, what) in PREFIXES {
        if let Some(rest) = text.strip_prefix(prefix)
            && rest.len() >= *least
            && rest.chars().all(is_token)
            && rest.chars().any(|c| c.is_ascii_digit())
        {
            return Some(what);
        }
    }
    if let Some(key) = private_key(text) {
        return Some(key);
    }
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then_some("an address with a password")
}

fn private_key(text: &str) -> Option<&'static str> {
    const BEGIN: &str = "-----BEGIN";
    const END: &str = "PRIVATE KEY-----";
    let is_long = text.len() > BEGIN.len() + END.len();
    (is_long && text.contains(BEGIN) && text.contains(END)).then_some("a private key")
}

#[cfg(test)]
mod tests {
    use super::looks_like;

    #[test]
    fn secrets_are_told_from_words() {
        // Put together here, so that no file of ours holds what looks like a key.
        for (start, rest) in [
            ("sk-", "proj-abcdef1234567890"),
            ("ghp", "_abcdefghijklmnopqrst1"),
            ("AKIA", "ABCDEFGHIJKLMNO1"),
            ("https://me:pass", "word@example.com/x"),
            ("-----BEGIN RSA", " PRIVATE KEY-----"),
        ] {
            assert!(looks_like(&format!("{start}{rest}")).is_some(), "{start}{rest}");
        }
        for text in
            ["sk-learn", "https://example.com/@me", "mailto:me@example.com", "Bearer of news", "https://me@example.com", ""]
        {
            assert_eq!(looks_like(text), None, "{text}");
        }
    }
}
