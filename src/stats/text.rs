//! Words from text: how this room tokenises, folds and shingles.
//!
//! A token is a run of letters and digits, lower-cased and without diacritics, so "Café" and "cafe" meet. Apostrophes inside a
//! word are dropped ("don't" gives "dont"). Hyphens and everything else part words.

/// The lower-case letters, without diacritics, that a character stands for; for most it is itself. Combining marks stand
/// for nothing. Covers the Latin letters of Unicode's Latin-1 and Extended-A blocks.
pub fn fold(character: char, into: &mut String) {
    for lower in character.to_lowercase() {
        let folded = match lower {
            'a'..='z' | '0'..='9' => {
                into.push(lower);
                continue;
            }
            '\u{300}'..='\u{36f}' => "",
            'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
            'æ' => "ae",
            'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
            'ď' | 'đ' | 'ð' => "d",
            'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
            'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
            'ĥ' | 'ħ' => "h",
            'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
            'ĵ' => "j",
            'ķ' => "k",
            'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
            'ñ' | 'ń' | 'ņ' | 'ň' => "n",
            'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
            'œ' => "oe",
            'ŕ' | 'ŗ' | 'ř' => "r",
            'ß' => "ss",
            'ś' | 'ŝ' | 'ş' | 'š' => "s",
            'þ' => "th",
            'ţ' | 'ť' | 'ŧ' => "t",
            'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
            'ŵ' => "w",
            'ý' | 'ÿ' | 'ŷ' => "y",
            'ź' | 'ż' | 'ž' => "z",
            other => {
                into.push(other);
                continue;
            }
        };
        into.push_str(folded);
    }
}

/// The tokens of a text in order.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    for character in text.chars() {
        match character {
            '\'' | '’' if !token.is_empty() => {}
            '\u{300}'..='\u{36f}' => {}
            _ if character.is_alphanumeric() => fold(character, &mut token),
            _ if token.is_empty() => {}
            _ => tokens.push(std::mem::take(&mut token)),
        }
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    tokens
}

/// The tokens that carry meaning: without English stop words.
pub fn content_tokens(text: &str) -> Vec<String> {
    tokens(text).into_iter().filter(|token| !is_stop_word(token)).collect()
}

/// Whether a folded token is one of the most common English function words.
pub fn is_stop_word(token: &str) -> bool {
    STOP_WORDS.binary_search(&token).is_ok()
}

/// Every run of `size` tokens (at least 1) joined by spaces; the whole text when it is shorter than one run.
pub fn shingles(tokens: &[String], size: usize) -> Vec<String> {
    let size = size.max(1);
    if tokens.is_empty() {
        return Vec::new();
    }
    if tokens.len() < size {
        return vec![tokens.join(" ")];
    }
    tokens.windows(size).map(|window| window.join(" ")).collect()
}

/// Runs of `size` characters of a token with its ends marked, such as `<ca`, `caf`, `afe`, `fe>`: what misspelt and inflected
/// words still share.
pub fn character_runs(token: &str, size: usize) -> Vec<String> {
    let marked: Vec<char> = std::iter::once('<').chain(token.chars()).chain(std::iter::once('>')).collect();
    marked.windows(size.max(1)).map(|window| window.iter().collect()).collect()
}

/// A 64-bit hash of text that is the same on every machine and in every version: FNV-1a (Fowler, Noll and Vo) followed by
/// the finaliser of SplitMix64, which spreads the last bytes.
pub fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}

/// SplitMix64's finaliser: a bijection of 64 bits in which every input bit moves every output bit.
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Sorted, for the binary search.
const STOP_WORDS: [&str; 120] = [
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because", "been", "before",
    "being", "between", "both", "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "dont", "down", "during",
    "each", "few", "for", "from", "further", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how",
    "i", "if", "im", "in", "into", "is", "it", "its", "ive", "just", "me", "more", "most", "my", "no", "nor", "not", "of", "off",
    "on", "once", "only", "or", "other", "our", "ours", "out", "over", "own", "same", "she", "should", "so", "some", "such",
    "than", "that", "the", "their", "theirs", "them", "then", "there", "these", "they", "this", "those", "through", "to", "too",
    "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who", "whom", "why",
    "will", "with", "would", "you", "your", "yours", "yourself",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_folded_words_and_numbers() {
        assert_eq!(tokens("Don’t panic: Café-Crème, 2nd Größe!"), ["dont", "panic", "cafe", "creme", "2nd", "grosse"]);
        assert_eq!(tokens("e\u{301}te\u{301} Łódź 東京"), ["ete", "lodz", "東京"]);
        assert!(tokens(" … ").is_empty());
    }

    #[test]
    fn stop_words_are_sorted_and_left_out() {
        assert!(STOP_WORDS.is_sorted());
        assert_eq!(content_tokens("How do I reset the password?"), ["reset", "password"]);
    }

    #[test]
    fn shingles_overlap_and_short_texts_are_one() {
        assert_eq!(shingles(&tokens("to be or not"), 3), ["to be or", "be or not"]);
        assert_eq!(shingles(&tokens("to be"), 3), ["to be"]);
        assert!(shingles(&[], 3).is_empty());
        assert_eq!(character_runs("cafe", 3), ["<ca", "caf", "afe", "fe>"]);
    }

    // FNV-1a of "foobar" is 85944171f73967e8 (the test vectors of its authors); mixed it must never change.
    #[test]
    fn the_hash_is_the_published_one_mixed() {
        assert_eq!(hash("foobar"), mix(0x85944171f73967e8));
    }
}
