//! Who gets letters: the addresses that a channel names, and those on its lists. Lists are read anew for each letter.

use crate::builtin::common::table::{self, Layout};
use crate::model::Config;
use crate::step::{Body, Fetched, People, Target};
use crate::world::disk::DiskFiles;
use crate::world::people_key::PeopleKey;
use crate::world::trouble::Trouble;
use lettre::message::Mailbox;
use std::collections::BTreeSet;

/// Servers take at least a hundred recipients of one letter (RFC 5321, 4.5.3.1.8); most take a thousand.
const MOST: usize = 1_000;
/// A list is not larger than this.
const LIST_BYTES: u64 = 8 << 20;
/// Columns that hold addresses, the usual names first.
const COLUMNS: &[&str] = &["email", "e-mail", "email address", "e-mail address", "mail", "address", "e-mail-adresse"];

/// The people on the lists of a channel called `name`, without those who want no more.
///
/// # Errors
/// When a list cannot be read or is too long, or an address is none: nobody is left out in silence.
pub fn listed(name: &str, config: &Config, files: &DiskFiles) -> Result<Vec<Mailbox>, Trouble> {
    let Some(path) = config.text("audience") else { return Ok(Vec::new()) };
    let mut people = Vec::new();
    let mut known = BTreeSet::new();
    for (line, address) in addresses(path, files)? {
        let mailbox: Mailbox = address.parse().map_err(|_| {
            Trouble::permanent(
                // The address itself may be somebody's, so it is not repeated.
                format!("line {line} of `{path}` holds no mail address"),
                format!("put the line right; nothing goes out on channel `{name}` before"),
            )
        })?;
        if known.insert(mailbox.email.to_string().to_lowercase()) {
            people.push(mailbox);
        }
    }
    if people.len() > MOST {
        return Err(Trouble::permanent(
            format!("`{path}` holds {} people, and one letter goes to at most {MOST}", people.len()),
            "let a mailing list or a newsletter service hand it on: write its address as `to`",
        ));
    }
    Ok(people)
}

/// Those who get nothing, in lower case.
///
/// # Errors
/// When the list is named and cannot be read: then nothing may go out.
pub fn excepted(config: &Config, files: &DiskFiles) -> Result<BTreeSet<String>, Trouble> {
    let Some(path) = config.text("except") else { return Ok(BTreeSet::new()) };
    // What is no address excepts nobody, so it is compared as it stands.
    let plain = |address: String| match address.parse::<Mailbox>() {
        Ok(mailbox) => mailbox.email.to_string().to_lowercase(),
        Err(_) => address.to_lowercase(),
    };
    Ok(addresses(path, files)?.into_iter().map(|(_, address)| plain(address)).collect())
}

/// The addresses in a file, each with its line: a table with a column for them, or one a line.
fn addresses(path: &str, files: &DiskFiles) -> Result<Vec<(u64, String)>, Trouble> {
    let body: Body = match files.fetch(&Target::File(path.to_owned()), LIST_BYTES)? {
        Fetched::Content { body, .. } => body,
        _ => {
            return Err(Trouble::permanent(
                format!("there is no file `{path}`"),
                "put the list there; an empty file is a list too",
            ));
        }
    };
    let text = String::from_utf8_lossy(body.bytes()).replace('\u{feff}', "");
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("");
    if first.is_empty() {
        return Ok(Vec::new());
    }
    if first.contains('@') {
        let lines = text.lines().zip(1..).map(|(line, number)| (number, line.trim().to_owned()));
        return Ok(lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect());
    }
    let unreadable = |why: String| {
        Trouble::permanent(
            format!("`{path}` is no list of people: {why}"),
            "write a table with a column `email`, or one address a line",
        )
    };
    let table = table::read(text.as_bytes(), &Layout::default()).map_err(unreadable)?;
    let column = table.column(COLUMNS).ok_or_else(|| unreadable("it has no column `email`".to_owned()))?;
    if let Some(broken) = table.broken.first() {
        return Err(unreadable(format!("line {}: {}", broken.line, broken.reason)));
    }
    let rows = table.rows.into_iter().map(|row| (row.line, row.cells[column].trim().to_owned()));
    Ok(rows.filter(|(_, address)| !address.is_empty()).collect())
}

/// People as digests.
pub fn digests<'a>(people: impl Iterator<Item = &'a Mailbox>, key: &PeopleKey) -> People {
    People::new(people.map(|mailbox| key.person(mailbox.email.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::publish::letter::tests::node;

    fn read(text: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("list"), text).unwrap();
        let config = Config { children: vec![node("audience", "list")], ..Config::default() };
        let people = listed("letters", &config, &DiskFiles::new(folder.path())).map_err(|trouble| trouble.message)?;
        Ok(people.iter().map(|mailbox| mailbox.email.to_string()).collect())
    }

    #[test]
    fn a_list_is_a_table_or_one_address_a_line_and_nobody_stands_on_it_twice() {
        let both = ["ann@us.example", "bob@us.example"];
        for text in [
            "ann@us.example\nbob@us.example\nANN@us.example\n",
            "# readers\nAnn <ann@us.example>\r\n\r\nbob@us.example",
            "\u{feff}Name;E-Mail\nAnn;ann@us.example\nBob;bob@us.example\n",
            "email,since\nann@us.example,2026\n,\nbob@us.example,\n",
        ] {
            assert_eq!(read(text).unwrap(), both, "{text}");
        }
        assert!(read("").unwrap().is_empty() && read("email\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_told_by_its_line_without_the_address() {
        assert_eq!(read("ann@us.example\nb@o@b\n").unwrap_err(), "line 2 of `list` holds no mail address");
        assert!(read("name\nAnn\n").unwrap_err().contains("no column `email`"));
        let many: String = (0..1_001).map(|n| format!("p{n}@us.example\n")).collect();
        assert!(read(&many).unwrap_err().contains("holds 1001 people, and one letter goes to at most 1000"));
    }
}
