//! What the bytes of a text are, 64 at a time and a bit each, so that letters cost no branch.
//!
//! Eight bytes are compared at once in a word of 64 bits: each byte's answer is its highest bit, and no carry leaves a byte.

/// Bytes looked at together: one for each bit of a word.
pub(crate) const BLOCK_BYTES: usize = 64;

const HIGHS: u64 = 0x8080_8080_8080_8080;
const REST: u64 = !HIGHS;
/// Turns a capital of ASCII into its small letter, and a few signs into others.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// Up to 64 bytes; those that a last block lacks are zeros, which no question asks for.
pub(crate) struct Block {
    words: [u64; BLOCK_BYTES / 8],
}

const fn repeat(byte: u8) -> u64 {
    (byte as u64).wrapping_mul(0x0101_0101_0101_0101)
}

/// The highest bit of each byte that is `byte`.
const fn equal(word: u64, byte: u8) -> u64 {
    let other = word ^ repeat(byte);
    !((other & REST).wrapping_add(REST) | other) & HIGHS
}

/// The highest bit of each byte from `low` to `high`, both ASCII.
const fn between(word: u64, low: u8, high: u8) -> u64 {
    let rest = word & REST;
    let from = rest.wrapping_add(repeat(0x80_u8.wrapping_sub(low)));
    let above = rest.wrapping_add(repeat(0x7F_u8.wrapping_sub(high)));
    from & !above & !word & HIGHS
}

/// The blocks of a text, each with where it begins.
pub(crate) fn blocks(text: &str) -> impl Iterator<Item = (usize, Block)> {
    text.as_bytes()
        .chunks(BLOCK_BYTES)
        .enumerate()
        .map(|(number, bytes)| (number.wrapping_mul(BLOCK_BYTES), Block::of(bytes)))
}

impl Block {
    fn of(bytes: &[u8]) -> Self {
        let mut words = [0_u64; BLOCK_BYTES / 8];
        let (whole, rest) = bytes.as_chunks::<8>();
        let mut slots = words.iter_mut();
        for (chunk, slot) in whole.iter().zip(slots.by_ref()) {
            *slot = u64::from_le_bytes(*chunk);
        }
        if let Some(slot) = slots.next() {
            *slot = load(rest);
        }
        Self { words }
    }

    /// A bit for each byte that `is` marks by its highest bit.
    fn mask(&self, is: impl Fn(u64) -> u64) -> u64 {
        let mut mask = 0_u64;
        for (&word, at) in self.words.iter().zip([0_u32, 8, 16, 24, 32, 40, 48, 56]) {
            // The product gathers the eight bits, 8 apart, in the highest byte.
            let bits = (is(word) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= bits << at;
        }
        mask
    }

    /// The digits.
    pub(crate) fn digits(&self) -> u64 {
        self.mask(|word| between(word, b'0', b'9'))
    }

    /// The letters of ASCII.
    pub(crate) fn letters(&self) -> u64 {
        self.mask(|word| between(word | SMALL, b'a', b'z'))
    }

    /// The capitals of ASCII.
    pub(crate) fn capitals(&self) -> u64 {
        self.mask(|word| between(word, b'A', b'Z'))
    }

    /// The spaces, and the zeros after the end of the text.
    pub(crate) fn spaces(&self) -> u64 {
        self.mask(|word| equal(word, b' ') | equal(word, 0))
    }

    /// The bytes that are one of `signs`.
    pub(crate) fn any<const N: usize>(&self, signs: [u8; N]) -> u64 {
        self.mask(|word| signs.iter().fold(0, |marks, &sign| marks | equal(word, sign)))
    }
}

/// The first up to eight bytes as a number, the first byte lowest.
pub(crate) fn load(bytes: &[u8]) -> u64 {
    match bytes.first_chunk::<8>() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

/// The same with capitals of ASCII as small letters; some signs become others, the same ones each time.
pub(crate) fn load_small(bytes: &[u8]) -> u64 {
    load(bytes) | SMALL
}

/// The places of the bits of `mask`, ascending.
pub(crate) fn places(mask: u64) -> impl Iterator<Item = usize> {
    let mut left = mask;
    std::iter::from_fn(move || {
        let at = left.trailing_zeros();
        left &= left.wrapping_sub(1);
        (at < u64::BITS).then_some(at as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_from_every_other() {
        // Every byte, beside every other in its word.
        for byte in 0..=255_u8 {
            for other in 0..=255_u8 {
                let word = [other, byte, other, byte, byte, other, byte, other];
                let said = |f: fn(u64) -> u64| f(u64::from_le_bytes(word)).to_le_bytes().map(|b| b == 0x80);
                assert_eq!(said(|w| equal(w, b'@')), word.map(|b| b == b'@'));
                assert_eq!(said(|w| equal(w, 0)), word.map(|b| b == 0));
                assert_eq!(said(|w| between(w, b'0', b'9')), word.map(|b| b.is_ascii_digit()));
                assert_eq!(said(|w| between(w | SMALL, b'a', b'z')), word.map(|b| b.is_ascii_alphabetic()));
            }
        }
    }

    #[test]
    fn bits_stand_where_their_bytes_do() {
        let text: String = (0..3).map(|n| format!("{}7", "a".repeat(40 + n))).collect();
        for (base, block) in blocks(&text) {
            let here: Vec<usize> = places(block.digits()).map(|at| at + base).collect();
            let wanted = text.bytes().enumerate().filter(|(_, b)| *b == b'7').map(|(at, _)| at);
            assert_eq!(here, wanted.filter(|at| (base..base + 64).contains(at)).collect::<Vec<_>>());
            assert_eq!(block.digits() | block.letters() | block.spaces(), u64::MAX);
        }
        assert_eq!(load(b"ab"), 0x6261);
        assert_eq!(load_small(b"ABCDEFGHI"), u64::from_le_bytes(*b"abcdefgh"));
    }
}
