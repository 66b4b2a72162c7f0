//! `f(W) = F(XW)`.

use std::sync::{Arc, Mutex};

use crate::design::LinearOperator;
use crate::kernels;
use crate::linalg::{self, Cholesky};
use crate::loss::{Hessian, Loss};
use crate::penalty::Pattern;
use crate::smooth::Smooth;
use crate::smooth::free_space::{Direction, FreeSpace, balance};

/// `f(W) = F(XW)` for a design X and a loss F.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{design::Dense, loss::Squared, smooth::{LinearPredictor, Smooth}};
/// let x = array![[1.0, 0.0], [0.0, 2.0]];
/// let f = LinearPredictor::new(Dense::new(x.view())?, Squared::new(vec![1.0, 2.0], 2));
/// let at = f.point(&[1.0, 0.0]);
/// assert_eq!(f.value(&at), 1.0); // (0² + 2²) / (2·2)
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug)]
pub struct LinearPredictor<D, L> {
    design: D,
    loss: L,
    free: Mutex<Option<Arc<FreeSpace>>>,
    directions: Vec<Direction>,
}

/// Predictions and the gradient of the loss there.
#[derive(Debug, Clone)]
pub struct PredictorPoint {
    /// η = XW, task-major.
    pub eta: Vec<f64>,
    /// ∇F(η), task-major.
    pub u: Vec<f64>,
}

impl<D: LinearOperator, L: Loss> LinearPredictor<D, L> {
    /// F∘X.
    ///
    /// # Panics
    /// If the loss is not one of `x.nrows()` observations, with the same number of values for each response.
    pub fn new(design: D, loss: L) -> Self {
        let (n, rows, len) = (design.nrows(), loss.nrows(), loss.len());
        assert!(
            n > 0 && n == rows && len % n == 0,
            "a loss of {len} values, {rows} a response, for a design of {n} rows"
        );
        Self { design, loss, free: Mutex::new(None), directions: Vec::new() }
    }

    /// Dual points will be orthogonal to these sums of columns, (column, value), too: the
    /// [free directions](crate::penalty::BlockPenalty::free_directions) of a penalty.
    ///
    /// # Panics
    /// If a column does not exist: a mistake of the program.
    pub fn with_free_directions(mut self, directions: Vec<Vec<(usize, f64)>>) -> Self {
        let p = self.design.ncols();
        assert!(directions.iter().flatten().all(|&(j, _)| j < p), "free directions beyond {p} columns");
        self.directions = directions;
        self.free = Mutex::new(None);
        self
    }

    pub(crate) fn free_directions(&self) -> &[Vec<(usize, f64)>] {
        &self.directions
    }

    /// X.
    pub fn design(&self) -> &D {
        &self.design
    }

    /// F.
    pub fn loss(&self) -> &L {
        &self.loss
    }

    /// The basis for these free columns; kept, as every certificate of a path asks for the same one.
    fn free_space(&self, columns: &[usize]) -> Arc<FreeSpace> {
        let mut slot = self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &*slot {
            Some(space) if space.columns == columns => Arc::clone(space),
            _ => {
                let space = Arc::new(FreeSpace::new(&self.design, columns, &self.directions));
                *slot = Some(Arc::clone(&space));
                space
            }
        }
    }

    /// `∇F(η)`, made orthogonal to the free columns in the metric of the Hessian: what that takes from u is what a small
    /// change of η would, so where ∇F(η) is next to the border of the domain of F* the dual point stays inside.
    pub(crate) fn dual_point(&self, at: &PredictorPoint, free: &[usize]) -> Vec<f64> {
        let mut u = at.u.clone();
        if free.is_empty() && self.directions.is_empty() {
            return u;
        }
        let space = self.free_space(free);
        if self.loss.as_squared().is_some() {
            space.project(&mut u);
            return u;
        }
        let hessian = self.loss.hessian(&at.eta);
        match FreeNewton::new(&space, &hessian, self.design.nrows(), self.nresponses()) {
            // Twice, as the first leaves rounding errors of the size of u.
            Some(newton) => (0..2).for_each(|_| {
                let change = newton.prediction(&newton.solve(&newton.gradient(&u)));
                let mut dual = vec![0.0; u.len()];
                hessian.apply(self.design.nrows(), &change, &mut dual);
                u.iter_mut().zip(dual).for_each(|(u, d)| *u -= d);
            }),
            None => space.project(&mut u),
        }
        // Where the Hessian has no say in a direction, the plain projection has: nothing may be left of it.
        let mut rest = vec![0.0; space.dim() * self.nresponses()];
        linalg::transpose_matmul(space.basis(), &u, self.design.nrows(), space.dim(), self.nresponses(), &mut rest);
        if kernels::sq_norm(&rest) > 1e-24 * kernels::sq_norm(&at.u) {
            space.project(&mut u);
        }
        u
    }

    /// Moves the free coefficients to where they are best for the others as they stand: least squares or Newton's method.
    pub(crate) fn fit_free(&self, free: &[usize], w: &mut [f64]) {
        let (n, q) = (self.design.nrows(), self.nresponses());
        let space = self.free_space(free);
        let Some(squared) = self.loss.as_squared() else { return self.fit_free_by_newton(&space, w) };
        // Twice, as the second residual carries the digits that the first one lost.
        for _ in 0..2 {
            let at = self.point(w);
            for t in 0..q {
                let range = t * n..(t + 1) * n;
                let residual: Vec<f64> =
                    squared.y()[range.clone()].iter().zip(&at.eta[range]).map(|(y, e)| y - e).collect();
                for (j, change) in space.least_squares(&residual) {
                    w[j * q + t] += change;
                }
            }
        }
    }

    fn fit_free_by_newton(&self, space: &FreeSpace, w: &mut [f64]) {
        let (n, q, m) = (self.design.nrows(), self.nresponses(), space.dim());
        let PredictorPoint { mut eta, mut u } = self.point(w);
        let mut value = self.loss.value(&eta);
        let mut total = vec![0.0; m * q];
        let mut last = f64::INFINITY;
        for _ in 0..NEWTON_STEPS {
            let Some(newton) = FreeNewton::new(space, &self.loss.hessian(&eta), n, q) else { break };
            let gradient = newton.gradient(&u);
            let step = newton.solve(&gradient);
            let promised: f64 = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
            if promised.is_nan() || promised <= 0.0 {
                break;
            }
            let change = newton.prediction(&step);
            // What is promised is too small to be seen in the value: Newton's method is exact there.
            let blind = promised <= 1e-12 * value.abs();
            let (mut length, mut moved) = (1.0, None);
            for _ in 0..HALVINGS {
                let candidate: Vec<f64> = eta.iter().zip(&change).map(|(e, c)| e - length * c).collect();
                let reached = self.loss.value(&candidate);
                if reached <= value + if blind { 1e-12 * value.abs() } else { -1e-4 * length * promised } {
                    moved = Some((candidate, reached));
                    break;
                }
                length *= 0.5;
            }
            let Some((candidate, reached)) = moved else { break };
            (eta, value) = (candidate, reached);
            self.loss.gradient(&eta, &mut u);
            total.iter_mut().zip(&step).for_each(|(t, s)| *t -= length * s);
            // Rounding errors promise something for ever.
            if promised <= NEGLIGIBLE * value.abs() || (blind && promised >= SETTLED * last) {
                break;
            }
            last = promised;
        }
        for (t, c) in total.chunks_exact(m.max(1)).enumerate() {
            for (j, change) in space.coefficients(c.to_vec()) {
                w[j * q + t] += change;
            }
        }
    }
}

/// Steps of Newton's method on the free coefficients; each halves its length at most so often.
const NEWTON_STEPS: usize = 100;
const HALVINGS: usize = 60;
/// A promised decrease below this share of the value is the last: its square is far below rounding.
const NEGLIGIBLE: f64 = 1e-22;
/// Where decreases cannot be seen, one above this share of the last is rounding: the end.
const SETTLED: f64 = 0.1;

/// `M = Zᵀ∇²F Z` over the free columns' basis Z, factored; vectors over it are task-major.
struct FreeNewton<'a> {
    space: &'a FreeSpace,
    cholesky: Cholesky,
    nrows: usize,
}

impl<'a> FreeNewton<'a> {
    /// `None` where there is no curvature at all.
    fn new(space: &'a FreeSpace, hessian: &Hessian<'_>, n: usize, q: usize) -> Option<Self> {
        let m = space.dim();
        let size = m * q;
        let mut matrix = vec![0.0; size * size];
        let mut part = vec![0.0; m * m];
        for t in 0..q {
            // ∇²F of every basis vector as a prediction of response t, response by response.
            let mut images = vec![0.0; n * m * q];
            let (mut v, mut image) = (vec![0.0; n * q], vec![0.0; n * q]);
            for (i, z) in space.basis().chunks_exact(n).enumerate() {
                v[t * n..(t + 1) * n].copy_from_slice(z);
                hessian.apply(n, &v, &mut image);
                for (s, image) in image.chunks_exact(n).enumerate() {
                    images[(s * m + i) * n..(s * m + i + 1) * n].copy_from_slice(image);
                }
            }
            for (s, images) in images.chunks_exact((n * m).max(1)).enumerate() {
                linalg::transpose_matmul(space.basis(), images, n, m, m, &mut part);
                for i in 0..m {
                    matrix[(t * m + i) * size + s * m..][..m].copy_from_slice(&part[i * m..(i + 1) * m]);
                }
            }
        }
        let largest = (0..size).map(|i| matrix[i * size + i]).fold(0.0, f64::max);
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        // Directions without curvature (a constant added to all classes) have no gradient either.
        let mut ridge = 1e-14 * largest;
        loop {
            (0..size).for_each(|i| matrix[i * size + i] += ridge);
            if let Ok(cholesky) = Cholesky::factor(&matrix, size) {
                return Some(Self { space, cholesky, nrows: n });
            }
            ridge *= 100.0;
            if ridge > largest {
                return None;
            }
        }
    }

    /// Zᵀu.
    fn gradient(&self, u: &[f64]) -> Vec<f64> {
        let (n, m) = (self.nrows, self.space.dim());
        let mut out = vec![0.0; m * (u.len() / n)];
        linalg::transpose_matmul(self.space.basis(), u, n, m, u.len() / n, &mut out);
        out
    }

    fn solve(&self, gradient: &[f64]) -> Vec<f64> {
        let mut step = gradient.to_vec();
        self.cholesky.solve_in_place(&mut step);
        step
    }

    /// Z times a step.
    fn prediction(&self, step: &[f64]) -> Vec<f64> {
        let (n, m) = (self.nrows, self.space.dim());
        let q = step.len() / m.max(1);
        let mut out = vec![0.0; n * q];
        linalg::matmul(self.space.basis(), step, n, m, q, &mut out);
        out
    }
}

impl<D: LinearOperator, L: Loss> Smooth for LinearPredictor<D, L> {
    type Point = PredictorPoint;
    type Dual = Vec<f64>;

    fn ncols(&self) -> usize {
        self.design.ncols()
    }

    fn nresponses(&self) -> usize {
        self.loss.len() / self.loss.nrows()
    }

    fn null(&self, free: &[usize]) -> Vec<f64> {
        let mut w = self.origin();
        // The gradient of the squared loss is affine: projected at the origin, it is that of the fit.
        if self.loss.as_squared().is_none() && !(free.is_empty() && self.directions.is_empty()) {
            self.fit_free(free, &mut w);
        }
        w
    }

    fn excess(&self, at: &PredictorPoint) -> f64 {
        let excess = self.loss.fenchel_young(&at.eta, &vec![0.0; at.eta.len()]);
        if excess.is_finite() { excess } else { self.loss.value(&at.eta).abs() }
    }

    fn point(&self, w: &[f64]) -> PredictorPoint {
        let mut eta = vec![0.0; self.loss.len()];
        if w.iter().any(|&w| w != 0.0) {
            self.design.apply(w, &mut eta);
        }
        let mut u = vec![0.0; eta.len()];
        self.loss.gradient(&eta, &mut u);
        PredictorPoint { eta, u }
    }

    fn point_between(
        &self,
        _w: &[f64],
        now: &PredictorPoint,
        before: &PredictorPoint,
        beta: f64,
    ) -> Option<PredictorPoint> {
        let eta: Vec<f64> = now.eta.iter().zip(&before.eta).map(|(n, b)| n + beta * (n - b)).collect();
        let mut u = vec![0.0; eta.len()];
        self.loss.gradient(&eta, &mut u);
        Some(PredictorPoint { eta, u })
    }

    fn value(&self, at: &PredictorPoint) -> f64 {
        self.loss.value(&at.eta)
    }

    fn gradient(&self, at: &PredictorPoint, g: &mut [f64]) {
        self.design.transpose_apply(&at.u, g);
    }

    fn dual(&self, at: &PredictorPoint, free: &[usize], g: &mut [f64]) -> Vec<f64> {
        let u = self.dual_point(at, free);
        self.design.transpose_apply(&u, g);
        balance(&self.directions, self.nresponses(), g);
        u
    }

    fn fenchel_young(&self, at: &PredictorPoint, dual: &Vec<f64>, scale: f64) -> f64 {
        if scale == 1.0 {
            return self.loss.fenchel_young(&at.eta, dual);
        }
        let scaled: Vec<f64> = dual.iter().map(|u| scale * u).collect();
        self.loss.fenchel_young(&at.eta, &scaled)
    }

    fn rounding(&self, at: &PredictorPoint) -> f64 {
        // The product of the squares would overflow or vanish.
        let inner = kernels::sq_norm(&at.eta).sqrt() * kernels::sq_norm(&at.u).sqrt();
        16.0 * f64::EPSILON * (inner + self.loss.value(&at.eta).abs())
    }

    fn lipschitz(&self, scale: Option<&[f64]>) -> Option<f64> {
        let smoothness = self.loss.smoothness();
        if !smoothness.is_finite() {
            return None;
        }
        // Power iteration on S½ Xᵀ X S½; it approaches the norm from below, hence the margin, and solvers that use the
        // figure still backtrack.
        let stretch = |v: &mut [f64]| {
            if let Some(scale) = scale {
                v.iter_mut().zip(scale).for_each(|(v, s)| *v *= s.sqrt());
            }
        };
        let mut stretched = vec![0.0; self.design.ncols()];
        let norm = linalg::spectral_norm_squared(
            self.design.nrows(),
            self.design.ncols(),
            |v, eta| {
                stretched.copy_from_slice(v);
                stretch(&mut stretched);
                self.design.apply(&stretched, eta);
            },
            |eta, v| {
                self.design.transpose_apply(eta, v);
                stretch(v);
            },
            1e-3,
            30,
        );
        Some(1.05 * norm * smoothness)
    }

    fn hessian_along(&self, at: &PredictorPoint, pattern: &Pattern) -> Option<Vec<f64>> {
        let (n, len, k) = (self.design.nrows(), at.eta.len(), pattern.len());
        let hessian = self.loss.hessian(&at.eta);
        let mut w = vec![0.0; self.design.ncols() * self.nresponses()];
        let (mut images, mut weighted) = (vec![0.0; len * k], vec![0.0; len * k]);
        for (i, (image, weighted)) in images.chunks_exact_mut(len).zip(weighted.chunks_exact_mut(len)).enumerate() {
            pattern.direction(i).iter().for_each(|&(j, z)| w[j] = z);
            self.design.apply(&w, image);
            pattern.direction(i).iter().for_each(|&(j, _)| w[j] = 0.0);
            hessian.apply(n, image, weighted);
        }
        let mut out = vec![0.0; k * k];
        linalg::transpose_matmul(&images, &weighted, len, k, k, &mut out);
        Some(out)
    }

    fn diagonal(&self) -> Option<Vec<f64>> {
        // Without a bound, that of the curvature where nothing is in the model sets the scale.
        let nu = match self.loss.smoothness() {
            nu if nu.is_finite() => nu,
            _ => 1.0 / self.loss.nrows() as f64,
        };
        self.design.sq_norms().map(|norms| norms.into_iter().map(|n| n * nu).collect())
    }
}
