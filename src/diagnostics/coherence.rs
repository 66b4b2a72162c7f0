//! Mutual coherence and the Welch bound.

use super::uniqueness::{SparsityBound, check_rank};
use super::unit_columns;
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::parallel;

/// The mutual coherence of a design.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Coherence {
    /// `μ = max_{i≠j} |⟨x_i, x_j⟩| / (‖x_i‖ ‖x_j‖)`, in [0, 1]; 0 for a single column.
    pub value: f64,
    /// The first pair `i < j` that attains it; `None` for a single column.
    pub pair: Option<(usize, usize)>,
    /// What rounding can have done to `value`.
    pub rounding: f64,
    /// Number of columns p.
    pub ncols: usize,
}

/// The largest cosine between two columns,
/// `μ(X) = max_{i≠j} |⟨x_i, x_j⟩| / (‖x_i‖ ‖x_j‖)`.
///
/// The scale of the columns does not matter. The Gram matrix is formed in tiles, so memory does not grow with p².
/// Source: Donoho & Huo 2001, Donoho & Elad 2003.
///
/// # Errors
/// Those of [`AsDesign::as_design`]; [`Error::OutOfRange`] for a column of zeros (or with a norm beyond 1e±150).
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::mutual_coherence;
/// let coherence = mutual_coherence(&array![[2.0, 0.0, 3.0], [0.0, 5.0, 4.0]])?;
/// assert!((coherence.value - 0.8).abs() < 1e-15);
/// assert_eq!(coherence.pair, Some((1, 2)));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn mutual_coherence<X: AsDesign + ?Sized>(x: &X) -> Result<Coherence> {
    let x = unit_columns::design(x)?;
    let (n, p) = (x.nrows(), x.ncols());
    let norms = unit_columns::checked_norms(&x)?;
    let width = unit_columns::tile_width(n);
    let columns: Vec<usize> = (0..p).collect();
    let panels: Vec<&[usize]> = columns.chunks(width).collect();
    let best = parallel::map_indexed(panels.len(), n * p * panels.len() * size_of::<f64>(), |right| {
        let (mut best, mut tile) = ((-1.0, (0, 0)), Vec::new());
        let cols = panels[right];
        for &rows in &panels[..=right] {
            unit_columns::cosines(&x, &norms, rows, cols, &mut tile)?;
            for (&j, tile) in cols.iter().zip(tile.chunks_exact(rows.len())) {
                for (&i, &v) in rows.iter().zip(tile).take_while(|(i, _)| **i < j) {
                    best = first_largest(best, (v.abs(), (i, j)));
                }
            }
        }
        Ok(best)
    });
    let best = best.into_iter().try_fold((-1.0, (0, 0)), |best, next| next.map(|next| first_largest(best, next)))?;
    Ok(Coherence {
        value: f64::clamp(best.0, 0.0, 1.0),
        pair: (p > 1).then_some(best.1),
        rounding: unit_columns::cosine_error(n),
        ncols: p,
    })
}

/// The larger value; the smaller pair of two with the same.
pub(super) fn first_largest(a: (f64, (usize, usize)), b: (f64, (usize, usize))) -> (f64, (usize, usize)) {
    if b.0 > a.0 || (b.0 == a.0 && b.1 < a.1) { b } else { a }
}

impl Coherence {
    /// `k < (1 + 1/μ)/2`: a w with k non-zeros is the only one so sparse with Xw = y, and both
    /// `min Σ_j ‖x_j‖ |w_j| s.t. Xw = y` (basis pursuit) and orthogonal matching pursuit find it. With columns of
    /// different norms, that says nothing about the unweighted ‖w‖₁.
    /// Source: Donoho & Elad 2003 and Gribonval & Nielsen 2003 (basis pursuit); Tropp 2004 (both).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::diagnostics::mutual_coherence;
    /// assert_eq!(mutual_coherence(&Array2::<f64>::eye(7))?.recovery_bound().largest, 7);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn recovery_bound(&self) -> SparsityBound {
        self.half(1.0)
    }

    /// `k < (1/μ + rank Y)/2`: a W with k non-zero rows is the only one so sparse with XW = Y. Void for k below the rank,
    /// as no such W exists.
    ///
    /// This is about the sparsest W, not about what a convex penalty returns; see the [module](super).
    /// It is [`Spark::joint_uniqueness_bound`](super::Spark::joint_uniqueness_bound) with `spark ≥ 1 + 1/μ`.
    /// Source: Chen & Huo 2006.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for rank 0.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::{mutual_coherence, numeric_rank};
    /// let coherence = mutual_coherence(&array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])?;
    /// let repeated = array![[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]];    // three responses, but they say the same
    /// let rank = numeric_rank(&repeated, None)?.rank;
    /// assert_eq!(coherence.joint_uniqueness_bound(rank)?, coherence.recovery_bound());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn joint_uniqueness_bound(&self, rank: usize) -> Result<SparsityBound> {
        check_rank(rank)?;
        Ok(self.half(rank as f64))
    }

    /// `spark ≥ 1 + 1/μ`, rounded up, at most p + 1 (which means that no columns are dependent).
    /// Source: Donoho & Elad 2003.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::mutual_coherence;
    /// assert_eq!(mutual_coherence(&array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])?.spark_lower_bound(), 3);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn spark_lower_bound(&self) -> usize {
        let bound = 1.0 + 1.0 / self.at_most();
        (bound.ceil() as usize).min(self.ncols + 1)
    }

    fn half(&self, rank: f64) -> SparsityBound {
        SparsityBound::new((1.0 / self.value + rank) / 2.0, (1.0 / self.at_most() + rank) / 2.0, self.ncols)
    }

    /// μ is not larger than this, whatever rounding did.
    pub(super) fn at_most(&self) -> f64 {
        if self.ncols == 1 { 0.0 } else { self.value + self.rounding }
    }
}

/// The Welch bound `μ ≥ √((p − n)/(n(p − 1)))` on the coherence of p vectors in ℝⁿ; 0 for p ≤ n, where they can be
/// orthogonal. Attained by equiangular tight frames only, so at most for p ≤ n(n + 1)/2.
/// Source: Welch 1974; Strohmer & Heath 2003.
///
/// # Errors
/// [`Error::OutOfRange`] if n or p is 0.
///
/// ```
/// use sparsereg::diagnostics::welch_bound;
/// assert_eq!(welch_bound(2, 3)?, 0.5);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn welch_bound(n: usize, p: usize) -> Result<f64> {
    for (argument, value) in [("n", n), ("p", p)] {
        if value == 0 {
            return Err(Error::OutOfRange { argument, index: vec![], value: 0.0, expected: "at least 1" });
        }
    }
    if p <= n {
        return Ok(0.0);
    }
    Ok(((p - n) as f64 / (n as f64 * (p - 1) as f64)).sqrt())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::super::test_matrices::{hadamard_identity, icosahedron, mercedes, random};
    use super::*;
    use crate::design::{Columns, Csc, Dense, Standardized};

    fn naive(x: &Array2<f64>) -> f64 {
        let mut best = 0.0_f64;
        for i in 0..x.ncols() {
            for j in 0..i {
                let (a, b) = (x.column(i), x.column(j));
                best = best.max(a.dot(&b).abs() / (a.dot(&a) * b.dot(&b)).sqrt());
            }
        }
        best
    }

    #[test]
    fn equiangular_tight_frames_attain_the_welch_bound() {
        let three = mutual_coherence(&mercedes()).unwrap();
        assert!((three.value - 0.5).abs() < 1e-15 && (three.value - welch_bound(2, 3).unwrap()).abs() < 1e-15);
        let six = mutual_coherence(&icosahedron()).unwrap();
        assert!((six.value - 0.2_f64.sqrt()).abs() < 1e-15 && (six.value - welch_bound(3, 6).unwrap()).abs() < 1e-15);
        assert_eq!(welch_bound(4, 4).unwrap(), 0.0);
        assert!(matches!(welch_bound(0, 4), Err(Error::OutOfRange { argument: "n", .. })));
    }

    #[test]
    fn spikes_and_walsh_functions_have_one_over_root_n() {
        let coherence = mutual_coherence(&hadamard_identity(16)).unwrap();
        assert_eq!((coherence.value, coherence.pair), (0.25, Some((0, 16))));
        // The bounds of this pair of bases: 2.5 from one response, 4 from rank 4, of which only 3 is promised.
        let bound = coherence.recovery_bound();
        assert_eq!((bound.bound, bound.largest), (2.5, 2));
        let bound = coherence.joint_uniqueness_bound(4).unwrap();
        assert_eq!((bound.bound, bound.largest), (4.0, 3));
        assert_eq!(coherence.spark_lower_bound(), 5);
        assert!(matches!(coherence.joint_uniqueness_bound(0), Err(Error::OutOfRange { argument: "rank", .. })));
    }

    #[test]
    fn whole_bounds_survive_rounding() {
        // μ = 1/3: k < 2 promises 1, not 2, even where the quotient comes out so far below 1/3 that the bound passes 2.
        let angle = (1.0 / 3.0_f64).acos();
        let mut passed = 0;
        for step in 0..2000 {
            let turn = 0.003 * step as f64;
            let x = array![[turn.cos(), (turn + angle).cos()], [turn.sin(), (turn + angle).sin()]];
            let bound = mutual_coherence(&x).unwrap().recovery_bound();
            passed += usize::from(bound.bound > 2.0);
            assert_eq!(bound.largest, 1);
        }
        assert!(passed > 0);
    }

    #[test]
    fn columns_far_from_zero_are_centred_before_they_are_multiplied() {
        let centred = random(4, 12, 5);
        let means = vec![1e7; 5];
        let x = Dense::from_columns(centred.t().iter().map(|v| v + 1e7).collect(), 12, 5).unwrap();
        let view = Standardized::new(x, Some(means), None).unwrap();
        let plain = view.materialize().unwrap();
        let (found, truth) = (mutual_coherence(&view).unwrap(), mutual_coherence(&plain).unwrap());
        assert!((found.value - truth.value).abs() <= truth.rounding && found.pair == truth.pair);
    }

    #[test]
    fn degenerate_columns() {
        assert!(mutual_coherence(&array![[1.0, 3.0], [2.0, 6.0]]).unwrap().value > 1.0 - 1e-15);
        let single = mutual_coherence(&array![[1.0], [2.0]]).unwrap();
        assert_eq!((single.value, single.pair, single.recovery_bound().largest), (0.0, None, 1));
        for (x, at) in [(array![[1.0, 0.0], [2.0, 0.0]], 1), (array![[1e200, 1.0], [0.0, 1.0]], 0)] {
            assert!(matches!(mutual_coherence(&x), Err(Error::OutOfRange { index, .. }) if index == [at]));
        }
    }

    #[test]
    fn tiles_and_storages_agree() {
        // More columns than a tile has, so that pairs across tiles count.
        let x = random(3, 6, 600);
        let expected = naive(&x);
        let dense = mutual_coherence(&x).unwrap();
        assert!((dense.value - expected).abs() < 1e-14);
        let triplets: Vec<_> = x.indexed_iter().map(|((i, j), &v)| (i, j, v)).collect();
        let sparse = mutual_coherence(&Csc::from_triplets(6, 600, &triplets).unwrap()).unwrap();
        assert!((sparse.value - expected).abs() < 1e-14 && sparse.pair == dense.pair);
        let own = Dense::from_columns(x.t().iter().copied().collect(), 6, 600).unwrap();
        assert_eq!(mutual_coherence(&own).unwrap().pair, dense.pair);
        // A view counts as a design of the user's own.
        let order: Vec<usize> = (0..600).rev().collect();
        let reversed = mutual_coherence(&Columns::new(own, order).unwrap()).unwrap();
        let (i, j) = dense.pair.unwrap();
        assert!((reversed.value - expected).abs() < 1e-14 && reversed.pair == Some((599 - j, 599 - i)));
        let single = mutual_coherence(&x.mapv(|v| v as f32)).unwrap();
        assert!((single.value - expected).abs() < 1e-6);
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn the_number_of_threads_changes_no_bit() {
        let x = random(5, 40, 1100);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| mutual_coherence(&x).unwrap())
        };
        assert_eq!(run(1), run(3));
    }

    proptest! {
        #[test]
        fn between_the_welch_bound_and_one_whatever_the_scale(
            seed in 0u64..1000, n in 1usize..8, p in 2usize..20, scale in -8i32..8
        ) {
            let mut x = random(seed, n, p);
            let before = mutual_coherence(&x).unwrap();
            prop_assert!(before.value >= welch_bound(n, p).unwrap() - 1e-14 && before.value <= 1.0);
            prop_assert!((before.value - naive(&x)).abs() < 1e-13);
            x.column_mut(p / 2).mapv_inplace(|v| v * -(2.0_f64.powi(scale)));
            prop_assert_eq!(mutual_coherence(&x).unwrap(), before);
        }
    }
}
