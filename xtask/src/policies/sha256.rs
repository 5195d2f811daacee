//! SHA-256 (FIPS 180-4), so that `sha256sum` finds the same hash. A crate for it would be a dependency of this chore alone.

/// The first 64 primes, from which the standard takes its constants.
const PRIMES: [u32; 64] = primes();

const fn primes() -> [u32; 64] {
    let (mut found, mut number) = ([0; 64], 2);
    let mut count = 0;
    while count < 64 {
        let (mut divisor, mut is_prime) = (2, true);
        while divisor * divisor <= number {
            is_prime = is_prime && number % divisor != 0;
            divisor += 1;
        }
        if is_prime {
            found[count] = number;
            count += 1;
        }
        number += 1;
    }
    found
}

/// The first 32 bits behind the point of a prime's square root (`power` 2) or cube root (`power` 3): the integer root
/// of the prime times 2^(32 × power), without the bits in front of the point.
const fn root(prime: u32, power: u32) -> u32 {
    let target = (prime as u128) << (32 * power);
    let (mut low, mut high) = (0_u128, 1 << 40);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if middle.pow(power) <= target {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u32
}

const fn roots<const COUNT: usize>(power: u32) -> [u32; COUNT] {
    let (mut roots, mut at) = ([0; COUNT], 0);
    while at < COUNT {
        roots[at] = root(PRIMES[at], power);
        at += 1;
    }
    roots
}

const START: [u32; 8] = roots(2);
const ROUNDS: [u32; 64] = roots(3);

/// The hash as 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let mut state = START;
    let whole = bytes.chunks_exact(64);
    // The rest, one set bit, zeros, and the number of bits end a block.
    let mut last = whole.remainder().to_vec();
    last.push(0x80);
    last.resize((last.len() + 8).next_multiple_of(64) - 8, 0);
    last.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in whole.chain(last.chunks_exact(64)) {
        mix(&mut state, block);
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

/// Mixes a block of 64 bytes into the state.
fn mix(state: &mut [u32; 8], block: &[u8]) {
    let mut words = [0_u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    for at in 16..64 {
        let (early, late) = (words[at - 15], words[at - 2]);
        let early = early.rotate_right(7) ^ early.rotate_right(18) ^ (early >> 3);
        let late = late.rotate_right(17) ^ late.rotate_right(19) ^ (late >> 10);
        words[at] = words[at - 16].wrapping_add(early).wrapping_add(words[at - 7]).wrapping_add(late);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in words.into_iter().zip(ROUNDS) {
        let turned = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let first = h.wrapping_add(turned).wrapping_add(choice).wrapping_add(constant).wrapping_add(word);
        let turned = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let second = turned.wrapping_add(majority);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
    }
    for (word, mixed) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(mixed);
    }
}

#[test]
fn hashes_are_those_of_the_standard() {
    assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_eq!(sha256(two_blocks), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    let million = vec![b'a'; 1_000_000];
    assert_eq!(sha256(&million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
