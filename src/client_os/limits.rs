//! The section `Limits` of a style guide: how long a text for that platform may be, where the team or its server says otherwise than
//! the platform.

use super::markdown;

/// What may be limited, by the names that people write.
pub const LIMITS: &[&str] =
    &["characters", "posts", "parts", "e-mails", "letters", "links", "hashtags", "words", "title", "subject"];

/// The limits of a style guide as line, name and number: `- characters: 240` below `## Limits`. Names are as written, in lower case.
pub fn style_limits(style: &str) -> Vec<(u32, String, usize)> {
    lines(style).into_iter().filter_map(|(line, name, most)| Some((line, name, most?))).collect()
}

/// Every list item below `Limits`, with a number where there is one.
pub(super) fn lines(style: &str) -> Vec<(u32, String, Option<usize>)> {
    let sections = markdown::sections(style).into_iter().filter(|section| section.name.eq_ignore_ascii_case("limits"));
    sections
        .flat_map(|section| section.items())
        .map(|(line, item)| {
            let (name, most) = item.split_once(':').unwrap_or((&item, ""));
            // `1,000 a post` is a number too.
            let digits: String =
                most.trim().chars().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
            (line, name.trim().to_lowercase(), digits.parse().ok())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_a_list_below_their_heading() {
        let style = "Short.\n\n- characters: 9\n\n## Limits\n- Characters: 1,000 a post\n- posts: many\n\n## Tone\n- words: 5\n";
        assert_eq!(style_limits(style), [(6, "characters".to_owned(), 1000)]);
        assert_eq!(lines(style)[1], (7, "posts".to_owned(), None));
    }
}
