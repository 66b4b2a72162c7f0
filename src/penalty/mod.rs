//! Ω, one file per penalty, each a thin layer over [`crate::prox`].
//!
//! A **separable** penalty is a [`BlockPenalty`]: a sum over blocks, where block `b` sees its coefficients (all columns of
//! the block × all responses, feature-major) as one flat slice. That makes it a [`Penalty`], too. A penalty that is not a
//! sum over blocks implements [`Penalty`] directly and works with [`Fista`](crate::solver::Fista).
//! One that couples all columns, as SLOPE and total variation do, is a [`BlockPenalty`] of one block that says so
//! ([`couples_columns`](BlockPenalty::couples_columns)): estimators then use proximal gradient, on working sets where the penalty
//! knows which columns can be non-zero, and finish by Newton's method where it knows its [`Pattern`].
//!
//! λ belongs to the problem and is passed in; for a norm every method below is `λΩ`. Penalties that are not homogeneous
//! in λ ([`Mcp`], [`Scad`]) have all they need; for those "λΩ" stands for `ρ(·; λω)`.

use crate::partition::Partition;
pub(crate) use crate::prox::threshold;

mod box_l1;
mod elastic_net;
mod entrywise_l1;
mod folded_concave;
mod fused;
mod graph_fused;
mod group;
mod group_max;
mod joint_entrywise;
mod l1;
mod latent_overlap;
mod mcp;
mod pattern;
mod scad;
mod simplex;
mod sorted_l1;
mod sparse_group;
mod trace_norm;
mod tree_group;
mod with_free_column;

pub use box_l1::BoxL1;
pub use elastic_net::ElasticNetPenalty;
pub use entrywise_l1::EntrywiseL1;
pub use folded_concave::{Curve, FoldedConcave};
pub use fused::Fused;
pub use graph_fused::GraphFused;
pub use group::GroupL2;
pub use group_max::GroupMax;
pub(crate) use joint_entrywise::SmoothPiece;
pub use joint_entrywise::{Coupling, JointEntrywise};
pub use l1::L1;
pub use latent_overlap::LatentOverlap;
pub use mcp::{Mcp, McpCurve};
pub use pattern::Pattern;
pub use scad::{Scad, ScadCurve};
pub use simplex::Simplex;
pub use sorted_l1::SortedL1;
pub use sparse_group::SparseGroup;
pub use trace_norm::TraceNorm;
pub use tree_group::TreeGroup;
pub(crate) use with_free_column::WithFreeColumn;

/// Relative slack when a dual point that was scaled to the boundary is tested for feasibility.
pub(crate) const FEASIBLE: f64 = 1e-12;

/// The step of a proximal operator: one for all coefficients, or one for each block of a [`BlockPenalty`].
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// The same step everywhere.
    Uniform(f64),
    /// `steps[b]` for block b; only for penalties with [`Penalty::blocks`].
    PerBlock(&'a [f64]),
}

/// λΩ as a whole: what proximal-gradient solvers and certificates need.
///
/// All slices have length p·q. `g` is a gradient of the smooth part; `z = −g` is the dual candidate.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a penalty",
    note = "implement `BlockPenalty` (partition, value_block, prox_block, critical_lambda_block) for a sum over blocks, or `Penalty` directly"
)]
pub trait Penalty: Sync {
    /// Number of columns p that the penalty is made for.
    fn ncols(&self) -> usize;
    /// `λΩ(w)`.
    fn value(&self, lambda: f64, w: &[f64]) -> f64;
    /// `v ← argmin_x ½‖x − v‖² + step·λΩ(x)` (norms weighted by 1/step where steps differ between blocks).
    fn prox(&self, lambda: f64, step: Step<'_>, v: &mut [f64]);
    /// `min{λ ≥ 0 : −g ∈ λ∂Ω(0)}`: the dual norm of g if Ω is a norm; ∞ if no λ will do.
    fn critical_lambda(&self, g: &[f64]) -> f64;
    /// `(λΩ)*(z) + λΩ(w) − ⟨z, w⟩ ≥ 0`, the Fenchel–Young gap of the penalty at `z = −scale·g`; ∞ if z is infeasible.
    ///
    /// Summed block by block where possible: each term is non-negative, so nothing cancels.
    fn fenchel_young(&self, lambda: f64, w: &[f64], g: &[f64], scale: f64) -> f64;
    /// The largest `s ≤ 1` for which `−s·g` is dual feasible.
    fn dual_scale(&self, lambda: f64, g: &[f64]) -> f64 {
        let critical = self.critical_lambda(g);
        if critical <= lambda { 1.0 } else { lambda / critical }
    }
    /// Moves g to the nearest gradient for which `−g` is dual feasible, where that is easy (a box); returns whether it
    /// did. Certificates prefer it to [`dual_scale`](Self::dual_scale) where the smooth term accepts any gradient
    /// ([`Smooth::dual_at`](crate::smooth::Smooth::dual_at)).
    fn project_dual(&self, _lambda: f64, _g: &mut [f64]) -> bool {
        false
    }
    /// How far `w` is from stationarity: `max_b dist(−g_b, λ∂Ω_b(w_b))`.
    fn kkt_violation(&self, lambda: f64, w: &[f64], g: &[f64]) -> f64;
    /// Whether Ω is convex. If it is not, answers are stationary points, certified by their KKT violation.
    fn is_convex(&self) -> bool {
        true
    }
    /// The blocks over which Ω is a sum, if it is one.
    fn blocks(&self) -> Option<&Partition> {
        None
    }
    /// Columns whose coefficients are not penalised at this λ (weight 0).
    fn free_columns(&self, _lambda: f64) -> Vec<usize> {
        Vec::new()
    }
    /// Columns whose gradient no scaling can balance: a constraint without a penalty, and g on the wrong side of zero.
    fn unbalanced_columns(&self, _lambda: f64, _g: &[f64]) -> Vec<usize> {
        Vec::new()
    }
    /// The directions along which λΩ is linear near w, if Ω is piecewise linear: proximal gradient then finishes by Newton's
    /// method. `None`, the default, turns that off.
    fn pattern(&self, _lambda: f64, _w: &[f64]) -> Option<Pattern> {
        None
    }
}

/// λΩ as a sum over blocks of columns: what coordinate and block descent need.
///
/// Four methods define a penalty; the others have defaults that are right for every norm and can be overridden.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not separable over blocks, so `BlockDescent` cannot use it",
    note = "use `Fista`, which works with every `Penalty`"
)]
pub trait BlockPenalty: Sync {
    /// The blocks of columns.
    fn partition(&self) -> &Partition;
    /// `λΩ_b(w_b)`.
    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64;
    /// `v ← argmin_x ½‖x − v‖² + step·λΩ_b(x)`.
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]);
    /// `min{λ ≥ 0 : −g_b ∈ λ∂Ω_b(0)}`; ∞ if no λ will do.
    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64;

    /// Whether Ω is convex. If it is not, there is no duality gap: answers are stationary points, certified by
    /// [`kkt_block`](Self::kkt_block), and what of the methods below is about duals is not asked for.
    fn is_convex(&self) -> bool {
        true
    }

    /// Whether `−g_b ∈ λ∂Ω_b(0)`, where that is easier to say than the critical λ.
    fn keeps_zero_block(&self, b: usize, lambda: f64, g: &[f64]) -> bool {
        self.critical_lambda_block(b, g) <= lambda
    }

    /// `(λΩ_b)*(−g)`; the default is that of a norm: 0 inside the dual ball, ∞ outside.
    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        if self.critical_lambda_block(b, g) <= lambda * (1.0 + FEASIBLE) { 0.0 } else { f64::INFINITY }
    }
    /// `dist(−g_b, λ∂Ω_b(w_b))`; the default is `‖w − prox(w − g)‖`, which is zero at the same points.
    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let mut v: Vec<f64> = w.iter().zip(g).map(|(w, g)| w - g).collect();
        self.prox_block(b, lambda, 1.0, &mut v);
        v.iter().zip(w).map(|(v, w)| (v - w) * (v - w)).sum::<f64>().sqrt()
    }
    /// One block's term of [`Penalty::fenchel_young`]; `scratch` is any buffer.
    fn fenchel_young_block(
        &self,
        b: usize,
        lambda: f64,
        w: &[f64],
        g: &[f64],
        scale: f64,
        scratch: &mut Vec<f64>,
    ) -> f64 {
        scratch.clear();
        scratch.extend(g.iter().map(|g| scale * g));
        let conjugate = self.conjugate_block(b, lambda, scratch);
        if w.iter().all(|&w| w == 0.0) {
            return conjugate;
        }
        let inner: f64 = scratch.iter().zip(w).map(|(g, w)| g * w).sum();
        // The term is >= 0 in exact arithmetic; what rounding leaves below zero is not evidence.
        (self.value_block(b, lambda, w) + inner + conjugate).max(0.0)
    }
    /// One block's part of [`Penalty::project_dual`].
    fn project_dual_block(&self, _b: usize, _lambda: f64, _g: &mut [f64]) -> bool {
        false
    }
    /// A constant c with `|critical(g) − critical(h)| ≤ c‖g − h‖₂`: what gap-safe screening needs. `None` turns it off.
    fn screening_constant(&self, _b: usize) -> Option<f64> {
        None
    }
    /// Gradient and Hessian of λΩ_b at `w_b ≠ 0` along the coefficients that are not zero: `grad` is *added to* on
    /// all of them, and so is `hess` (row-major, len(w)²). Return false (the default) if there is none, which turns the
    /// second-order finish off.
    fn curvature_block(&self, _b: usize, _lambda: f64, _w: &[f64], _grad: &mut [f64], _hess: &mut [f64]) -> bool {
        false
    }
    /// `v ← argmin_x ½ Σ_i h_i (x_i − v_i)² + λΩ_b(x)`, the prox in the metric of a diagonal Hessian, h_i > 0 for each coefficient:
    /// such blocks then have an exact minimiser. Return false (the default) and leave `v` alone if there is none.
    fn prox_block_diagonal(&self, _b: usize, _lambda: f64, _h: &[f64], _v: &mut [f64]) -> bool {
        false
    }
    /// (t, κ) if `λΩ_b(w) = t‖w‖₂ + κ/2 ‖w‖₂²`: blocks of several columns then have an exact minimiser.
    fn radial(&self, _b: usize, _lambda: f64) -> Option<(f64, f64)> {
        None
    }
    /// Whether single coefficients inside a block can stick at zero (ℓ1 parts, sign constraints): the second-order
    /// finish then never steps across zero.
    fn has_coordinate_kinks(&self) -> bool {
        true
    }
    /// Whether `Ω_b(w)` is the sum of `Ω_b` over the coefficients one by one, as for ℓ1: rows of W then need not be treated as
    /// one block.
    fn is_entrywise(&self) -> bool {
        false
    }
    /// Whether block b is not penalised at this λ: its part of a dual point is then projected to zero.
    /// True by default at λ = 0; penalties with weights add the blocks of weight 0 and take out constrained ones.
    fn is_free(&self, _b: usize, lambda: f64) -> bool {
        lambda == 0.0
    }

    /// Whether a block couples so many columns that descent over blocks is none: estimators then take proximal gradient on
    /// working sets, whatever their solver.
    fn couples_columns(&self) -> bool {
        false
    }
    /// Whether Ω_b tells the columns of a block apart, so that none of them may be missing.
    fn knows_columns(&self) -> bool {
        false
    }
    /// [`Penalty::pattern`] of all blocks.
    fn linear_pattern(&self, _lambda: f64, _w: &[f64]) -> Option<Pattern> {
        None
    }
    /// Directions (column, value), disjoint, along which Ω is constant everywhere although no column is free: what total
    /// variation does not see.
    fn free_directions(&self) -> Vec<Vec<(usize, f64)>> {
        Vec::new()
    }
    /// The columns that may be non-zero where g is the gradient and `threshold·Ω` the penalty, the likeliest first. At
    /// `threshold = λ` none may be missing that violates optimality at zero; at `2λ − λ'` with the gradient at λ' they are those
    /// of the strong rule (Tibshirani et al. 2012). `None`, the default: there is no such rule.
    fn candidates(&self, _threshold: f64, _g: &[f64]) -> Option<Vec<usize>> {
        None
    }
    /// Ω of these columns, the others being zero. `None`, the default, if it cannot be had.
    fn restrict(&self, _columns: &[usize]) -> Option<Box<dyn BlockPenalty>> {
        None
    }
}

/// Pointers to penalties are penalties.
macro_rules! forward {
    ($pointer:ty $(, $life:lifetime)?) => {
        impl<$($life,)? P: BlockPenalty + ?Sized> BlockPenalty for $pointer
        where
            $pointer: Sync,
        {
            fn partition(&self) -> &Partition {
                (**self).partition()
            }
            #[inline]
            fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
                (**self).value_block(b, lambda, w)
            }
            #[inline]
            fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
                (**self).prox_block(b, lambda, step, v);
            }
            #[inline]
            fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
                (**self).critical_lambda_block(b, g)
            }
            fn is_convex(&self) -> bool {
                BlockPenalty::is_convex(&**self)
            }
            #[inline]
            fn keeps_zero_block(&self, b: usize, lambda: f64, g: &[f64]) -> bool {
                (**self).keeps_zero_block(b, lambda, g)
            }
            fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
                (**self).conjugate_block(b, lambda, g)
            }
            fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
                (**self).kkt_block(b, lambda, w, g)
            }
            fn fenchel_young_block(
                &self,
                b: usize,
                lambda: f64,
                w: &[f64],
                g: &[f64],
                scale: f64,
                scratch: &mut Vec<f64>,
            ) -> f64 {
                (**self).fenchel_young_block(b, lambda, w, g, scale, scratch)
            }
            fn project_dual_block(&self, b: usize, lambda: f64, g: &mut [f64]) -> bool {
                (**self).project_dual_block(b, lambda, g)
            }
            fn screening_constant(&self, b: usize) -> Option<f64> {
                (**self).screening_constant(b)
            }
            fn curvature_block(&self, b: usize, lambda: f64, w: &[f64], grad: &mut [f64], hess: &mut [f64]) -> bool {
                (**self).curvature_block(b, lambda, w, grad, hess)
            }
            #[inline]
            fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
                (**self).prox_block_diagonal(b, lambda, h, v)
            }
            #[inline]
            fn radial(&self, b: usize, lambda: f64) -> Option<(f64, f64)> {
                (**self).radial(b, lambda)
            }
            fn has_coordinate_kinks(&self) -> bool {
                (**self).has_coordinate_kinks()
            }
            fn is_entrywise(&self) -> bool {
                (**self).is_entrywise()
            }
            fn is_free(&self, b: usize, lambda: f64) -> bool {
                (**self).is_free(b, lambda)
            }
            fn couples_columns(&self) -> bool {
                (**self).couples_columns()
            }
            fn knows_columns(&self) -> bool {
                (**self).knows_columns()
            }
            fn linear_pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
                (**self).linear_pattern(lambda, w)
            }
            fn free_directions(&self) -> Vec<Vec<(usize, f64)>> {
                (**self).free_directions()
            }
            fn candidates(&self, threshold: f64, g: &[f64]) -> Option<Vec<usize>> {
                (**self).candidates(threshold, g)
            }
            fn restrict(&self, columns: &[usize]) -> Option<Box<dyn BlockPenalty>> {
                (**self).restrict(columns)
            }
        }
    };
}
forward!(&'a P, 'a);
forward!(Box<P>);

impl<P: BlockPenalty> Penalty for P {
    fn ncols(&self) -> usize {
        self.partition().ncols()
    }

    fn value(&self, lambda: f64, w: &[f64]) -> f64 {
        each_block(self, w).map(|(b, r)| self.value_block(b, lambda, &w[r])).sum()
    }

    fn prox(&self, lambda: f64, step: Step<'_>, v: &mut [f64]) {
        let q = v.len() / self.ncols().max(1);
        for (b, cols) in self.partition().iter().enumerate() {
            let t = match step {
                Step::Uniform(t) => t,
                Step::PerBlock(steps) => steps[b],
            };
            self.prox_block(b, lambda, t, &mut v[cols.start * q..cols.end * q]);
        }
    }

    fn critical_lambda(&self, g: &[f64]) -> f64 {
        each_block(self, g).map(|(b, r)| self.critical_lambda_block(b, &g[r])).fold(0.0, f64::max)
    }

    fn fenchel_young(&self, lambda: f64, w: &[f64], g: &[f64], scale: f64) -> f64 {
        let mut scaled = Vec::new();
        each_block(self, w)
            .map(|(b, r)| self.fenchel_young_block(b, lambda, &w[r.clone()], &g[r], scale, &mut scaled))
            .sum()
    }

    fn kkt_violation(&self, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        each_block(self, w).map(|(b, r)| self.kkt_block(b, lambda, &w[r.clone()], &g[r])).fold(0.0, f64::max)
    }

    fn is_convex(&self) -> bool {
        BlockPenalty::is_convex(self)
    }

    fn blocks(&self) -> Option<&Partition> {
        Some(self.partition())
    }

    fn free_columns(&self, lambda: f64) -> Vec<usize> {
        let partition = self.partition();
        (0..partition.len()).filter(|&b| self.is_free(b, lambda)).flat_map(|b| partition.block(b)).collect()
    }

    fn pattern(&self, lambda: f64, w: &[f64]) -> Option<Pattern> {
        self.linear_pattern(lambda, w)
    }

    fn project_dual(&self, lambda: f64, g: &mut [f64]) -> bool {
        let blocks = each_block(self, g);
        blocks.into_iter().all(|(b, r)| self.project_dual_block(b, lambda, &mut g[r]))
    }

    fn unbalanced_columns(&self, lambda: f64, g: &[f64]) -> Vec<usize> {
        let unbalanced = |critical: f64| critical == f64::INFINITY || (lambda == 0.0 && critical > 0.0);
        let q = g.len() / self.partition().ncols().max(1);
        let mut columns = Vec::new();
        for (b, r) in each_block(self, g) {
            // A projection balances any gradient.
            if !unbalanced(self.critical_lambda_block(b, &g[r.clone()]))
                || self.project_dual_block(b, lambda, &mut g[r.clone()].to_vec())
            {
                continue;
            }
            // Of a constrained block only the columns that point out of the constraint: the gradient on the others is part
            // of the proof.
            let mut alone = vec![0.0; r.len()];
            for (i, j) in self.partition().block(b).enumerate() {
                let own = i * q..(i + 1) * q;
                alone[own.clone()].copy_from_slice(&g[r.clone()][own.clone()]);
                if unbalanced(self.critical_lambda_block(b, &alone)) {
                    columns.push(j);
                }
                alone[own].fill(0.0);
            }
        }
        columns
    }
}

/// size / ω with 0/0 = 0 and x/∞ = 0.
#[inline]
pub(crate) fn ratio(size: f64, weight: f64) -> f64 {
    if size == 0.0 { 0.0 } else { size / weight }
}

/// The blocks of a penalty and where their coefficients stand in `w`.
fn each_block<'a, P: BlockPenalty + ?Sized>(
    penalty: &'a P,
    w: &[f64],
) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + 'a {
    let q = w.len() / penalty.partition().ncols().max(1);
    penalty.partition().iter().enumerate().map(move |(b, c)| (b, c.start * q..c.end * q))
}
