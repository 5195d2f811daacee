//! Hot loops are compiled for several machine levels; the best one that the machine has is chosen at run time.

/// How much a machine can do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every machine has.
    Baseline,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The name of the machine's level: `avx512`, `avx2` or `baseline`. Results of two levels may differ in their last bits.
pub fn name() -> &'static str {
    match level() {
        Level::Baseline => "baseline",
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => "avx2",
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => "avx512",
    }
}

/// The machine's level. The standard library caches what the processor says; this is a load and a test. A build with
/// `--cfg setpoint_level="avx2"` uses AVX2 at most, to measure on a machine with AVX-512 what others get.
#[inline(always)]
pub(crate) fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        if cfg!(not(setpoint_level = "avx2"))
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("fma")
        {
            return Level::Avx512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Level::Avx2;
        }
    }
    Level::Baseline
}

/// Compiles one generic loop body for every level and makes a function that runs the best one.
///
/// The body is `#[inline(always)] fn body<T: Real, const FUSED: bool>(…)`; `FUSED` says whether a fused multiply-add is
/// an instruction at that level. All levels do the same operations on each element, so results differ between levels
/// only by that fusion, and never between runs on one machine.
macro_rules! for_each_level {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident<T: Real>($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? = $body:ident) => {
        $(#[$meta])*
        #[inline]
        $visibility fn $name<T: Real>($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
                fn avx512<T: Real>($($argument: $type),*) $(-> $result)? {
                    $body::<T, true>($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
                fn avx2<T: Real>($($argument: $type),*) $(-> $result)? {
                    $body::<T, true>($($argument),*)
                }
                match $crate::level::level() {
                    // SAFETY: `level` has found every feature that the function is compiled for.
                    $crate::level::Level::Avx512 => return unsafe { avx512::<T>($($argument),*) },
                    // SAFETY: as above.
                    $crate::level::Level::Avx2 => return unsafe { avx2::<T>($($argument),*) },
                    $crate::level::Level::Baseline => {}
                }
            }
            $body::<T, { cfg!(target_arch = "aarch64") }>($($argument),*)
        }
    };
}
pub(crate) use for_each_level;
