//! Anderson extrapolation of the iterates of block descent (Bertrand and Massias 2021, algorithm 1).

use crate::kernels;
use crate::linalg;

/// Keeps the last iterates (coefficients and the state that is affine in them) and proposes their best affine
/// combination. Buffers are kept, too: iterates may be large, and fresh memory costs more than the arithmetic.
pub(super) struct Anderson {
    depth: usize,
    /// Iterates held; the buffers behind them wait for use.
    held: usize,
    iterates: Vec<(Vec<f64>, Vec<f64>)>,
    differences: Vec<f64>,
    proposal: (Vec<f64>, Vec<f64>),
}

impl Anderson {
    pub(super) fn new(depth: usize) -> Self {
        Self { depth, held: 0, iterates: Vec::new(), differences: Vec::new(), proposal: (Vec::new(), Vec::new()) }
    }

    pub(super) fn clear(&mut self) {
        self.held = 0;
    }

    /// Records an iterate; every `depth + 1` iterates returns the extrapolated (coefficients, state) and starts anew.
    pub(super) fn push(&mut self, w: &[f64], state: &[f64]) -> Option<(&[f64], &[f64])> {
        if self.depth == 0 {
            return None;
        }
        if self.held == self.iterates.len() {
            self.iterates.push((Vec::new(), Vec::new()));
        }
        let slot = &mut self.iterates[self.held];
        slot.0.clear();
        slot.0.extend_from_slice(w);
        slot.1.clear();
        slot.1.extend_from_slice(state);
        self.held += 1;
        if self.held <= self.depth {
            return None;
        }
        self.held = 0;
        let k = self.depth;
        let m = w.len();
        // U holds the differences of successive iterates; c solves (UᵀU) z = 1, normalised to sum 1.
        self.differences.resize(m * k, 0.0);
        for (i, pair) in self.iterates.windows(2).enumerate() {
            let to = &mut self.differences[i * m..(i + 1) * m];
            for ((d, new), old) in to.iter_mut().zip(&pair[1].0).zip(&pair[0].0) {
                *d = new - old;
            }
        }
        let mut gram = vec![0.0; k * k];
        for i in 0..k {
            for j in 0..=i {
                let difference = |i: usize| &self.differences[i * m..(i + 1) * m];
                gram[i * k + j] = kernels::dot(difference(i), difference(j));
                gram[j * k + i] = gram[i * k + j];
            }
        }
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
        let (w_new, state_new) = &mut self.proposal;
        w_new.clear();
        w_new.resize(m, 0.0);
        state_new.clear();
        state_new.resize(state.len(), 0.0);
        for (c, (w, state)) in c.iter().zip(&self.iterates[1..]) {
            kernels::axpy(c / sum, w, w_new);
            kernels::axpy(c / sum, state, state_new);
        }
        Some((w_new, state_new))
    }
}
