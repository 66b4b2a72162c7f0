//! The cumulative coherence, or Babel function.

use super::unit_columns;
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::parallel;

/// The cumulative coherence of a design, as far as it was asked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CumulativeCoherence {
    /// μ₁(1), μ₁(2), …; see [`at`](Self::at).
    pub values: Vec<f64>,
    /// What rounding can have done to one cosine; to μ₁(k) it is k times as much.
    pub rounding: f64,
    /// Number of columns p.
    pub ncols: usize,
}

/// How much of a column up to k others can explain together,
/// `μ₁(k) = max_{|Λ|=k} max_{j∉Λ} Σ_{i∈Λ} |⟨x_i, x_j⟩| / (‖x_i‖ ‖x_j‖)`, for k = 1, …, `largest`.
///
/// μ₁(1) = μ and `μ₁(k) ≤ kμ`, so what μ₁ promises is never less than what μ does. Memory is that of `largest` numbers
/// for each column of a tile. Source: Tropp 2004, §2.3; Donoho & Elad 2003 (as μ_{1/2}).
///
/// # Errors
/// [`Error::OutOfRange`] for a `largest` outside 1 … p − 1, and as [`mutual_coherence`](super::mutual_coherence).
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::cumulative_coherence;
/// let babel = cumulative_coherence(&array![[1.0, 0.0, 3.0], [0.0, 1.0, 4.0]], 2)?;
/// assert!((babel.at(1) - 0.8).abs() < 1e-15 && (babel.at(2) - 1.4).abs() < 1e-15);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn cumulative_coherence<X: AsDesign + ?Sized>(x: &X, largest: usize) -> Result<CumulativeCoherence> {
    let x = unit_columns::design(x)?;
    let (n, p) = (x.nrows(), x.ncols());
    if largest == 0 || largest >= p {
        let expected = "at least 1 and less than the number of columns";
        return Err(Error::OutOfRange { argument: "largest", index: vec![], value: largest as f64, expected });
    }
    let norms = unit_columns::checked_norms(&x)?;
    let width = unit_columns::tile_width(n);
    let columns: Vec<usize> = (0..p).collect();
    let panels: Vec<&[usize]> = columns.chunks(width).collect();
    let parts = parallel::map_indexed(panels.len(), n * p * panels.len() * size_of::<f64>(), |right| {
        let cols = panels[right];
        let mut kept: Vec<Vec<f64>> = vec![Vec::new(); cols.len()];
        let mut tile = Vec::new();
        for &rows in &panels {
            unit_columns::cosines(&x, &norms, rows, cols, &mut tile)?;
            for ((&j, kept), tile) in cols.iter().zip(&mut kept).zip(tile.chunks_exact(rows.len())) {
                kept.extend(rows.iter().zip(tile).filter(|(i, _)| **i != j).map(|(_, v)| v.abs().min(1.0)));
                if kept.len() > largest {
                    kept.select_nth_unstable_by(largest - 1, |a, b| b.total_cmp(a));
                    kept.truncate(largest);
                }
            }
        }
        let mut values = vec![0.0; largest];
        for kept in &mut kept {
            kept.sort_unstable_by(|a, b| b.total_cmp(a));
            let mut sum = 0.0;
            for (value, v) in values.iter_mut().zip(kept) {
                sum += *v;
                *value = f64::max(*value, sum);
            }
        }
        Ok(values)
    });
    let mut values = vec![0.0; largest];
    for part in parts {
        values.iter_mut().zip(part?).for_each(|(value, v)| *value = f64::max(*value, v));
    }
    Ok(CumulativeCoherence { values, rounding: unit_columns::cosine_error(n), ncols: p })
}

impl CumulativeCoherence {
    /// μ₁(k); 0 for k = 0, NaN beyond what was computed.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::diagnostics::cumulative_coherence;
    /// assert_eq!(cumulative_coherence(&Array2::<f64>::eye(4), 3)?.at(2), 0.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn at(&self, k: usize) -> f64 {
        if k == 0 { 0.0 } else { self.values.get(k - 1).copied().unwrap_or(f64::NAN) }
    }

    fn at_most(&self, k: usize) -> f64 {
        self.at(k) + k as f64 * self.rounding
    }

    /// The largest k with `μ₁(k − 1) + μ₁(k) < 1`: every k-sparse w is found from y = Xw by basis pursuit (with the norms of
    /// the columns as weights) and by orthogonal matching pursuit. A k at the end of what was computed may not be the largest.
    /// Source: Tropp 2004.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::{cumulative_coherence, mutual_coherence};
    /// // One pair of columns that are alike, the others orthogonal: μ = 0.4 promises one non-zero, μ₁ all that was asked.
    /// let x = array![[1.0, 0.4, 0.0, 0.0], [0.0, 0.84f64.sqrt(), 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    /// assert_eq!(mutual_coherence(&x)?.recovery_bound().largest, 1);
    /// assert_eq!(cumulative_coherence(&x, 3)?.recoverable_sparsity(), 3);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn recoverable_sparsity(&self) -> usize {
        (1..=self.values.len()).take_while(|&k| self.at_most(k - 1) + self.at_most(k) < 1.0).count()
    }

    /// `spark ≥ min {k : μ₁(k − 1) ≥ 1}`: fewer columns have a Gram matrix with a dominant diagonal. p + 1 means that no
    /// columns are dependent. Source: Donoho & Elad 2003; Tropp 2004.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::cumulative_coherence;
    /// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]];
    /// assert_eq!(cumulative_coherence(&x, 2)?.spark_lower_bound(), 3);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn spark_lower_bound(&self) -> usize {
        2 + (1..=self.values.len()).take_while(|&k| self.at_most(k) < 1.0).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mutual_coherence;
    use super::super::test_matrices::{hadamard_identity, random};
    use super::*;

    /// By the definition: all the sets.
    #[test]
    fn is_the_largest_sum_over_all_sets() {
        let (n, p) = (4, 7);
        let x = random(11, n, p);
        let babel = cumulative_coherence(&x, p - 1).unwrap();
        for k in 1..p {
            let mut expected = 0.0_f64;
            for set in (0u32..1 << p).filter(|s| s.count_ones() as usize == k) {
                for j in (0..p).filter(|j| set >> j & 1 == 0) {
                    let b = x.column(j);
                    let sum: f64 = (0..p)
                        .filter(|i| set >> i & 1 == 1)
                        .map(|i| x.column(i).dot(&b).abs() / (x.column(i).dot(&x.column(i)) * b.dot(&b)).sqrt())
                        .sum();
                    expected = expected.max(sum);
                }
            }
            assert!((babel.at(k) - expected).abs() < 1e-13, "{k}");
        }
        assert!(babel.at(0) == 0.0 && babel.at(p).is_nan());
    }

    #[test]
    fn a_pair_of_bases_has_k_times_mu() {
        // Each Walsh function meets all spikes with 1/4: μ₁(k) = k/4, spark 2√16 = 8 (Poisson's comb), bound 5.
        let babel = cumulative_coherence(&hadamard_identity(16), 8).unwrap();
        (1..=8).for_each(|k| assert_eq!(babel.at(k), k as f64 / 4.0));
        assert_eq!((babel.recoverable_sparsity(), babel.spark_lower_bound()), (2, 5));
    }

    #[test]
    fn tiles_do_not_matter_and_orders_are_checked() {
        let x = random(2, 5, 530);
        let few = cumulative_coherence(&x, 3).unwrap();
        let many = cumulative_coherence(&x, 529).unwrap();
        assert_eq!(few.values, many.values[..3]);
        for largest in [0, 530] {
            assert!(matches!(
                cumulative_coherence(&x, largest),
                Err(Error::OutOfRange { argument: "largest", value, .. }) if value == largest as f64
            ));
        }
    }

    proptest! {
        #[test]
        fn starts_at_mu_and_grows_less_and_less(seed in 0u64..1000, n in 1usize..8, p in 2usize..16) {
            let x = random(seed, n, p);
            let babel = cumulative_coherence(&x, p - 1).unwrap();
            let coherence = mutual_coherence(&x).unwrap();
            prop_assert!((babel.at(1) - coherence.value).abs() < 1e-14);
            for k in 1..p {
                prop_assert!(babel.at(k) >= babel.at(k - 1) && babel.at(k) <= k as f64 * coherence.value + 1e-13);
            }
            prop_assert!(babel.recoverable_sparsity() >= coherence.recovery_bound().largest.min(p - 1));
            prop_assert!(babel.spark_lower_bound() >= coherence.spark_lower_bound());
        }
    }
}
