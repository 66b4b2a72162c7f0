//! Entrywise penalties of several symmetric matrices at once, which share zeros or values (Danaher, Wang and Witten 2014).

use crate::error::{Result, check_length, check_weights};
use crate::partition::Partition;
use crate::penalty::{BlockPenalty, FEASIBLE};
use crate::prox;

/// What ties the classes together: `C(v)` for the K values of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Coupling {
    /// `‖v‖₂`: the classes share their zeros, values differ (the group graphical lasso).
    #[default]
    Group,
    /// `Σ_{k<l} |v_k − v_l|`: values are equal in many classes (the fused graphical lasso).
    Fused,
}

impl Coupling {
    /// Whether g is in the dual ball of `t1‖v‖₁ + t2 C(v)`: its prox is zero.
    pub(crate) fn keeps_zero(self, g: &[f64], t1: f64, t2: f64) -> bool {
        if g.iter().all(|g| g.abs() <= t1) {
            return true;
        }
        match self {
            Self::Group => g.iter().map(|g| (g.abs() - t1).max(0.0)).map(|e| e * e).sum::<f64>() <= t2 * t2,
            Self::Fused => with_order(g.len(), |order| prox::pairwise_fused_critical(g, t1, t2, order)) <= 1.0,
        }
    }
}

/// `Ω(Θ) = Σ_ij (a_ij ‖θ_ij‖₁ + c_ij C(θ_ij))` where θ_ij holds the values of entry (i, j) in K matrices; each off-diagonal
/// pair is counted twice as in the graphical lasso.
///
/// A block is an entry: a matrix entry is a column with K responses.
///
/// ```
/// use sparsereg::penalty::{Coupling, JointEntrywise, Penalty};
/// let penalty = JointEntrywise::off_diagonal(2, 2, Coupling::Fused, 1.0, 0.5)?;
/// // Θ⁽¹⁾ = [3 −1; −1 3], Θ⁽²⁾ = [3 1; 1 3]: 2 (|−1| + |1|) + 0.5 · 2 |−1 − 1|
/// let theta = [3.0, 3.0, -1.0, 1.0, -1.0, 1.0, 3.0, 3.0];
/// assert_eq!(penalty.value(1.0, &theta), 6.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JointEntrywise {
    partition: Partition,
    classes: usize,
    coupling: Coupling,
    l1: Vec<f64>,
    coupled: Vec<f64>,
}

/// Classes that need no memory from the heap.
const FEW: usize = 16;

impl JointEntrywise {
    /// a and c off the diagonal, 0 on it, for p×p matrices of so many classes.
    ///
    /// # Errors
    /// a or c that is negative or not finite.
    pub fn off_diagonal(size: usize, classes: usize, coupling: Coupling, l1: f64, coupled: f64) -> Result<Self> {
        let fill = |value: f64| (0..size * size).map(|e| if e / size == e % size { 0.0 } else { value }).collect();
        Self::with_weights(size, classes, coupling, fill(l1), fill(coupled))
    }

    /// The weights a_ij and c_ij, p² finite values ≥ 0 each.
    ///
    /// # Errors
    /// A wrong length, a value that is negative or not finite.
    pub fn with_weights(
        size: usize,
        classes: usize,
        coupling: Coupling,
        l1: Vec<f64>,
        coupled: Vec<f64>,
    ) -> Result<Self> {
        check_length("l1", size * size, l1.len())?;
        check_length("coupled", size * size, coupled.len())?;
        check_weights("l1", &l1, false)?;
        check_weights("coupled", &coupled, false)?;
        Ok(Self { partition: Partition::singletons(size * size), classes, coupling, l1, coupled })
    }

    /// Some entries of it, each taken as K columns of one response, and both weights multiplied.
    pub(crate) fn along(&self, entries: impl Iterator<Item = (usize, f64)>) -> Result<Self> {
        let (mut l1, mut coupled) = (Vec::new(), Vec::new());
        for (e, factor) in entries {
            l1.push(factor * self.l1[e]);
            coupled.push(factor * self.coupled[e]);
        }
        let partition = Partition::from_sizes(&vec![self.classes; l1.len()])?;
        Ok(Self { partition, l1, coupled, ..*self })
    }

    /// (threshold of the values, threshold of the coupling).
    #[inline]
    fn parts(&self, b: usize, lambda: f64) -> (f64, f64) {
        (lambda * self.l1[b], lambda * self.coupled[b])
    }

    /// `u ← ` the point of `λ∂Ω_b(w)` nearest to z.
    pub(crate) fn nearest_subgradient(&self, b: usize, lambda: f64, w: &[f64], z: &[f64], u: &mut [f64]) {
        let (t1, t2) = self.parts(b, lambda);
        u.copy_from_slice(z);
        if w.iter().all(|&w| w == 0.0) {
            if z.iter().all(|z| z.abs() <= t1) {
                return;
            }
            // Moreau: what the prox leaves over is the projection onto the dual ball.
            self.prox_block(b, lambda, 1.0, u);
            u.iter_mut().zip(z).for_each(|(u, z)| *u = z - *u);
            return;
        }
        if self.coupling == Coupling::Group {
            let norm = prox::norm2(w);
            for (u, w) in u.iter_mut().zip(w) {
                *u = if *w == 0.0 { u.clamp(-t1, t1) } else { t1 * w.signum() + t2 * (w / norm) };
            }
            return;
        }
        // Between pools of equal values the subgradient is fixed, inside one it is that of the pool alone.
        let mut pool = Vec::with_capacity(w.len());
        for first in 0..w.len() {
            if w[..first].contains(&w[first]) {
                continue;
            }
            let value = w[first];
            let members = || (0..w.len()).filter(|&k| w[k] == value);
            let rank: f64 = w.iter().map(|&other| if other == value { 0.0 } else { (value - other).signum() }).sum();
            let fixed = t2 * rank + if value == 0.0 { 0.0 } else { t1 * value.signum() };
            pool.clear();
            pool.extend(members().map(|k| z[k] - fixed));
            let own = if value == 0.0 { t1 } else { 0.0 };
            with_order(pool.len(), |order| prox::pairwise_fused(&mut pool, own, t2, order));
            members().zip(&pool).for_each(|(k, left)| u[k] = z[k] - left);
        }
    }
}

/// Values of one entry that move as one where Ω is smooth: one that is not zero, or several that are fused.
#[derive(Debug)]
pub(crate) struct SmoothPiece {
    /// The classes.
    pub members: Vec<usize>,
    /// The derivative of λΩ along them.
    pub slope: f64,
}

impl JointEntrywise {
    /// Whether `λΩ_b` has kinks where one value of several is zero, and where two values are equal.
    pub(crate) fn kinks(&self, b: usize, lambda: f64) -> (bool, bool) {
        let (t1, t2) = self.parts(b, lambda);
        (t1 > 0.0, t2 > 0.0 && self.coupling == Coupling::Fused)
    }

    /// The pieces along which `λΩ_b` is smooth at w; none where all of w is zero, unless zero is a value like others.
    pub(crate) fn smooth_pieces(&self, b: usize, lambda: f64, w: &[f64]) -> Vec<SmoothPiece> {
        let (t1, t2) = self.parts(b, lambda);
        let (kink_at_zero, kink_at_equal) = self.kinks(b, lambda);
        let norm = if self.coupling == Coupling::Group && t2 > 0.0 { prox::norm2(w) } else { f64::INFINITY };
        if norm == 0.0 {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        for (k, &value) in w.iter().enumerate() {
            if (kink_at_zero && value == 0.0) || (kink_at_equal && w[..k].contains(&value)) {
                continue;
            }
            let members: Vec<usize> = (k..w.len()).filter(|&l| l == k || (kink_at_equal && w[l] == value)).collect();
            let sign = if value == 0.0 { 0.0 } else { value.signum() };
            let each = if kink_at_equal {
                let side = |other: &f64| if *other == value { 0.0 } else { (value - other).signum() };
                t2 * w.iter().map(side).sum::<f64>()
            } else {
                t2 * value / norm
            };
            let slope = members.len() as f64 * (t1 * sign + each);
            pieces.push(SmoothPiece { members, slope });
        }
        pieces
    }

    /// The second derivative of `λΩ_b` by two pieces of w with these values, or by one twice.
    pub(crate) fn piece_curvature(&self, b: usize, lambda: f64, w: &[f64], values: (f64, f64), same: bool) -> f64 {
        let (_, t2) = self.parts(b, lambda);
        if self.coupling == Coupling::Fused || t2 == 0.0 {
            return 0.0;
        }
        let norm = prox::norm2(w);
        t2 / norm * (if same { 1.0 } else { 0.0 } - values.0 / norm * (values.1 / norm))
    }
}

/// Calls `f` with scratch for so many classes.
fn with_order<T>(classes: usize, f: impl FnOnce(&mut [usize]) -> T) -> T {
    if classes <= FEW { f(&mut [0; FEW]) } else { f(&mut vec![0; classes]) }
}

impl BlockPenalty for JointEntrywise {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn value_block(&self, b: usize, lambda: f64, w: &[f64]) -> f64 {
        let (t1, t2) = self.parts(b, lambda);
        let coupled = match self.coupling {
            Coupling::Group => prox::norm2(w),
            Coupling::Fused => (0..w.len()).map(|k| w[..k].iter().map(|v| (v - w[k]).abs()).sum::<f64>()).sum(),
        };
        t1 * w.iter().map(|w| w.abs()).sum::<f64>() + t2 * coupled
    }

    #[inline]
    fn prox_block(&self, b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let (t1, t2) = self.parts(b, lambda);
        match self.coupling {
            Coupling::Group => _ = prox::sparse_group(v, t1 * step, t2 * step),
            Coupling::Fused => with_order(v.len(), |order| prox::pairwise_fused(v, t1 * step, t2 * step, order)),
        }
    }

    #[inline]
    fn prox_block_diagonal(&self, b: usize, lambda: f64, h: &[f64], v: &mut [f64]) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        match self.coupling {
            Coupling::Group => prox::sparse_group_diagonal(v, h, t1, t2),
            Coupling::Fused => with_order(v.len(), |order| prox::pairwise_fused_diagonal(v, h, t1, t2, order)),
        }
        true
    }

    fn critical_lambda_block(&self, b: usize, g: &[f64]) -> f64 {
        let (l1, coupled) = self.parts(b, 1.0);
        match self.coupling {
            Coupling::Group => {
                let sum = l1 + coupled;
                let tau = if sum > 0.0 { l1 / sum } else { 1.0 };
                super::ratio(prox::sparse_group_critical(g, tau, 1.0), sum)
            }
            Coupling::Fused => with_order(g.len(), |order| prox::pairwise_fused_critical(g, l1, coupled, order)),
        }
    }

    fn keeps_zero_block(&self, b: usize, lambda: f64, g: &[f64]) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        self.coupling.keeps_zero(g, t1, t2)
    }

    fn conjugate_block(&self, b: usize, lambda: f64, g: &[f64]) -> f64 {
        // What sticks out of the dual ball, next to its size: no root is needed, and no λ divides.
        let (t1, t2) = self.parts(b, lambda);
        let mut outside = g.to_vec();
        self.prox_block(b, lambda, 1.0, &mut outside);
        let size = t1 + t2 + g.iter().fold(0.0f64, |max, g| max.max(g.abs()));
        if prox::norm2(&outside) <= FEASIBLE * size { 0.0 } else { f64::INFINITY }
    }

    fn kkt_block(&self, b: usize, lambda: f64, w: &[f64], g: &[f64]) -> f64 {
        let z: Vec<f64> = g.iter().map(|g| -g).collect();
        let mut u = vec![0.0; g.len()];
        self.nearest_subgradient(b, lambda, w, &z, &mut u);
        u.iter_mut().zip(g).for_each(|(u, g)| *u += g);
        prox::norm2(&u)
    }

    fn project_dual_block(&self, b: usize, lambda: f64, g: &mut [f64]) -> bool {
        let mut outside = g.to_vec();
        self.prox_block(b, lambda, 1.0, &mut outside);
        g.iter_mut().zip(&outside).for_each(|(g, o)| *g -= o);
        true
    }

    fn is_free(&self, b: usize, lambda: f64) -> bool {
        let (t1, t2) = self.parts(b, lambda);
        t1 == 0.0 && (t2 == 0.0 || (self.classes == 1 && self.coupling == Coupling::Fused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The projection onto the subdifferential: it is a subgradient (support function and feasibility), and no other is nearer.
    #[test]
    fn the_nearest_subgradient_is_one_and_is_nearest() {
        let points: [&[f64]; 7] = [
            &[0.0, 0.0, 0.0],
            &[1.0, 1.0, 1.0],
            &[1.0, 1.0, -1.0],
            &[0.0, 0.0, 2.0],
            &[1.0, -0.5, 0.25],
            &[-1.0, 0.0, -1.0],
            &[0.0, 3.0, 0.0],
        ];
        for coupling in [Coupling::Group, Coupling::Fused] {
            let mut penalty = JointEntrywise::off_diagonal(2, 3, coupling, 0.7, 0.4).unwrap();
            for l1 in [0.7, 0.0] {
                penalty.l1[1] = l1;
                for w in points {
                    for z in [[0.3, -1.0, 0.8], [2.0, 1.0, -0.1], [0.0, 0.0, 0.0], [0.6, 0.6, 0.6]] {
                        let mut u = [0.0; 3];
                        penalty.nearest_subgradient(1, 1.0, w, &z, &mut u);
                        assert_eq!(penalty.conjugate_block(1, 1.0, &u), 0.0, "{coupling:?} {w:?} {z:?}: {u:?}");
                        let inner: f64 = u.iter().zip(w).map(|(u, w)| u * w).sum();
                        assert!((inner - penalty.value_block(1, 1.0, w)).abs() < 1e-12, "{coupling:?} {w:?}: {u:?}");
                        // Other subgradients: those nearest to other points. The angle at the projection is not acute.
                        for other in [[1.0, 0.0, 0.0], [-1.0, 0.5, 0.2], [0.0, 9.0, -9.0], [0.5, 0.5, -2.0]] {
                            let mut v = [0.0; 3];
                            penalty.nearest_subgradient(1, 1.0, w, &other, &mut v);
                            let angle: f64 = (0..3).map(|k| (z[k] - u[k]) * (v[k] - u[k])).sum();
                            assert!(angle <= 1e-12, "{coupling:?} {w:?} {z:?} {other:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn zero_is_kept_where_prox_is_zero() {
        for coupling in [Coupling::Group, Coupling::Fused] {
            let penalty = JointEntrywise::off_diagonal(2, 3, coupling, 0.5, 0.3).unwrap();
            for g in [[0.4, 0.5, -0.5], [0.7, 0.7, 0.1], [1.05, 0.2, -0.2], [1.1, -0.3, 0.9], [0.0, 0.0, 0.0]] {
                let mut v = g;
                penalty.prox_block(1, 1.0, 1.0, &mut v);
                assert_eq!(penalty.keeps_zero_block(1, 1.0, &g), v == [0.0; 3], "{coupling:?} {g:?}");
            }
        }
    }
}
