//! Masks of choices in memory: one bit a choice, each row beginning a new byte.

/// Bytes of a row.
pub fn bytes(choices: usize) -> usize {
    choices.div_ceil(8)
}

/// Packs rows of masks, `true` = allowed. An empty mask allows everything.
pub fn pack(allowed: &[bool], choices: usize, bits: &mut [u8]) {
    if choices == 0 {
        return;
    }
    for (row, bits) in bits.chunks_exact_mut(bytes(choices)).enumerate() {
        bits.fill(0);
        for choice in 0..choices {
            if allowed.is_empty() || allowed[row * choices + choice] {
                bits[choice / 8] |= 1 << (choice % 8);
            }
        }
    }
}

/// The mask of one row.
pub fn unpack(bits: &[u8], allowed: &mut [bool]) {
    for (choice, allowed) in allowed.iter_mut().enumerate() {
        *allowed = bits[choice / 8] >> (choice % 8) & 1 == 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rows_come_back_from_one_bit_a_choice() {
        for choices in [1, 7, 8, 9, 10_000] {
            let rows = 3;
            let allowed: Vec<bool> =
                (0..rows * choices).map(|index| (index * index + index / 3) % 5 < 2).collect();
            let mut bits = vec![0xff; rows * bytes(choices)];
            pack(&allowed, choices, &mut bits);
            assert_eq!(bits.len(), rows * choices.div_ceil(8));
            let mut found = vec![false; choices];
            for row in 0..rows {
                unpack(&bits[row * bytes(choices)..][..bytes(choices)], &mut found);
                assert_eq!(found, allowed[row * choices..(row + 1) * choices]);
            }
            pack(&[], choices, &mut bits);
            unpack(&bits[..bytes(choices)], &mut found);
            assert!(found.iter().all(|allowed| *allowed));
        }
    }
}
