//! Hot loops are compiled for several machine levels; the best one that the machine has is chosen at run time.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// How much a machine can do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// All levels of this architecture, the lowest first.
#[cfg(target_arch = "x86_64")]
const LEVELS: &[Level] = &[Level::Baseline, Level::Avx2, Level::Avx512];
#[cfg(not(target_arch = "x86_64"))]
const LEVELS: &[Level] = &[Level::Baseline];

/// The environment variable that names the level to use, to measure on a better machine what others get.
pub const VARIABLE: &str = "SETPOINT_LEVEL";

/// The chosen level's place in [`LEVELS`], from 1; 0 before the first use.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// [`VARIABLE`] names a level that this machine does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel {
    wanted: String,
    offered: Vec<&'static str>,
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{VARIABLE} is {:?}, and this machine has {}", self.wanted, self.offered.join(", "))
    }
}

impl Error for UnknownLevel {}

impl Level {
    /// Its place among the levels of this architecture, from the lowest.
    pub(crate) fn place(self) -> usize {
        LEVELS.iter().position(|found| *found == self).unwrap_or(0)
    }

    /// The level at a place.
    pub(crate) fn at(place: usize) -> Self {
        LEVELS[place]
    }

    /// The side from which products are usually faster with a packed B. The farther apart B's rows lie, the fewer places of the
    /// first-level cache the lines of a panel compete for; with AVX-512 a row of a tile has twice as many lines side by side.
    pub(crate) fn packs_from(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 192,
            _ => 64,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
        }
    }
}

/// The name of the level in use: `avx512`, `avx2` or `baseline`. Results of two levels may differ in their last bits.
pub fn name() -> &'static str {
    level().name()
}

/// Whether the machine has the level that [`VARIABLE`] names, if it names one.
///
/// # Errors
/// If the variable names no level, or one that the machine does not have. Loops run at the machine's level then.
pub fn check() -> Result<(), UnknownLevel> {
    chosen(std::env::var_os(VARIABLE).as_deref()).map(drop)
}

fn chosen(wanted: Option<&OsStr>) -> Result<Level, UnknownLevel> {
    let best = of_machine();
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(best) };
    let offered = LEVELS.iter().copied().filter(|level| *level <= best);
    offered.clone().find(|level| wanted == level.name()).ok_or_else(|| UnknownLevel {
        wanted: wanted.to_string_lossy().into_owned(),
        offered: offered.map(Level::name).collect(),
    })
}

/// The best level that the machine has.
fn of_machine() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
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

/// The level in use. After the first call this is a load and a test.
#[inline(always)]
pub(crate) fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => choose(),
        place => LEVELS[usize::from(place) - 1],
    }
}

#[cold]
fn choose() -> Level {
    let level = chosen(std::env::var_os(VARIABLE).as_deref()).unwrap_or_else(|_| of_machine());
    CHOSEN.store(level.place() as u8 + 1, Ordering::Relaxed);
    level
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_the_machine_has_can_be_named() {
        assert_eq!(chosen(None), Ok(of_machine()));
        assert_eq!(chosen(Some("".as_ref())), Ok(of_machine()));
        assert_eq!(chosen(Some("baseline".as_ref())), Ok(Level::Baseline));
        for level in LEVELS {
            assert_eq!(chosen(Some(level.name().as_ref())).is_ok(), *level <= of_machine());
        }
    }

    #[test]
    fn a_name_of_no_level_is_refused_with_those_of_the_machine() {
        let refused = chosen(Some("avx3".as_ref())).unwrap_err().to_string();
        assert!(
            refused.starts_with("SETPOINT_LEVEL is \"avx3\", and this machine has baseline"),
            "{refused}"
        );
        assert!(chosen(Some("AVX2".as_ref())).is_err());
    }
}
