//! Anderson extrapolation of the iterates of block descent (Bertrand and Massias 2021, algorithm 1).

use crate::kernels;
use crate::linalg;

/// Keeps the last iterates (coefficients and the state that is affine in them) and proposes their best affine
/// combination.
pub(super) struct Anderson {
    depth: usize,
    iterates: Vec<(Vec<f64>, Vec<f64>)>,
}

impl Anderson {
    pub(super) fn new(depth: usize) -> Self {
        Self { depth, iterates: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.iterates.clear();
    }

    /// Records an iterate; every `depth + 1` iterates returns the extrapolated (coefficients, state) and starts anew.
    pub(super) fn push(&mut self, w: &[f64], state: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
        if self.depth == 0 {
            return None;
        }
        self.iterates.push((w.to_vec(), state.to_vec()));
        if self.iterates.len() <= self.depth {
            return None;
        }
        let iterates = std::mem::take(&mut self.iterates);
        let k = self.depth;
        let m = w.len();
        // U holds the differences of successive iterates; c solves (UᵀU) z = 1, normalised to sum 1.
        let mut differences = vec![0.0; m * k];
        for (i, pair) in iterates.windows(2).enumerate() {
            for ((d, new), old) in differences[i * m..(i + 1) * m].iter_mut().zip(&pair[1].0).zip(&pair[0].0) {
                *d = new - old;
            }
        }
        let mut gram = vec![0.0; k * k];
        linalg::gram(&differences, m, k, &mut gram);
        let trace: f64 = (0..k).map(|i| gram[i * k + i]).sum();
        if trace == 0.0 || !trace.is_finite() {
            return None;
        }
        let factor = linalg::Cholesky::factor(&gram, k).ok()?;
        let mut c = vec![1.0; k];
        factor.solve_in_place(&mut c);
        let sum: f64 = c.iter().sum();
        if !(sum.is_finite() && sum.abs() > 1e-12 * c.iter().fold(0.0, |a: f64, c| a.max(c.abs()))) {
            return None;
        }
        let mut w_new = vec![0.0; m];
        let mut state_new = vec![0.0; state.len()];
        for (c, (w, state)) in c.iter().zip(&iterates[1..]) {
            kernels::axpy(c / sum, w, &mut w_new);
            kernels::axpy(c / sum, state, &mut state_new);
        }
        Some((w_new, state_new))
    }
}
