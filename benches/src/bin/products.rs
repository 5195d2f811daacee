//! Products of matrices in f32 on one core, the least time of many short windows: each path, the crate `matrixmultiply`, and the peak of independent fused
//! multiply-adds at this level. With `SETPOINT_LEVEL=avx2` ours use AVX2; `matrixmultiply` always takes the best
//! level of the machine.

use setpoint_benches::{least_seconds, print};
use setpoint_nn::level;
use setpoint_nn::matmul::{Path, Sums, View, matmul, matmul_on, way};

/// Of squares, and of the layers that learners have.
const SQUARES: [usize; 8] = [32, 64, 96, 128, 192, 256, 384, 512];
const LAYERS: [(usize, usize, usize); 11] = [
    (64, 64, 8),
    (64, 15, 64),
    (64, 1, 64),
    (4, 64, 64),
    (1, 256, 256),
    (128, 256, 256),
    (128, 1, 256),
    (128, 256, 4),
    (256, 256, 16),
    (256, 256, 128),
    (256, 1, 128),
];

fn main() -> Result<(), level::UnknownLevel> {
    level::check()?;
    println!("{}", serde_json::json!({ "level": level::name() }));
    for (m, n, k) in SQUARES.map(|size| (size, size, size)).into_iter().chain(LAYERS) {
        product(m, n, k);
    }
    Ok(())
}

/// All measurements of one size in turn, so that what else the machine does meets all of them.
fn product(m: usize, n: usize, k: usize) {
    let (a, b, mut c) = (vec![0.5_f32; m * k], vec![0.25_f32; k * n], vec![0.0_f32; m * n]);
    let calls = 1_000_000 / (m * n * k) + 1;
    let mut rate = |work: &mut dyn FnMut(&mut [f32])| {
        let seconds = least_seconds(|| (0..calls).for_each(|_| work(std::hint::black_box(&mut c))));
        (2 * m * n * k * calls) as f64 / seconds * 1e-9
    };
    let (rows, columns) = (View::rows(&a, k), View::transposed(&a, m));
    let before = peak();
    let chosen = rate(&mut |c| matmul(m, n, k, rows, &b, Sums::PLAIN, c));
    let transposed = rate(&mut |c| matmul(m, n, k, columns, &b, Sums::PLAIN, c));
    let plain = rate(&mut |c| matmul_on(Some(Path::Plain), m, n, k, rows, &b, Sums::PLAIN, c));
    let packed = rate(&mut |c| matmul_on(Some(Path::Packed), m, n, k, rows, &b, Sums::PLAIN, c));
    let peer = rate(&mut |c| peer(m, n, k, &a, &b, c));
    let peak = f64::midpoint(before, peak());
    let name = |what: &str| format!("matmul{what} {m}x{n}x{k}");
    let (level, path) = way(m, n, k);
    println!("{}", serde_json::json!({ "name": name(" way"), "level": level, "path": format!("{path:?}") }));
    print(&name(""), chosen, "GFLOP/s");
    print(&name(" transposed"), transposed, "GFLOP/s");
    print(&name(" plain"), plain, "GFLOP/s");
    print(&name(" packed"), packed, "GFLOP/s");
    print(&format!("matrixmultiply {m}x{n}x{k}"), peer, "GFLOP/s");
    print(&format!("peak {m}x{n}x{k}"), peak, "GFLOP/s");
    print(&name(" of peak"), 100.0 * chosen / peak, "%");
    print(&name(" of matrixmultiply"), 100.0 * chosen / peer, "%");
}

fn peer(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n);
    let row = |columns: usize| isize::try_from(columns).expect("a small matrix");
    let (pa, pb, pc) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
    // SAFETY: the slices hold the matrices row by row (just checked), and C does not overlap the others.
    unsafe {
        matrixmultiply::sgemm(m, k, n, 1.0, pa, row(k), 1, pb, row(n), 1, 0.0, pc, row(n), 1);
    }
}

/// GFLOP/s of multiply-adds that wait for nothing and read no memory.
fn peak() -> f64 {
    const ROUNDS: u32 = 2_000;
    let (lanes, chains) = match level::name() {
        "avx512" => (16, 24),
        "avx2" => (8, 12),
        _ => (4, 12),
    };
    let seconds = least_seconds(|| {
        #[cfg(target_arch = "x86_64")]
        match level::name() {
            // SAFETY: `level` has found AVX-512.
            "avx512" => unsafe { chains_of_avx512(std::hint::black_box(ROUNDS)) },
            // SAFETY: `level` has found AVX2 with fused multiply-adds.
            "avx2" => unsafe { chains_of_avx2(std::hint::black_box(ROUNDS)) },
            _ => chains_of_any(std::hint::black_box(ROUNDS)),
        }
        #[cfg(not(target_arch = "x86_64"))]
        chains_of_any(std::hint::black_box(ROUNDS));
    });
    f64::from(2 * lanes * chains) * f64::from(ROUNDS) / seconds * 1e-9
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn chains_of_avx512(rounds: u32) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};
    let (factor, mut sums) = (_mm512_set1_ps(0.999), [_mm512_set1_ps(1.0); 24]);
    for _ in 0..rounds {
        sums = sums.map(|sum| _mm512_fmadd_ps(sum, factor, factor));
    }
    std::hint::black_box(sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn chains_of_avx2(rounds: u32) {
    use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_set1_ps};
    let (factor, mut sums) = (_mm256_set1_ps(0.999), [_mm256_set1_ps(1.0); 12]);
    for _ in 0..rounds {
        sums = sums.map(|sum| _mm256_fmadd_ps(sum, factor, factor));
    }
    std::hint::black_box(sums);
}

fn chains_of_any(rounds: u32) {
    let mut sums = [[1.0_f32; 4]; 12];
    for _ in 0..rounds {
        sums = sums.map(|lanes| lanes.map(|lane| lane * 0.999 + 0.999));
    }
    std::hint::black_box(sums);
}
