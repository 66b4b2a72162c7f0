//! What a design allows, before anything is fitted: how alike its columns are, how few of them are linearly dependent, and
//! which sparse coefficients the data can determine at all.
//!
//! | function | what it is | work | source |
//! | --- | --- | --- | --- |
//! | [`mutual_coherence`] | μ, the largest cosine between two columns | `n p²/2` | Donoho & Huo 2001 |
//! | [`cumulative_coherence`] | μ₁(k), the Babel function | `n p²` | Tropp 2004 |
//! | [`welch_bound`] | the smallest μ that p vectors in ℝⁿ can have | 1 | Welch 1974 |
//! | [`block_coherence`] | μ_B and ν, the same for groups of columns | `n p²/2` | Eldar, Kuppinger & Bölcskei 2010 |
//! | [`numeric_rank`] | singular values that are not rounding | `n p min(n, p)` | Golub & Van Loan 2013, §5.4 |
//! | [`spark`] | the smallest number of dependent columns; Kruskal rank | **exponential** | Donoho & Elad 2003 |
//! | [`RestrictedIsometry`] | δ_k of columns or groups | **exponential**; a lower bound is cheap | Candès & Tao 2005 |
//! | [`restricted_eigenvalue_bounds`] | bounds on κ(s, c) | `sets · p²` | Bickel, Ritov & Tsybakov 2009 |
//! | [`irrepresentable`] | whether the lasso can find a support | `n s p` | Zhao & Yu 2006 |
//! | [`group_irrepresentable`] | whether the group lasso can | `n s p` | Bach 2008 |
//!
//! Coherences, spark and, unless told otherwise, isometry constants compare directions, so they **divide every column by
//! its norm**; a column of zeros is an error, except in [`spark`], where it is an answer. [`numeric_rank`] and the
//! irrepresentable conditions take the matrix as it is.
//! Nothing is centred: for a fit with an intercept or with `standardize(true)`, hand over the centred or
//! [`Standardized`](crate::design::Standardized) design. Searches over subsets refuse
//! ([`Error::TooManySubsets`](crate::Error::TooManySubsets)) instead of running for years.
//!
//! # What follows for recovery without noise
//!
//! | if | then | where |
//! | --- | --- | --- |
//! | `k < (1 + 1/μ)/2` | k-sparse w is the only one so sparse with Xw = y; basis pursuit finds it | [`Coherence::recovery_bound`] |
//! | `μ₁(k−1) + μ₁(k) < 1` | the same, weaker condition | [`CumulativeCoherence::recoverable_sparsity`] |
//! | `k < (krank X + rank Y)/2` | W with k non-zero rows is the only one so sparse with XW = Y | [`Spark::joint_uniqueness_bound`] |
//! | `k < (1/μ + rank Y)/2` | the same, stronger condition | [`Coherence::joint_uniqueness_bound`] |
//! | `δ_2k < 1/√2` | every k-sparse w is found by basis pursuit (Cai & Zhang 2014) | [`RestrictedIsometry`] |
//! | the same of groups `< √2 − 1` | every w of k groups is found by the ℓ₂,₁ norm (Eldar & Mishali 2009) | [`RestrictedIsometry`] |
//! | `k < (1 + (1 − (d−1)ν)/(dμ_B))/2` | k groups of at most d columns: unique, and the ℓ₂,₁ norm finds them | [`BlockCoherence::recovery_bound`] |
//!
//! "Finds" refers to the matrix that was measured: where columns are divided by their norms, to `Σ_j ‖x_j‖ |w_j|` in place
//! of `‖w‖₁`. All conditions are sufficient, and far from necessary: a design that violates them may work well. Only
//! [`Spark`]'s cannot be improved.
//!
//! In the two lines on several responses it is the **rank** of Y that counts, not its number of columns: repeated
//! measurements of one vector gain nothing. And they say which W is the sparsest, not that a convex penalty finds it: for
//! `Σ_j ‖W_j‖₂` the guarantee for every W of k rows remains that of one response, `(1 + 1/μ)/2`, whatever the rank.

mod block_coherence;
mod coherence;
mod cumulative_coherence;
mod irrepresentable;
mod isometry;
mod rank;
mod restricted_eigenvalue;
mod spark;
mod subsets;
#[cfg(test)]
mod test_matrices;
mod uniqueness;
mod unit_columns;

pub use block_coherence::{BlockCoherence, block_coherence};
pub use coherence::{Coherence, mutual_coherence, welch_bound};
pub use cumulative_coherence::{CumulativeCoherence, cumulative_coherence};
pub use irrepresentable::{GroupIrrepresentable, Irrepresentable, group_irrepresentable, irrepresentable};
pub use isometry::{IsometryConstant, IsometryLowerBound, RestrictedIsometry, Scaling};
pub use rank::{NumericRank, numeric_rank};
pub use restricted_eigenvalue::{RestrictedEigenvalueBounds, restricted_eigenvalue_bounds};
pub use spark::{Spark, SparkSearch, spark};
pub use uniqueness::SparsityBound;
