//! Vectors of numbers that live in registers, one implementation a machine level.

use crate::number::Number;

/// A few numbers that are worked on at once.
pub trait Vector<T: Number>: Copy {
    /// How many.
    const LANES: usize;

    /// The same number in every lane.
    fn splat(value: T) -> Self;
    /// The first `count` ≤ `LANES` lanes from `from`, the others 0.
    ///
    /// # Safety
    /// `from` must be valid for reading `count` numbers, and the machine must have the vector's level.
    unsafe fn load(from: *const T, count: usize) -> Self;
    /// Writes the first `count` ≤ `LANES` lanes to `to`.
    ///
    /// # Safety
    /// `to` must be valid for writing `count` numbers, and the machine must have the vector's level.
    unsafe fn store(self, to: *mut T, count: usize);
    /// `self × a + b` in each lane.
    ///
    /// # Safety
    /// The machine must have the vector's level.
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self;
    /// max(x, 0) in each lane; NaN stays NaN.
    ///
    /// # Safety
    /// The machine must have the vector's level.
    unsafe fn relu(self) -> Self;
    /// Each lane where `made`'s is positive, else 0.
    ///
    /// # Safety
    /// The machine must have the vector's level.
    unsafe fn where_positive(self, made: Self) -> Self;
}

/// Eight lanes, so that eight of them are a square block.
pub trait Square<T: Number>: Vector<T> {
    /// The transpose of eight rows.
    ///
    /// # Safety
    /// The machine must have the vector's level.
    unsafe fn transpose(rows: [Self; 8]) -> [Self; 8];
}

/// Plain numbers side by side: what any machine has.
#[derive(Clone, Copy)]
pub struct Array<T, const N: usize>([T; N]);

impl<T: Number, const N: usize> Vector<T> for Array<T, N> {
    const LANES: usize = N;

    #[inline(always)]
    fn splat(value: T) -> Self {
        Self([value; N])
    }

    #[inline(always)]
    unsafe fn load(from: *const T, count: usize) -> Self {
        let mut lanes = [T::ZERO; N];
        // SAFETY: the caller vouches for `count` readable numbers; `count` ≤ N of them are written to a local array.
        unsafe { std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count.min(N)) };
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T, count: usize) {
        // SAFETY: the caller vouches for `count` writable numbers; the local array holds N.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, count.min(N)) };
    }

    #[inline(always)]
    unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
        let mut lanes = self.0;
        for ((lane, a), b) in lanes.iter_mut().zip(a.0).zip(b.0) {
            // Aarch64 always fuses at no cost; plain x86-64 would call the mathematics library.
            *lane = lane.multiply_add::<{ cfg!(target_arch = "aarch64") }>(a, b);
        }
        Self(lanes)
    }

    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(self.0.map(|lane| if lane < T::ZERO { T::ZERO } else { lane }))
    }

    #[inline(always)]
    unsafe fn where_positive(self, made: Self) -> Self {
        let mut lanes = self.0;
        for (lane, made) in lanes.iter_mut().zip(made.0) {
            *lane = if made > T::ZERO { *lane } else { T::ZERO };
        }
        Self(lanes)
    }
}

impl<T: Number> Square<T> for Array<T, 8> {
    #[inline(always)]
    unsafe fn transpose(rows: [Self; 8]) -> [Self; 8] {
        std::array::from_fn(|column| Self(std::array::from_fn(|row| rows[row].0[column])))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Square, Vector};

    impl Vector<f32> for __m512 {
        const LANES: usize = 16;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: only code that was chosen because the machine has AVX-512F uses this type.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32, count: usize) -> Self {
            // SAFETY: the mask keeps the load within the `count` numbers that the caller vouches for.
            unsafe {
                if count >= 16 {
                    _mm512_loadu_ps(from)
                } else {
                    _mm512_maskz_loadu_ps((1 << count) - 1, from)
                }
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32, count: usize) {
            // SAFETY: the mask keeps the store within the `count` numbers that the caller vouches for.
            unsafe {
                if count >= 16 {
                    _mm512_storeu_ps(to, self);
                } else {
                    _mm512_mask_storeu_ps(to, (1 << count) - 1, self);
                }
            }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_fmadd_ps(self, a, b) }
        }

        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // Where an operand is NaN the instruction gives the second one.
            // SAFETY: the caller vouches for AVX-512F.
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), self) }
        }

        #[inline(always)]
        unsafe fn where_positive(self, made: Self) -> Self {
            // SAFETY: the caller vouches for AVX-512F.
            unsafe {
                let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(made, _mm512_setzero_ps());
                _mm512_maskz_mov_ps(positive, self)
            }
        }
    }

    /// `MASKS[8 − n..]` begins with n lanes of ones.
    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    impl Vector<f32> for __m256 {
        const LANES: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: only code that was chosen because the machine has AVX2 and FMA uses this type.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(from: *const f32, count: usize) -> Self {
            // SAFETY: the mask keeps the load within the `count` numbers that the caller vouches for, and is itself
            // read within the table since `count` < 8 there.
            unsafe {
                if count >= 8 {
                    _mm256_loadu_ps(from)
                } else {
                    let mask = _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast());
                    _mm256_maskload_ps(from, mask)
                }
            }
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32, count: usize) {
            // SAFETY: as for `load`.
            unsafe {
                if count >= 8 {
                    _mm256_storeu_ps(to, self);
                } else {
                    let mask = _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast());
                    _mm256_maskstore_ps(to, mask, self);
                }
            }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, a: Self, b: Self) -> Self {
            // SAFETY: the caller vouches for FMA.
            unsafe { _mm256_fmadd_ps(self, a, b) }
        }

        #[inline(always)]
        unsafe fn relu(self) -> Self {
            // Where an operand is NaN the instruction gives the second one.
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), self) }
        }

        #[inline(always)]
        unsafe fn where_positive(self, made: Self) -> Self {
            // SAFETY: the caller vouches for AVX2.
            unsafe { _mm256_and_ps(self, _mm256_cmp_ps::<_CMP_GT_OQ>(made, _mm256_setzero_ps())) }
        }
    }

    impl Square<f32> for __m256 {
        #[inline(always)]
        unsafe fn transpose(rows: [Self; 8]) -> [Self; 8] {
            // Pairs of rows, then pairs of pairs within each half, then the halves change places.
            // SAFETY: the caller vouches for AVX2.
            unsafe {
                let [a, b, c, d, e, f, g, h] = rows;
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ef, gh) = (_mm256_unpacklo_ps(e, f), _mm256_unpacklo_ps(g, h));
                let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                let (ef_high, gh_high) = (_mm256_unpackhi_ps(e, f), _mm256_unpackhi_ps(g, h));
                const FIRST: i32 = 0b01_00_01_00;
                const SECOND: i32 = 0b11_10_11_10;
                let upper = [
                    _mm256_shuffle_ps(ab, cd, FIRST),
                    _mm256_shuffle_ps(ab, cd, SECOND),
                    _mm256_shuffle_ps(ab_high, cd_high, FIRST),
                    _mm256_shuffle_ps(ab_high, cd_high, SECOND),
                ];
                let lower = [
                    _mm256_shuffle_ps(ef, gh, FIRST),
                    _mm256_shuffle_ps(ef, gh, SECOND),
                    _mm256_shuffle_ps(ef_high, gh_high, FIRST),
                    _mm256_shuffle_ps(ef_high, gh_high, SECOND),
                ];
                std::array::from_fn(|index| {
                    let (upper, lower) = (upper[index % 4], lower[index % 4]);
                    if index < 4 {
                        _mm256_permute2f128_ps(upper, lower, 0x20)
                    } else {
                        _mm256_permute2f128_ps(upper, lower, 0x31)
                    }
                })
            }
        }
    }
}
