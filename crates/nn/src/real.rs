//! The two number types that networks are made of, and the vectors of each machine level: `f32` to train with, `f64` to
//! check gradients on the very same code.

use crate::matmul::operands::Multiply;
pub use crate::number::Number;
use crate::vector::{Array, Square, Vector};

/// A floating-point number that networks can be made of.
pub trait Real: Number + Multiply {
    /// The widest vector of an AVX-512 machine.
    type Wide: Vector<Self>;
    /// The widest vector of an AVX2 machine: eight lanes.
    type Middle: Square<Self>;
    /// What any machine has.
    type Narrow: Vector<Self>;
}

impl Real for f32 {
    #[cfg(target_arch = "x86_64")]
    type Wide = std::arch::x86_64::__m512;
    #[cfg(target_arch = "x86_64")]
    type Middle = std::arch::x86_64::__m256;
    #[cfg(not(target_arch = "x86_64"))]
    type Wide = Array<f32, 8>;
    #[cfg(not(target_arch = "x86_64"))]
    type Middle = Array<f32, 8>;
    type Narrow = Array<f32, 4>;
}

impl Real for f64 {
    type Wide = Array<f64, 8>;
    type Middle = Array<f64, 8>;
    type Narrow = Array<f64, 2>;
}
