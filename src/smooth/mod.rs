//! The smooth term: [`LinearPredictor`] is F∘X, [`LogDet`] is its cousin without an X, and `GramModel` and
//! `ResidualModel` are the two forms of the quadratic model that descent works on.
//!
//! A smooth term owns its cached state: solvers carry a `Point` (a residual, a gradient, a factor) without knowing
//! what it is.

use std::ops::Range;

use crate::penalty::Pattern;

mod coupled_rows;
mod free_space;
mod gram;
mod gram_smooth;
mod joint_log_det;
mod linear_predictor;
mod log_det;
mod parted_gram;
mod residual;

pub(crate) use coupled_rows::{CoupledRows, GatheredColumns};
pub(crate) use gram::{GramCache, GramModel};
pub(crate) use gram_smooth::{GramSmooth, regularised};
pub use joint_log_det::{JointLogDet, JointLogDetPoint};
pub(crate) use joint_log_det::{JointLogDetModel, class};
pub use linear_predictor::{LinearPredictor, PredictorPoint};
pub(crate) use log_det::LogDetModel;
pub use log_det::{LogDet, LogDetPoint};
pub(crate) use parted_gram::{PartedCache, PartedGramModel};
pub(crate) use residual::ResidualModel;

/// A convex, differentiable function of the coefficients with a dual.
pub trait Smooth: Sync {
    /// What is cached at a point w.
    type Point;
    /// What is kept of a dual point.
    type Dual;

    /// Number of columns p.
    fn ncols(&self) -> usize;
    /// Number of responses q; coefficient vectors have length p·q.
    fn nresponses(&self) -> usize;
    /// Where nothing is in the model.
    /// Zero, unless zero lies outside the domain.
    fn origin(&self) -> Vec<f64> {
        vec![0.0; self.ncols() * self.nresponses()]
    }
    /// The [`origin`](Self::origin) with the `free` (unpenalised) coefficients at their best, where λ_max depends on them.
    fn null(&self, _free: &[usize]) -> Vec<f64> {
        self.origin()
    }
    /// `f(w) − inf f` where that is known, else `f(w)`: at [`null`](Self::null) it is what tolerances are relative to.
    fn excess(&self, at: &Self::Point) -> f64 {
        self.value(at)
    }
    /// The cached state at `w`.
    fn point(&self, w: &[f64]) -> Self::Point;
    /// The cached state at `w = now + beta (now − before)` from those at the two, where it is affine in w and the way to it from w
    /// is longer; `None`, the default, elsewhere.
    fn point_between(&self, _w: &[f64], _now: &Self::Point, _before: &Self::Point, _beta: f64) -> Option<Self::Point> {
        None
    }
    /// `f(w)`; ∞ outside the domain.
    fn value(&self, at: &Self::Point) -> f64;
    /// `g ← ∇f(w)`.
    fn gradient(&self, at: &Self::Point, g: &mut [f64]);
    /// The dual point that belongs to w, made orthogonal to the `free` (unpenalised) columns, and its gradient in `g`:
    /// equal to `∇f(w)` when nothing is free.
    fn dual(&self, at: &Self::Point, free: &[usize], g: &mut [f64]) -> Self::Dual;
    /// The dual point that has the gradient `g`, if every g belongs to one: a certificate then moves g into the dual ball
    /// entry by entry. `None` (the default) where dual points are tied to each other, as the rows of X tie them.
    fn dual_at(&self, _g: &[f64]) -> Option<Self::Dual> {
        None
    }
    /// The Fenchel–Young gap of the smooth part when the dual point is multiplied by `scale`; ≥ 0.
    fn fenchel_young(&self, at: &Self::Point, dual: &Self::Dual, scale: f64) -> f64;
    /// Bound on the floating-point error of `f(w)` and of `⟨∇f(w), w⟩`.
    fn rounding(&self, at: &Self::Point) -> f64;
    /// A Lipschitz constant of ∇f in the metric `‖d‖² = Σ_j d_j²/scale_j` if one is known (`scale` = 1 without).
    fn lipschitz(&self, _scale: Option<&[f64]>) -> Option<f64> {
        None
    }
    /// `‖x_j‖² · curvature`, the diagonal of a bound of the Hessian, for preconditioning; `None` if columns are not at hand.
    fn diagonal(&self) -> Option<Vec<f64>> {
        None
    }
    /// `Zᵀ∇²f(w)Z` for the directions Z of a pattern, k×k; `None`, the default, if it is not to be had.
    fn hessian_along(&self, _at: &Self::Point, _pattern: &Pattern) -> Option<Vec<f64>> {
        None
    }
}

/// A quadratic model `m(w) = ½(w − w₀)ᵀ H (w − w₀) + g₀ᵀ(w − w₀)` in local coordinates, whose state is one vector that is
/// affine in w: what block descent sweeps over. H is `h ⊗ I_q` on every pair of columns.
pub(crate) trait Quadratic: Sync {
    /// Called before [`block_gradient`](Self::block_gradient) of the same columns in a sweep: room for a cached part of
    /// the state.
    #[inline]
    fn prepare(&self, _state: &mut [f64], _cols: Range<usize>) {}
    /// `g ← ∇_B m` for the local columns B.
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]);
    /// The state after `w_B ← w_B + delta`.
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]);
    /// The state after `w_j ← w_j + delta_j` for scattered columns of a model with one response.
    fn shift_all(&self, state: &mut [f64], cols: &[usize], delta: &[f64]) {
        for (&j, d) in cols.iter().zip(delta) {
            if *d != 0.0 {
                self.shift(state, j..j + 1, std::slice::from_ref(d));
            }
        }
    }
    /// Columns that are worth treating together when each is a block of its own: their gradients in one go, then one after
    /// the other with H between them, then one update. The same steps, fewer trips of the state through the caches.
    fn strip(&self) -> usize {
        1
    }
    /// [`block_gradient`](Self::block_gradient) for scattered columns.
    fn strip_gradient(&self, state: &[f64], cols: &[usize], g: &mut [f64]) {
        if cols.is_empty() {
            return;
        }
        let q = g.len() / cols.len();
        for (&j, g) in cols.iter().zip(g.chunks_exact_mut(q)) {
            self.block_gradient(state, j..j + 1, g);
        }
    }
    /// `h ← H_BB` for scattered columns.
    fn strip_hessian(&self, _cols: &[usize], h: &mut [f64]) {
        h.fill(0.0);
    }
    /// The state after `w_B ← w_B + delta` for scattered columns.
    fn strip_shift(&self, state: &mut [f64], cols: &[usize], delta: &[f64]) {
        if cols.is_empty() {
            return;
        }
        let q = delta.len() / cols.len();
        for (&j, delta) in cols.iter().zip(delta.chunks_exact(q)) {
            self.shift(state, j..j + 1, delta);
        }
    }
    /// `h ← H_BB`, k×k for k columns.
    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]);
    /// `m(w)` up to a constant.
    fn value(&self, w: &[f64], state: &[f64]) -> f64;
    /// `‖∇F‖²/ν` at w: twice the Fenchel–Young gap of F at the dual point 0, which scaling mixes in.
    fn energy(&self, w: &[f64], state: &[f64]) -> f64;
    /// Entry (i, j) of H over local columns where it is stored.
    fn hessian(&self) -> Option<HessianView<'_>> {
        None
    }
    /// Whether gradients are at hand, so that a gap costs next to nothing.
    fn is_stored(&self) -> bool {
        self.hessian().is_some()
    }
}

/// A stored Hessian over local columns: entry (i, j) is `values[j * stride + i]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HessianView<'a> {
    /// Column-major entries.
    pub values: &'a [f64],
    /// Distance between columns.
    pub stride: usize,
}
