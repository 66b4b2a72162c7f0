//! `f(Θ) = −log det Θ + ⟨S, Θ⟩`, the Gaussian log-likelihood of a precision matrix, and its quadratic model.
//!
//! A symmetric p×p matrix is a vector of p² coefficients; both triangles are stored. The conjugate of −log det makes every
//! positive definite matrix W a dual point (gradient S − W), so that a certificate may *clip* W − S into the dual box
//! instead of scaling it.

use std::ops::Range;

use crate::error::{Error, Result, check_finite, check_length};
use crate::kernels;
use crate::linalg::{self, Cholesky};
use crate::smooth::{Quadratic, Smooth};

/// `f(Θ) = −log det Θ + ⟨S, Θ⟩`, ∞ outside the positive definite matrices.
///
/// ```
/// use sparsereg::smooth::{LogDet, Smooth};
/// let f = LogDet::new(2, vec![2.0, 0.5, 0.5, 1.0])?;
/// let at = f.point(&[1.0, 0.0, 0.0, 1.0]);
/// assert_eq!(f.value(&at), 3.0);
/// assert_eq!(f.value(&f.point(&[1.0, 2.0, 2.0, 1.0])), f64::INFINITY);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LogDet {
    size: usize,
    covariance: Vec<f64>,
}

/// Θ with its inverse and log determinant.
#[derive(Debug, Clone)]
pub struct LogDetPoint {
    theta: Vec<f64>,
    /// Θ⁻¹; empty where Θ is not positive definite or not yet inverted.
    inverse: Vec<f64>,
    factor: Option<Cholesky>,
    value: f64,
    log_det: f64,
    /// Σ |S_ij θ_ij|.
    size: f64,
}

impl LogDetPoint {
    /// Θ⁻¹.
    pub(crate) fn inverse(&self) -> &[f64] {
        &self.inverse
    }

    /// Θ.
    pub(crate) fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// log det Θ.
    pub(crate) fn log_det(&self) -> f64 {
        self.log_det
    }

    /// Fills in the inverse.
    pub(crate) fn invert(&mut self) {
        if let Some(factor) = self.factor.take() {
            self.inverse = vec![0.0; self.theta.len()];
            factor.inverse(&mut self.inverse);
        }
    }
}

/// Up to this distance `‖Θ^½ W Θ^½ − I‖_F` the second-order bound replaces the determinant.
const SERIES: f64 = 0.25;

/// Share of the diagonal below which a pivot of W is rounding, for each variable.
const PIVOT: f64 = 4.0 * f64::EPSILON;

/// What rounding may make of the sum of squares that it is, for each variable.
const NEGATIVE: f64 = 1e-12;

impl LogDet {
    /// The term for a symmetric p×p matrix S (p² values).
    ///
    /// # Errors
    /// No variables, a wrong length, NaN or infinity, a matrix that is not symmetric to the last bit, a diagonal entry that is
    /// not positive.
    pub fn new(size: usize, covariance: Vec<f64>) -> Result<Self> {
        if size == 0 {
            return Err(Error::Empty { argument: "covariance" });
        }
        check_length("covariance", size.saturating_mul(size), covariance.len())?;
        check_finite("covariance", &covariance)?;
        for j in 0..size {
            let value = covariance[j * size + j];
            if value <= 0.0 {
                let expected = "a variance > 0";
                return Err(Error::OutOfRange { argument: "covariance", index: vec![j, j], value, expected });
            }
            for i in 0..j {
                let difference = (covariance[j * size + i] - covariance[i * size + j]).abs();
                if difference != 0.0 {
                    return Err(Error::NotSymmetric { argument: "covariance", row: j, column: i, difference });
                }
            }
        }
        Ok(Self { size, covariance })
    }

    /// p.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// S.
    pub(crate) fn covariance(&self) -> &[f64] {
        &self.covariance
    }

    /// Value and factor at Θ, without the inverse; the value is ∞ outside the domain.
    pub(crate) fn factor(&self, theta: Vec<f64>) -> LogDetPoint {
        let p = self.size;
        let (mut trace, mut size) = (0.0, 0.0);
        for (s, t) in self.covariance.iter().zip(&theta) {
            trace += s * t;
            size += (s * t).abs();
        }
        let diagonal = (0..p).all(|j| (0..p).all(|i| i == j || theta[j * p + i] == 0.0));
        if diagonal {
            let mut inverse = vec![0.0; p * p];
            let mut log_det = 0.0;
            for i in 0..p {
                let t = theta[i * p + i];
                inverse[i * p + i] = 1.0 / t;
                log_det += if t > 0.0 { t.ln() } else { f64::NEG_INFINITY };
            }
            if log_det == f64::NEG_INFINITY {
                inverse.clear();
            }
            return LogDetPoint { theta, inverse, factor: None, value: trace - log_det, log_det, size };
        }
        match Cholesky::factor(&theta, p) {
            Ok(factor) => {
                let log_det = factor.log_det();
                LogDetPoint { theta, inverse: Vec::new(), factor: Some(factor), value: trace - log_det, log_det, size }
            }
            Err(_) => LogDetPoint {
                theta,
                inverse: Vec::new(),
                factor: None,
                value: f64::INFINITY,
                log_det: f64::NEG_INFINITY,
                size,
            },
        }
    }

    /// `tr(GΘGΘ)` with `G = S − Θ⁻¹`: twice the value that the model of f at Θ promises at most.
    pub(crate) fn newton_energy(&self, at: &LogDetPoint) -> f64 {
        let mut product = Vec::new();
        self.residual(&self.covariance, &at.theta, &mut product);
        trace_of_square(&product, self.size).max(0.0)
    }

    /// Whether a dual point W, given by its values, is certain to be positive definite because it is close to Θ⁻¹, and
    /// then an upper bound of `tr(WΘ) − p − log det(WΘ)`; see [`fenchel_young`](Smooth::fenchel_young). `product` is
    /// overwritten.
    pub(crate) fn near_gap(&self, at: &LogDetPoint, dual: &[f64], product: &mut Vec<f64>) -> Option<f64> {
        self.residual(dual, &at.theta, product);
        let square = trace_of_square(product, self.size);
        if square < -NEGATIVE * self.size as f64 {
            return None; // Θ is not symmetric, or rounding errors are all there is
        }
        let square = square.max(0.0);
        let distance = square.sqrt();
        (distance <= SERIES).then(|| 0.5 * square / (1.0 - distance))
    }

    /// The same where W is not close: by its determinant; `None` if it is not positive definite. `product` is what
    /// [`near_gap`](Self::near_gap) has left.
    pub(crate) fn far_gap(&self, at: &LogDetPoint, dual: &[f64], product: &[f64]) -> Option<f64> {
        let p = self.size;
        let trace: f64 = (0..p).map(|j| product[j * p + j]).sum();
        let factor = Cholesky::factor(dual, p).ok()?;
        // A pivot that is all rounding has no logarithm to be proud of: W may be singular.
        let sound = |j: usize| factor.lower(j, j).powi(2) > PIVOT * p as f64 * dual[j * p + j];
        (0..p).all(sound).then(|| trace - factor.log_det() - at.log_det)
    }

    /// `m ← WΘ − I`, using the zeros of Θ.
    fn residual(&self, dual: &[f64], theta: &[f64], m: &mut Vec<f64>) {
        let p = self.size;
        m.clear();
        m.resize(p * p, 0.0);
        let nonzero = theta.iter().filter(|t| **t != 0.0).count();
        if p > 32 && nonzero > p * p / 8 {
            linalg::matmul(dual, theta, p, p, p, m);
        } else {
            let mut neighbours: Vec<usize> = Vec::new();
            for (column, theta) in m.chunks_exact_mut(p).zip(theta.chunks_exact(p)) {
                neighbours.clear();
                neighbours.extend((0..p).filter(|&k| theta[k] != 0.0));
                let line = |k: usize| &dual[neighbours[k] * p..(neighbours[k] + 1) * p];
                kernels::axpy_lines(neighbours.len(), p, line, |k, _| theta[neighbours[k]], column);
            }
        }
        (0..p).for_each(|j| m[j * p + j] -= 1.0);
    }
}

/// `tr(M²)` in tiles that stay in the cache.
fn trace_of_square(m: &[f64], p: usize) -> f64 {
    const TILE: usize = 16;
    let mut sum = 0.0;
    for j0 in (0..p).step_by(TILE) {
        for i0 in (0..p).step_by(TILE) {
            for j in j0..(j0 + TILE).min(p) {
                for i in i0..(i0 + TILE).min(p) {
                    sum += m[j * p + i] * m[i * p + j];
                }
            }
        }
    }
    sum
}

impl Smooth for LogDet {
    type Point = LogDetPoint;
    /// The gradient S − W itself.
    type Dual = Vec<f64>;

    fn ncols(&self) -> usize {
        self.size * self.size
    }

    fn nresponses(&self) -> usize {
        1
    }

    fn origin(&self) -> Vec<f64> {
        let p = self.size;
        let mut theta = vec![0.0; p * p];
        (0..p).for_each(|i| theta[i * p + i] = 1.0 / self.covariance[i * p + i]);
        theta
    }

    fn point(&self, w: &[f64]) -> LogDetPoint {
        let mut point = self.factor(w.to_vec());
        point.invert();
        point
    }

    fn value(&self, at: &LogDetPoint) -> f64 {
        at.value
    }

    fn gradient(&self, at: &LogDetPoint, g: &mut [f64]) {
        g.copy_from_slice(&self.covariance);
        for (g, w) in g.iter_mut().zip(&at.inverse) {
            *g -= w;
        }
    }

    fn dual(&self, at: &LogDetPoint, free: &[usize], g: &mut [f64]) -> Vec<f64> {
        self.gradient(at, g);
        for &k in free {
            g[k] = 0.0;
        }
        g.to_vec()
    }

    fn dual_at(&self, g: &[f64]) -> Option<Vec<f64>> {
        Some(g.to_vec())
    }

    /// `tr(WΘ) − p − log det(WΘ)` at `W = S − scale·g`, which is `Σ_k (e_k − log(1 + e_k))` over the eigenvalues of
    /// `E = Θ^½WΘ^½ − I`. While `‖E‖_F ≤ ¼`, W is positive definite for certain and `½‖E‖²/(1 − ‖E‖)` bounds the sum from
    /// above without any cancellation; `‖E‖² = tr((WΘ − I)²)` needs no inverse. Farther away W is factored; ∞ if it is
    /// not positive definite.
    fn fenchel_young(&self, at: &LogDetPoint, dual: &Vec<f64>, scale: f64) -> f64 {
        let mut w = self.covariance.clone();
        kernels::axpy(-scale, dual, &mut w);
        let mut m = Vec::new();
        let near = self.near_gap(at, &w, &mut m);
        near.or_else(|| self.far_gap(at, &w, &m)).unwrap_or(f64::INFINITY)
    }

    fn rounding(&self, at: &LogDetPoint) -> f64 {
        // Σ |W_ij θ_ij| ≥ p grows with the condition of Θ and does not depend on the units of the variables.
        let condition: f64 = at.inverse.iter().zip(&at.theta).map(|(w, t)| (w * t).abs()).sum();
        16.0 * f64::EPSILON * (condition + at.size + at.log_det.abs())
    }
}

/// The second-order model of −log det Θ + ⟨S, Θ⟩ along some entries of Θ: with D the change of these entries,
/// `m(D) = ⟨G, D⟩ + ½ tr(WDWD)`, `G = S − W`, `W = Θ⁻¹` (Hsieh, Sustik, Dhillon and Ravikumar 2014).
///
/// A coordinate is an entry of the upper triangle together with its mirror image. The state is `U = DW`, row after row,
/// followed by a copy of the column of U that the coordinates at work read (gathered once for all coordinates of a column of Θ)
/// and the number of that column: a coordinate costs one product and at most two updates of length p.
#[derive(Debug)]
pub(crate) struct LogDetModel<'a> {
    size: usize,
    stride: usize,
    inverse: &'a [f64],
    gradient: &'a [f64],
    entries: &'a [(u32, u32)],
    origin: &'a [f64],
}

impl<'a> LogDetModel<'a> {
    /// The model with W and G (p² values each) along `entries` (row ≤ column), which have the values `origin` at D = 0.
    pub(crate) fn new(
        size: usize,
        inverse: &'a [f64],
        gradient: &'a [f64],
        entries: &'a [(u32, u32)],
        origin: &'a [f64],
    ) -> Self {
        // Rows a multiple of 512 bytes apart would compete for the same cache lines when a column is gathered.
        let padded = size.next_multiple_of(8);
        let stride = if padded.is_multiple_of(64) { padded + 8 } else { padded };
        Self { size, stride, inverse, gradient, entries, origin }
    }

    /// The Hessian over all entries, and the gradient at D = 0.
    pub(crate) fn gram(&self) -> (Vec<f64>, Vec<f64>) {
        let k = self.entries.len();
        let mut h = vec![0.0; k * k];
        self.block_hessian(0..k, &mut h);
        let slope = |e| {
            let (i, j) = self.entry(e);
            let pairs = if i == j { 1.0 } else { 2.0 };
            pairs * self.gradient[j * self.size + i]
        };
        (h, (0..k).map(slope).collect())
    }

    /// The state at D = 0.
    pub(crate) fn state(&self) -> Vec<f64> {
        let mut state = vec![0.0; self.size * self.stride + self.size + 1];
        state[self.size * self.stride + self.size] = f64::NAN;
        state
    }

    #[inline]
    fn entry(&self, e: usize) -> (usize, usize) {
        let (i, j) = self.entries[e];
        (i as usize, j as usize)
    }

    /// The second derivative by the entries e and f.
    #[inline]
    pub(crate) fn hessian(&self, e: usize, f: usize) -> f64 {
        let ((i, j), (k, l)) = (self.entry(e), self.entry(f));
        let w = |r: usize, c: usize| self.inverse[c * self.size + r];
        let pairs = if i == j { 1.0 } else { 2.0 };
        pairs * if k == l { w(i, k) * w(j, k) } else { w(i, k) * w(j, l) + w(i, l) * w(j, k) }
    }

    #[inline]
    fn inverse_row(&self, i: usize) -> &[f64] {
        &self.inverse[i * self.size..(i + 1) * self.size]
    }
}

impl Quadratic for LogDetModel<'_> {
    fn prepare(&self, state: &mut [f64], cols: Range<usize>) {
        let (_, j) = self.entry(cols.start);
        let (rows, rest) = state.split_at_mut(self.size * self.stride);
        if rest[self.size] != j as f64 {
            for (value, row) in rest.iter_mut().zip(rows.chunks_exact(self.stride)) {
                *value = row[j];
            }
            rest[self.size] = j as f64;
        }
    }

    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        let column = &state[self.size * self.stride..self.size * self.stride + self.size];
        for (g, e) in g.iter_mut().zip(cols) {
            let (i, j) = self.entry(e);
            let slope = self.gradient[j * self.size + i] + kernels::dot(self.inverse_row(i), column);
            *g = if i == j { slope } else { 2.0 * slope };
        }
    }

    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let (rows, column) = state.split_at_mut(self.size * self.stride);
        let p = self.size;
        for (e, &delta) in cols.zip(delta) {
            let (i, j) = self.entry(e);
            kernels::axpy(delta, self.inverse_row(j), &mut rows[i * self.stride..i * self.stride + p]);
            column[i] += delta * self.inverse[j * p + j];
            if i != j {
                kernels::axpy(delta, self.inverse_row(i), &mut rows[j * self.stride..j * self.stride + p]);
                column[j] += delta * self.inverse[j * p + i];
            }
        }
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let k = cols.len();
        for (a, e) in cols.clone().enumerate() {
            for (b, f) in cols.clone().enumerate() {
                h[a * k + b] = self.hessian(e, f);
            }
        }
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let mut value = 0.0;
        for (e, (w, o)) in w.iter().zip(self.origin).enumerate() {
            let (i, j) = self.entry(e);
            let row = self.inverse_row(i);
            let curvature: f64 = (0..self.size).map(|k| row[k] * state[k * self.stride + j]).sum();
            let pairs = if i == j { 1.0 } else { 2.0 };
            value += pairs * (w - o) * (self.gradient[j * self.size + i] + 0.5 * curvature);
        }
        value
    }

    /// Not known: the dual of the model on a subset of the entries has no closed form.
    fn energy(&self, _w: &[f64], _state: &[f64]) -> f64 {
        f64::INFINITY
    }
}
