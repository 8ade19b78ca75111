//! A text's words, as Python's `\w+` finds them in ASCII, and a sketch of them.

const CRC: [u32; 256] = crc_table();

/// The lowest `size` hashes (CRC-32) of neighbouring words, in order. `None` where the text is not ASCII.
#[must_use]
pub fn sketch(text: &str, words_max: usize, size: usize) -> Option<Vec<u32>> {
    if !text.is_ascii() {
        return None;
    }
    let lowered = text.to_ascii_lowercase();
    let row: Vec<&[u8]> = words(lowered.as_bytes()).take(words_max).collect();
    let mut pairs: Vec<u32> = row.windows(2).map(|pair| crc_of(&[pair[0], b" ", pair[1]])).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.truncate(size);
    Some(pairs)
}

#[must_use]
pub fn is_word(sign: u8) -> bool {
    sign.is_ascii_alphanumeric() || sign == b'_'
}

/// Runs of letters, digits and underscores.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|sign| !is_word(*sign)).filter(|word| !word.is_empty())
}

fn crc_of(parts: &[&[u8]]) -> u32 {
    let signs = parts.iter().flat_map(|part| part.iter());
    !signs.fold(u32::MAX, |crc, sign| CRC[((crc ^ u32::from(*sign)) & 0xff) as usize] ^ (crc >> 8))
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at: u32 = 0;
    while at < 256 {
        let (mut crc, mut bit) = (at, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
            bit += 1;
        }
        table[at as usize] = crc;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(crc_of(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    #[test]
    fn words_are_runs_of_letters_digits_and_underscores() {
        let found: Vec<&[u8]> = words(b"  two-words, a_1!").collect();
        assert_eq!(found, [&b"two"[..], b"words", b"a_1"]);
    }

    #[test]
    fn what_is_not_ascii_is_left_to_the_reference() {
        assert_eq!(sketch("caf\u{e9} one two", 9, 9), None);
        assert_eq!(sketch("", 9, 9), Some(vec![]));
    }
}
