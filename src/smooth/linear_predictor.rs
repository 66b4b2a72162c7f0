//! `f(W) = F(XW)`.

use std::sync::{Arc, Mutex};

use crate::design::LinearOperator;
use crate::kernels;
use crate::loss::Loss;
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
    /// F∘X. The loss must have `x.nrows()` observations.
    pub fn new(design: D, loss: L) -> Self {
        debug_assert_eq!(design.nrows(), loss.nrows());
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
        // Power iteration on S½ Xᵀ X S½ with a fixed start; it approaches the norm from below, hence the margin, and
        // solvers that use the figure still backtrack.
        let (n, p) = (self.design.nrows(), self.design.ncols());
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        let mut v: Vec<f64> = (0..p)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
            })
            .collect();
        let mut eta = vec![0.0; n];
        let mut norm = 0.0;
        for _ in 0..30 {
            let size = kernels::sq_norm(&v).sqrt();
            if size == 0.0 {
                return Some(0.0);
            }
            v.iter_mut().for_each(|v| *v /= size);
            if let Some(s) = scale {
                v.iter_mut().zip(s).for_each(|(v, s)| *v *= s.sqrt());
            }
            self.design.apply(&v, &mut eta);
            norm = kernels::sq_norm(&eta);
            self.design.transpose_apply(&eta, &mut v);
            if let Some(s) = scale {
                v.iter_mut().zip(s).for_each(|(v, s)| *v *= s.sqrt());
            }
        }
        Some(1.05 * norm * self.loss.smoothness())
    }

    fn diagonal(&self) -> Option<Vec<f64>> {
        let nu = self.loss.smoothness();
        self.design.sq_norms().map(|norms| norms.into_iter().map(|n| n * nu).collect())
    }
}
