//! Links: resolving relative ones, and the one spelling under which a page is known.

/// Resolves `link` against the address of the page it stands on. Without a usable base it comes back as it is.
pub fn resolve(base: &str, link: &str) -> String {
    let link = link.trim();
    let has_scheme = link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    let Some((scheme, rest)) = base.split_once("://") else { return link.to_owned() };
    if has_scheme || link.is_empty() {
        return link.to_owned();
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if link.starts_with("//") {
        return format!("{scheme}:{link}");
    }
    if let Some(absolute) = link.strip_prefix('/') {
        return format!("{scheme}://{host}/{}", tidy(absolute));
    }
    if link.starts_with(['#', '?']) {
        return format!("{scheme}://{host}/{path}{link}");
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = if folder.is_empty() { link.to_owned() } else { format!("{folder}/{link}") };
    format!("{scheme}://{host}/{}", tidy(&joined))
}

/// Takes `.` and `..` out of a path.
fn tidy(path: &str) -> String {
    let cut = path.find(['?', '#']).unwrap_or(path.len());
    let (path, tail) = path.split_at(cut);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{}{tail}", parts.join("/"))
}

/// The same page has the same key: no fragment, no campaign parameters, host in lower case, no trailing slash.
pub fn key(url: &str) -> String {
    let url = url.trim().split('#').next().unwrap_or("");
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let kept: Vec<&str> = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("utm_")).collect();
    let address = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            format!("{}://{}/{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
        }
        None => address.to_owned(),
    };
    let address = address.trim_end_matches('/');
    if kept.is_empty() { address.to_owned() } else { format!("{address}?{}", kept.join("&")) }
}

/// The value of a query parameter, percent-decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next().unwrap_or("");
    query.split('&').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| decode(value))
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex =
            (bytes[at] == b'%').then(|| text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok())).flatten();
        match (bytes[at], hex) {
            (_, Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', None) => decoded.push(b' '),
            (byte, None) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_resolve() {
        for (base, link, expected) in [
            ("https://a.example/blog/feed.xml", "/x", "https://a.example/x"),
            ("https://a.example/blog/feed.xml", "post?a=1", "https://a.example/blog/post?a=1"),
            ("https://a.example/blog/feed.xml", "../up/./x", "https://a.example/up/x"),
            ("https://a.example", "x", "https://a.example/x"),
            ("https://a.example/p", "//b.example/y", "https://b.example/y"),
            ("https://a.example/p", "mailto:x@y", "mailto:x@y"),
            ("data/feed.xml", "/x", "/x"),
        ] {
            assert_eq!(resolve(base, link), expected, "{base} {link}");
        }
    }

    #[test]
    fn one_page_has_one_key() {
        assert_eq!(key("HTTPS://A.example/Blog/?utm_source=x&id=7#top"), "https://a.example/Blog?id=7");
        assert_eq!(key("https://a.example/"), key("https://a.example"));
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(parameter("https://a/?utm_source=linked%20in&x=%zz", "utm_source").as_deref(), Some("linked in"));
        assert_eq!(parameter("https://a/?x=%zz", "x").as_deref(), Some("%zz"));
    }
}
