//! `f(W) = F(XW)`.

use std::sync::{Arc, Mutex};

use crate::design::LinearOperator;
use crate::kernels;
use crate::linalg;
use crate::loss::{Loss, Squared};
use crate::smooth::Smooth;
use crate::smooth::free_space::FreeSpace;

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
        Self { design, loss, free: Mutex::new(None) }
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
                let space = Arc::new(FreeSpace::new(&self.design, columns));
                *slot = Some(Arc::clone(&space));
                space
            }
        }
    }

    /// `∇F(η)`, orthogonal to the free columns.
    pub(crate) fn dual_point(&self, at: &PredictorPoint, free: &[usize]) -> Vec<f64> {
        let mut u = at.u.clone();
        if !free.is_empty() {
            self.free_space(free).project(&mut u);
        }
        u
    }
}

impl<D: LinearOperator> LinearPredictor<D, Squared> {
    /// Moves the free coefficients to where they are best for the others as they stand: least squares, exactly. Twice, as
    /// the second residual carries the digits that the first one lost.
    pub(crate) fn fit_free(&self, free: &[usize], w: &mut [f64]) {
        let (n, q) = (self.design.nrows(), self.nresponses());
        let space = self.free_space(free);
        for _ in 0..2 {
            let at = self.point(w);
            for t in 0..q {
                let range = t * n..(t + 1) * n;
                let residual: Vec<f64> =
                    self.loss.y()[range.clone()].iter().zip(&at.eta[range]).map(|(y, e)| y - e).collect();
                for (j, change) in space.least_squares(&residual) {
                    w[j * q + t] += change;
                }
            }
        }
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

    fn point(&self, w: &[f64]) -> PredictorPoint {
        let mut eta = vec![0.0; self.loss.len()];
        if w.iter().any(|&w| w != 0.0) {
            self.design.apply(w, &mut eta);
        }
        let mut u = vec![0.0; eta.len()];
        self.loss.gradient(&eta, &mut u);
        PredictorPoint { eta, u }
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
        let inner = (kernels::sq_norm(&at.eta) * kernels::sq_norm(&at.u)).sqrt();
        16.0 * f64::EPSILON * (inner + self.loss.value(&at.eta))
    }

    fn lipschitz(&self, scale: Option<&[f64]>) -> Option<f64> {
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
        Some(1.05 * norm * self.loss.smoothness())
    }

    fn diagonal(&self) -> Option<Vec<f64>> {
        let nu = self.loss.smoothness();
        self.design.sq_norms().map(|norms| norms.into_iter().map(|n| n * nu).collect())
    }
}
