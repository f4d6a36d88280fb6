//! Parsers of single formats: bytes in, plain values out. The kinds decide what the values mean.

pub mod event_log;
pub mod feed;
pub mod identity;
pub mod page;
pub mod prices;
pub mod series;
pub mod shape;
pub mod sitemap;
pub mod transcript;
pub mod wide;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Rng;
    use crate::builtin::common::rehearse::{shared, time};
    use crate::builtin::common::{bytes, html, table};
    use jiff::tz::TimeZone;

    /// Reads bytes as everything they could be taken for.
    fn read_as_everything(input: &[u8]) {
        let _ = feed::read(input, Some("https://a.example/feed"));
        let _ = sitemap::read(input);
        let text = bytes::text(input);
        let _ = event_log::read(&text, "utm_content", &TimeZone::UTC);
        let page = page::read(&text, Some("main"));
        let found = prices::read(&page);
        let _ = prices::changes(&found, &prices::read(&page::read(&html::line(&text), None)));
        let _ = transcript::read("x.md", input);
        for decimal in [",", "."] {
            if let Ok(table) = table::read(input, &table::Layout { skip_lines: 1, ..table::Layout::default() }) {
                let mut shape = shape::Shape::default();
                let names = ["volume", "topic", "at", "position"];
                shape.columns =
                    names.iter().zip(&table.header).map(|(name, header)| ((*name).to_owned(), vec![header.clone()])).collect();
                shape.decimal = if decimal == "," { crate::builtin::common::number::Decimal::Comma } else { Default::default() };
                let _ = shape.rows(&mut table.clone(), &TimeZone::UTC);
                shape.wide = true;
                let _ = wide::read(&shape, &mut table.clone(), time("2026-01-01"), &TimeZone::UTC);
            }
        }
    }

    #[test]
    fn damaged_input_of_any_kind_is_an_answer_and_not_a_panic() {
        let samples = [
            "sources/feeds/atom_relative.xml",
            "sources/feeds/rss_0.91_missing_id.xml",
            "sources/feeds/jsonfeed_spec_1.json",
            "sources/sitemaps/ghost-sitemap-posts.xml",
            "sources/gsc/Queries.en.csv",
            "sources/gsc/Dotazy.cs.csv",
            "sources/trends/multiTimeline.csv",
            "sources/ga4/events_20260920.ndjson",
            "sources/transcripts/call.vtt",
            "sources/transcripts/otter.txt",
            "sources/ads/meta-ui-export.en.csv",
        ];
        let mut inputs: Vec<Vec<u8>> = samples.iter().filter_map(|sample| shared(sample)).collect();
        inputs.push(
            "# Pläne\n| Plan | Preis pro Monat |\n|---|---|\n| Pro | 1.000,50 € |\n* Ab $5/mo, dann $.50 je GB – $1,2,3.4/é\n"
                .as_bytes()
                .to_vec(),
        );
        let mut rng = Rng::new(20_261_122);
        for input in &inputs {
            for _ in 0..40 {
                let mut bytes = input.clone();
                for _ in 0..=rng.below(4) {
                    let at = rng.below(bytes.len().max(1) as u64) as usize;
                    match rng.below(4) {
                        0 => bytes.truncate(at),
                        1 if at < bytes.len() => bytes[at] = rng.below(256) as u8,
                        2 => bytes.extend_from_within(at..(at + 20).min(bytes.len())),
                        _ => {
                            let marks: [&[u8]; 6] = [b"<", b"\"", b"\n", "€".as_bytes(), b"$9/", &[0xff, 0xfe]];
                            let mark = marks[rng.below(6) as usize];
                            bytes.splice(at..at, mark.iter().copied());
                        }
                    }
                }
                read_as_everything(&bytes);
            }
        }
    }
}
