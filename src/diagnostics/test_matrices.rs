//! Matrices whose diagnostics are known.

use ndarray::{Array2, array};

use super::subsets::SplitMix;

/// Uniform in [−1, 1).
pub(super) fn random(seed: u64, n: usize, p: usize) -> Array2<f64> {
    let mut draw = SplitMix::stream(seed, 0);
    Array2::from_shape_simple_fn((n, p), || (draw.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
}

/// Three vectors of the plane at 120°.
pub(super) fn mercedes() -> Array2<f64> {
    let s = 0.75_f64.sqrt();
    array![[1.0, -0.5, -0.5], [0.0, s, -s]]
}

/// The six lines through opposite corners of an icosahedron.
pub(super) fn icosahedron() -> Array2<f64> {
    let g = (1.0 + 5.0_f64.sqrt()) / 2.0;
    array![[0.0, 0.0, 1.0, 1.0, g, g], [1.0, 1.0, g, -g, 0.0, 0.0], [g, -g, 0.0, 0.0, 1.0, -1.0]]
}

/// The unit vectors and the Walsh functions of length n, a power of 2.
pub(super) fn hadamard_identity(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2 * n), |(i, j)| match j.checked_sub(n) {
        None => f64::from(u8::from(i == j)),
        Some(j) => (if (i & j).count_ones() % 2 == 0 { 1.0 } else { -1.0 }) / (n as f64).sqrt(),
    })
}

/// Powers 0, …, n − 1 of p Chebyshev nodes.
pub(super) fn vandermonde(n: usize, p: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, p), |(i, j)| {
        ((2 * j + 1) as f64 * std::f64::consts::PI / (2 * p) as f64).cos().powi(i as i32)
    })
}
