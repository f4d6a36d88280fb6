//! Dirty tables: CSV as tools export it. Preambles, total rows, any delimiter and encoding, translated headers.
//!
//! Nothing is dropped in silence: a row that does not fit is kept aside with its line and column, and the caller says so.

use super::bytes;

/// How a table is written. What is `None` is found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub delimiter: Option<u8>,
    pub encoding: Option<String>,
    /// Lines before the header that are not part of the table.
    pub skip_lines: usize,
    /// Rows in which some cell before the first filled number-like cell is one of these words (`Total`) are left out.
    pub skip_when_first: Vec<String>,
}

/// One row that fits the header.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// In the file, from 1.
    pub line: u64,
    /// As many as the header has.
    pub cells: Vec<String>,
}

/// Something that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// In the file, from 1.
    pub line: u64,
    /// The number of the cell, from 1.
    pub column: usize,
    /// Without a period.
    pub reason: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Row>,
    pub broken: Vec<Broken>,
    /// Some bytes could not be decoded and are shown as `�`.
    pub damaged: bool,
}

/// Reads a table. Gzip must be unpacked before.
///
/// # Errors
/// A sentence without a period when there is no header or the encoding is unknown.
pub fn read(bytes: &[u8], layout: &Layout) -> Result<Table, String> {
    let mut whole = Table::default();
    in_parts(bytes, layout, usize::MAX, |table| whole = std::mem::take(table))?;
    Ok(whole)
}

/// The same for large tables: so many rows at a time, and the last ones, which may be none. What was put aside stays in the table,
/// which always has its header; `take` may take the rows out.
///
/// # Errors
/// As [`read`].
pub fn in_parts(bytes: &[u8], layout: &Layout, rows: usize, mut take: impl FnMut(&mut Table)) -> Result<(), String> {
    let (text, damaged) = bytes::decode(bytes, layout.encoding.as_deref())
        .map_err(|label| format!("`{label}` is not the name of an encoding; try `utf-8` or `windows-1250`"))?;
    let mut text: &str = &text;
    for _ in 0..layout.skip_lines {
        text = text.split_once('\n').map_or("", |(_, rest)| rest);
    }
    let delimiter = layout.delimiter.unwrap_or_else(|| find_delimiter(text));
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut table = Table { damaged, ..Table::default() };
    let mut record = csv::StringRecord::new();
    let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1 + layout.skip_lines as u64 };
    // The reader skips empty lines, so the header is the first line with something in it.
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        let line = lines.of(record.position().map_or(0, csv::Position::byte) as usize);
        if table.header.is_empty() {
            table.header = record.iter().map(|name| name.trim().trim_matches('\u{feff}').to_owned()).collect();
            continue;
        }
        let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
        if cells.iter().all(String::is_empty) || is_total(&cells, &layout.skip_when_first) {
            continue;
        }
        let (found, expected) = (cells.len(), table.header.len());
        if found == expected {
            table.rows.push(Row { line, cells });
            if table.rows.len() == rows {
                take(&mut table);
                table.rows.clear();
            }
        } else {
            let reason = format!("expected {expected} cells, found {found}");
            table.broken.push(Broken { line, column: found.min(expected) + usize::from(found > expected), reason });
        }
    }
    if table.header.is_empty() || table.header.iter().all(String::is_empty) {
        return Err("there is no header row".to_owned());
    }
    take(&mut table);
    Ok(())
}

/// Counts lines up to a record. The reader's own count is one short after CRLF.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the record that starts at or, line ends left out, after this byte. Must be asked in order.
    fn of(&mut self, byte: usize) -> u64 {
        while self.at < self.text.len() && (self.at < byte || matches!(self.text[self.at], b'\r' | b'\n')) {
            self.line += u64::from(self.text[self.at] == b'\n');
            self.at += 1;
        }
        self.line
    }
}

/// A total row names itself in its first filled cell.
fn is_total(cells: &[String], words: &[String]) -> bool {
    let first = cells.iter().find(|cell| !cell.is_empty());
    first.is_some_and(|first| words.iter().any(|word| word.trim().eq_ignore_ascii_case(first)))
}

/// The candidate that splits the header most, commas first.
fn find_delimiter(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        if !quoted && let Some((_, count)) = counts.iter_mut().find(|(candidate, _)| *candidate == byte) {
            *count += 1;
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    counts.iter().find(|(_, count)| *count == most).map_or(b',', |(candidate, _)| *candidate)
}

impl Table {
    /// The index of the first column that has one of these names. Case and spacing do not matter, and one `*` stands for
    /// anything: `Amount spent (*)`.
    pub fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|header| name_matches(name, header)))
    }
}

/// Whether a header is what a name or pattern with one `*` asks for.
pub fn name_matches(name: &str, header: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let (name, header) = (plain(name), plain(header));
    match name.split_once('*') {
        Some((start, end)) => header.len() >= start.len() + end.len() && header.starts_with(start) && header.ends_with(end),
        None => name == header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str, layout: &Layout) -> Vec<Vec<String>> {
        read(text.as_bytes(), layout).unwrap().rows.into_iter().map(|row| row.cells).collect()
    }

    #[test]
    fn quotes_crlf_and_a_byte_order_mark_are_read() {
        let table = read("\u{feff}a,b\r\n\"x, y\",\"1,020\"\r\n".as_bytes(), &Layout::default()).unwrap();
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows, [Row { line: 2, cells: vec!["x, y".into(), "1,020".into()] }]);
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(cells("a;b\n1,5;2\n", &Layout::default()), [["1,5", "2"]]);
        assert_eq!(cells("\"a;x\"\tb\n1\t2\n", &Layout::default()), [["1", "2"]]);
    }

    #[test]
    fn preambles_and_total_rows_are_left_out() {
        let layout = Layout { skip_lines: 2, skip_when_first: vec!["Total".into()], ..Layout::default() };
        assert_eq!(cells("Category: All\n\nWeek,x\nw1,1\n,Total\nTotal,9\n", &layout), [["w1", "1"]]);
    }

    #[test]
    fn a_row_that_does_not_fit_is_kept_aside_with_its_place() {
        let layout = Layout { skip_lines: 1, ..Layout::default() };
        let table = read(b"preamble\na,b\n1\n1,2,3\n1,2\n", &layout).unwrap();
        let places: Vec<(u64, usize)> = table.broken.iter().map(|broken| (broken.line, broken.column)).collect();
        assert_eq!(places, [(3, 1), (4, 3)]);
        assert_eq!(table.rows[0].line, 5);
    }

    #[test]
    fn columns_are_found_by_any_of_their_names() {
        let table = read("Nejčastější  dotazy;Amount spent (USD)\nx;1\n".as_bytes(), &Layout::default()).unwrap();
        assert_eq!(table.column(&["Top queries", "nejčastější dotazy"]), Some(0));
        assert_eq!(table.column(&["Amount spent (*)"]), Some(1));
        assert_eq!(table.column(&["Cost"]), None);
    }

    #[test]
    fn an_empty_file_says_so() {
        assert!(read(b"", &Layout::default()).is_err());
    }
}
