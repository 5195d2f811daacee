//! Random streams: one for each use, so that no draw depends on what else is drawn, or on how many threads draw.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// A stream of pseudo-random numbers (xoshiro256++, Blackman & Vigna 2019) that can be saved and put back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    generator: Xoshiro256PlusPlus,
}

/// 2⁻²⁴: 24 bits are what an f32 in [0, 1) can hold evenly.
const UNIT_24: f32 = 1.0 / 16_777_216.0;

impl Stream {
    /// The stream of (seed, purpose, index); different ones are independent for all practical purposes.
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        // SplitMix64 (Steele, Lea & Flood 2014) over everything that names the stream, then four words from it.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut absorb = |word: u64| {
            state = mix(state ^ word).wrapping_add(0x9E37_79B9_7F4A_7C15);
        };
        absorb(seed);
        purpose.bytes().for_each(|byte| absorb(u64::from(byte)));
        absorb(index.wrapping_add(1) << 8);
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            word.copy_from_slice(&mix(state).to_le_bytes());
        }
        Self { generator: Xoshiro256PlusPlus::from_seed(bytes) }
    }

    /// The generator itself, for libraries that draw from one.
    pub fn generator(&mut self) -> &mut impl Rng {
        &mut self.generator
    }

    /// 64 random bits.
    #[inline(always)]
    pub fn next_u64(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in [0, 1).
    #[inline(always)]
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * UNIT_24
    }

    /// Two uniforms in [0, 1) from one draw.
    #[inline(always)]
    pub fn unit_pair(&mut self) -> (f32, f32) {
        let bits = self.next_u64();
        ((bits >> 40) as f32 * UNIT_24, ((bits as u32) >> 8) as f32 * UNIT_24)
    }

    /// Uniform in [low, high).
    #[inline(always)]
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in {0, …, n − 1}, without bias (Lemire 2019).
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "there is no number below 0");
        let mut product = u64::from(self.next_u64() as u32) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.next_u64() as u32) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// Standard normal (Box & Muller 1958; the second number of the pair is not kept, so that the stream's state is
    /// its generator alone).
    pub fn normal(&mut self) -> f32 {
        let bits = self.next_u64();
        let radius = (f64::from((bits >> 32) as u32) + 1.0) / 4_294_967_296.0;
        let angle = f64::from(bits as u32) / 4_294_967_296.0 * std::f64::consts::TAU;
        ((-2.0 * radius.ln()).sqrt() * angle.cos()) as f32
    }

    /// Brings a slice into random order (Fisher & Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_named_apart() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).next_u64();
        assert_eq!(first(1, "a", 2), first(1, "a", 2));
        let all = [first(1, "a", 2), first(2, "a", 2), first(1, "b", 2), first(1, "a", 3), first(1, "ab", 2)];
        for (index, value) in all.iter().enumerate() {
            assert!(!all[..index].contains(value));
        }
    }

    /// Moments of 10⁶ draws; the limits are five standard errors, a false alarm in about 10⁶ seeds.
    #[test]
    fn uniforms_and_normals_have_their_moments() {
        let mut stream = Stream::new(7, "moments", 0);
        let n = 1_000_000;
        let (mut unit, mut pair, mut normal, mut squares) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let u = stream.unit();
            assert!((0.0..1.0).contains(&u));
            unit += f64::from(u);
            pair += f64::from(stream.unit_pair().1);
            let z = f64::from(stream.normal());
            normal += z;
            squares += z * z;
        }
        let n = f64::from(n);
        let error = 5.0 / n.sqrt();
        assert!((unit / n - 0.5).abs() < error * 0.289 && (pair / n - 0.5).abs() < error * 0.289);
        assert!((normal / n).abs() < error && (squares / n - 1.0).abs() < error * 2.0_f64.sqrt());
    }

    /// χ² with 5 degrees of freedom exceeds 20.5 in one of 1,000 seeds.
    #[test]
    fn below_is_even() {
        let mut stream = Stream::new(3, "below", 0);
        let mut counts = [0.0_f64; 6];
        for _ in 0..600_000 {
            counts[stream.below(6) as usize] += 1.0;
        }
        let chi2: f64 = counts.iter().map(|count| (count - 1e5) * (count - 1e5) / 1e5).sum();
        assert!(chi2 < 20.5, "{counts:?}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..100).collect();
        Stream::new(5, "shuffle", 0).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
