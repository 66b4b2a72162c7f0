//! Restricted isometry constants of columns and of groups.

use super::block_coherence::check_groups;
use super::subsets::{self, DEFAULT_LIMIT, SplitMix};
use super::unit_columns;
use crate::design::{AnyDesign, AsDesign, LinearOperator};
use crate::error::{Error, Result};
use crate::partition::Groups;
use crate::{linalg, parallel};

/// Up to this many columns their Gram matrix is kept (134 MB); beyond, every subset forms its own.
const KEPT_GRAM: usize = 4096;

/// In which units the columns are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scaling {
    /// Every column is divided by its norm: δ_1 = 0.
    #[default]
    UnitColumns,
    /// The matrix as it is, for designs that are scaled already, such as Gaussian ones divided by √n.
    AsGiven,
}

/// The restricted isometry constant of order k, the smallest δ_k with
/// `(1 − δ_k) ‖v‖² ≤ ‖Xv‖² ≤ (1 + δ_k) ‖v‖²` for all v with at most k non-zeros (or non-zero groups).
///
/// It is the largest `‖X_Sᵀ X_S − I‖₂` over the subsets S of k columns (or groups). [`exhaustive`](Self::exhaustive) looks at
/// all of them: their number is exponential, and so is every known algorithm (Tillmann & Pfetsch 2014).
/// [`lower_bound`](Self::lower_bound) looks at some: it can show that a constant is too large, never that it is small.
/// Upper bounds, for columns of norm 1: `δ_k ≤ μ₁(k − 1) ≤ (k − 1)μ`
/// ([`cumulative_coherence`](super::cumulative_coherence)). Source: Candès & Tao 2005; for groups Eldar & Mishali 2009.
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::RestrictedIsometry;
/// let x = array![[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]];
/// let delta = RestrictedIsometry::new(2).exhaustive(&x)?;
/// assert!((delta.value - 0.8).abs() < 1e-15);             // the Gram matrix of two columns has eigenvalues 1 ± ⟨x_i, x_j⟩
/// assert_eq!(delta.subset, [1, 2]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RestrictedIsometry {
    order: usize,
    scaling: Scaling,
    limit: u64,
}

/// δ_k, and where it is attained.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IsometryConstant {
    /// δ_k.
    pub value: f64,
    /// A set of k columns (or groups), ascending, that attains it.
    pub subset: Vec<usize>,
    /// The smallest eigenvalue of `X_Sᵀ X_S` for this set.
    pub smallest_eigenvalue: f64,
    /// The largest.
    pub largest_eigenvalue: f64,
}

/// A number that δ_k is not below. The constant itself may be much larger.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct IsometryLowerBound {
    /// The largest `‖X_Sᵀ X_S − I‖₂` of the sets that were drawn.
    pub value: f64,
    /// The columns (or groups), ascending, that attain it.
    pub subset: Vec<usize>,
    /// The smallest eigenvalue of `X_Sᵀ X_S` for this set.
    pub smallest_eigenvalue: f64,
    /// The largest.
    pub largest_eigenvalue: f64,
    /// How many sets were drawn.
    pub draws: usize,
}

impl RestrictedIsometry {
    /// Of order k ≥ 1: columns of norm 1, at most ten million subsets.
    pub fn new(order: usize) -> Self {
        Self { order, scaling: Scaling::default(), limit: DEFAULT_LIMIT }
    }

    /// The units of the columns. The constant depends on them: [`Scaling::AsGiven`] for a matrix with columns of norm √n
    /// gives n − 1 or more.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::{RestrictedIsometry, Scaling};
    /// let x = array![[1.5, 0.0], [0.0, 0.5]];
    /// assert_eq!(RestrictedIsometry::new(1).exhaustive(&x)?.value, 0.0);
    /// assert_eq!(RestrictedIsometry::new(1).scaling(Scaling::AsGiven).exhaustive(&x)?.value, 1.25);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// The number of subsets that [`exhaustive`](Self::exhaustive) may look at.
    pub fn limit(mut self, subsets: u64) -> Self {
        self.limit = subsets;
        self
    }

    /// δ_k itself, by all subsets of k columns.
    ///
    /// # Errors
    /// [`Error::TooManySubsets`] beyond the limit; [`Error::OutOfRange`] for an order of 0 or above the number of columns,
    /// and, with [`Scaling::UnitColumns`], for a column of zeros; those of [`AsDesign::as_design`].
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::{Error, diagnostics::RestrictedIsometry};
    /// let x = Array2::from_shape_fn((20, 60), |(i, j)| (1.3 * (i * j) as f64 + 0.7 * i as f64).sin());
    /// let order = RestrictedIsometry::new(8);
    /// assert!(matches!(order.exhaustive(&x), Err(Error::TooManySubsets { size: 8, of: 60, .. })));
    /// assert!(order.lower_bound(&x, 100, 7)?.value > 0.5);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn exhaustive<X: AsDesign + ?Sized>(&self, x: &X) -> Result<IsometryConstant> {
        let x = unit_columns::design(x)?;
        let blocks = (0..x.ncols()).map(|j| vec![j]).collect();
        self.all(&x, blocks, "columns")
    }

    /// The block-restricted isometry constant: by all unions of k groups. Never above that of as many single columns as
    /// the k largest groups have.
    ///
    /// # Errors
    /// As [`exhaustive`](Self::exhaustive); [`Error::Length`] for groups of another number of columns,
    /// [`Error::Unsupported`] for groups that overlap.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::{diagnostics::RestrictedIsometry, partition::Groups};
    /// let x = array![[1.0, 0.6, 0.0], [0.0, 0.8, 0.0], [0.0, 0.0, 1.0]];
    /// let groups = Groups::new(&[vec![0, 2], vec![1]])?;
    /// assert!(RestrictedIsometry::new(1).exhaustive_groups(&x, &groups)?.value < 1e-15);
    /// assert!((RestrictedIsometry::new(2).exhaustive_groups(&x, &groups)?.value - 0.6).abs() < 1e-15);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn exhaustive_groups<X: AsDesign + ?Sized>(&self, x: &X, groups: &Groups) -> Result<IsometryConstant> {
        let x = unit_columns::design(x)?;
        check_groups(groups, x.ncols())?;
        self.all(&x, members(groups), "groups")
    }

    /// A **lower** bound of δ_k: the largest value of `draws` random sets of k columns. Memory does not grow with p².
    /// The same seed draws the same sets, on every machine and any number of threads.
    ///
    /// # Errors
    /// As [`exhaustive`](Self::exhaustive), without a limit; [`Error::OutOfRange`] for 0 draws.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::diagnostics::RestrictedIsometry;
    /// let x = Array2::from_shape_fn((10, 14), |(i, j)| (1.3 * (i * j) as f64 + 0.7 * i as f64).sin());
    /// let order = RestrictedIsometry::new(3);
    /// assert!(order.lower_bound(&x, 50, 1)?.value <= order.exhaustive(&x)?.value);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn lower_bound<X: AsDesign + ?Sized>(&self, x: &X, draws: usize, seed: u64) -> Result<IsometryLowerBound> {
        let x = unit_columns::design(x)?;
        let blocks = (0..x.ncols()).map(|j| vec![j]).collect();
        self.some(&x, blocks, draws, seed)
    }

    /// A **lower** bound of the block-restricted isometry constant, from random unions of k groups.
    ///
    /// # Errors
    /// As [`lower_bound`](Self::lower_bound) and [`exhaustive_groups`](Self::exhaustive_groups).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::{diagnostics::RestrictedIsometry, partition::Groups};
    /// let x = Array2::from_shape_fn((20, 12), |(i, j)| (1.3 * (i * j) as f64 + 0.7 * i as f64).sin());
    /// let (order, groups) = (RestrictedIsometry::new(2), Groups::from_sizes(&[3; 4])?);
    /// assert!(order.lower_bound_groups(&x, &groups, 3, 1)?.value <= order.exhaustive_groups(&x, &groups)?.value);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn lower_bound_groups<X: AsDesign + ?Sized>(
        &self,
        x: &X,
        groups: &Groups,
        draws: usize,
        seed: u64,
    ) -> Result<IsometryLowerBound> {
        let x = unit_columns::design(x)?;
        check_groups(groups, x.ncols())?;
        self.some(&x, members(groups), draws, seed)
    }

    fn problem<'a>(&self, x: &'a AnyDesign<'a>, blocks: Vec<Vec<usize>>) -> Result<Problem<'a>> {
        if self.order == 0 || self.order > blocks.len() {
            let expected = "at least 1 and not more than there are columns or groups";
            return Err(Error::OutOfRange { argument: "order", index: vec![], value: self.order as f64, expected });
        }
        let norms = match self.scaling {
            Scaling::UnitColumns => unit_columns::checked_norms(x)?,
            Scaling::AsGiven => vec![1.0; x.ncols()],
        };
        Ok(Problem { x, norms, blocks, order: self.order, gram: None })
    }

    fn all(&self, x: &AnyDesign<'_>, blocks: Vec<Vec<usize>>, kind: &'static str) -> Result<IsometryConstant> {
        let mut problem = self.problem(x, blocks)?;
        let (of, order) = (problem.blocks.len(), self.order);
        let subsets = subsets::count(of, order);
        let instead = "raise the limit, use lower_bound, or bound it from above by cumulative_coherence";
        subsets::refuse(kind, (of, order), subsets, self.limit, None, instead)?;
        if order > 1 && x.ncols() <= KEPT_GRAM {
            problem.gram = Some(Gram::new(&problem)?);
        }
        let start = problem.greedy()?;
        let work = (subsets * order as f64 * 64.0).min(1e15) as usize;
        let parts = parallel::map_indexed(of - order + 1, work, |first| {
            let mut walk = Walk { problem: &problem, chosen: vec![first], best: start.clone(), scratch: Vec::new() };
            walk.extend(problem.square(first, first))?;
            Ok(walk.best)
        });
        let mut best = start.clone();
        for part in parts {
            let part = part?;
            if part.value > best.value {
                best = part;
            }
        }
        let Extremes { value, smallest, largest, set } = best;
        Ok(IsometryConstant { value, subset: set, smallest_eigenvalue: smallest, largest_eigenvalue: largest })
    }

    fn some(&self, x: &AnyDesign<'_>, blocks: Vec<Vec<usize>>, draws: usize, seed: u64) -> Result<IsometryLowerBound> {
        if draws == 0 {
            let expected = "at least 1";
            return Err(Error::OutOfRange { argument: "draws", index: vec![], value: 0.0, expected });
        }
        let problem = self.problem(x, blocks)?;
        let work = draws.saturating_mul(x.nrows() * self.order * size_of::<f64>());
        let parts = parallel::map_indexed(draws, work, |k| {
            let set = SplitMix::stream(seed, k).subset(problem.blocks.len(), self.order);
            problem.extremes(&set, &mut Vec::new())
        });
        let mut best = Extremes::nothing();
        for part in parts {
            let part = part?;
            if part.value > best.value {
                best = part;
            }
        }
        let Extremes { value, smallest, largest, set } = best;
        Ok(IsometryLowerBound { value, subset: set, smallest_eigenvalue: smallest, largest_eigenvalue: largest, draws })
    }
}

fn members(groups: &Groups) -> Vec<Vec<usize>> {
    (0..groups.len()).map(|g| groups.members(g).to_vec()).collect()
}

/// What one set gives.
#[derive(Debug, Clone)]
struct Extremes {
    /// max(λ_max − 1, 1 − λ_min).
    value: f64,
    smallest: f64,
    largest: f64,
    set: Vec<usize>,
}

impl Extremes {
    fn nothing() -> Self {
        Self { value: -1.0, smallest: 1.0, largest: 1.0, set: Vec::new() }
    }
}

/// The Gram matrix, and ‖(XᵀX − I)_gh‖²_F of its blocks.
struct Gram {
    values: Vec<f64>,
    squares: Vec<f64>,
}

impl Gram {
    fn new(problem: &Problem<'_>) -> Result<Self> {
        let p = problem.x.ncols();
        let columns: Vec<usize> = (0..p).collect();
        let mut values = Vec::new();
        unit_columns::cosines(problem.x, &problem.norms, &columns, &columns, &mut values)?;
        let count = problem.blocks.len();
        let mut squares = vec![0.0; count * count];
        for (h, cols) in problem.blocks.iter().enumerate() {
            for (g, rows) in problem.blocks.iter().enumerate() {
                let entries = cols.iter().flat_map(|&j| rows.iter().map(move |&i| (i, j)));
                squares[h * count + g] =
                    entries.map(|(i, j)| (values[j * p + i] - f64::from(u8::from(i == j))).powi(2)).sum();
            }
        }
        Ok(Self { values, squares })
    }
}

struct Problem<'a> {
    x: &'a AnyDesign<'a>,
    norms: Vec<f64>,
    blocks: Vec<Vec<usize>>,
    order: usize,
    gram: Option<Gram>,
}

impl Problem<'_> {
    /// ‖(XᵀX − I)_gh‖²_F; infinite, which rules nothing out, if the Gram matrix is not kept.
    fn square(&self, g: usize, h: usize) -> f64 {
        self.gram.as_ref().map_or(f64::INFINITY, |gram| gram.squares[h * self.blocks.len() + g])
    }

    /// The extreme eigenvalues of X_SᵀX_S for the columns of some blocks.
    fn extremes(&self, set: &[usize], scratch: &mut Vec<f64>) -> Result<Extremes> {
        let columns: Vec<usize> = set.iter().flat_map(|&g| &self.blocks[g]).copied().collect();
        match &self.gram {
            Some(gram) => {
                let p = self.x.ncols();
                scratch.clear();
                scratch.extend(columns.iter().flat_map(|&j| columns.iter().map(move |&i| gram.values[j * p + i])));
            }
            None => unit_columns::cosines(self.x, &self.norms, &columns, &columns, scratch)?,
        }
        let m = columns.len();
        let (smallest, largest) = match m {
            1 => (scratch[0], scratch[0]),
            2 => {
                let (mean, half) = (0.5 * (scratch[0] + scratch[3]), 0.5 * (scratch[0] - scratch[3]));
                let radius = half.hypot(scratch[1]);
                (mean - radius, mean + radius)
            }
            _ => {
                let reason = || "the eigenvalues of a Gram matrix did not converge".into();
                let values = linalg::eigenvalues(scratch, m).map_err(|_| Error::IllPosed { reason: reason() })?;
                (values[0], values[m - 1])
            }
        };
        let mut set = set.to_vec();
        set.sort_unstable();
        Ok(Extremes { value: (largest - 1.0).max(1.0 - smallest).max(0.0), smallest, largest, set })
    }

    /// A set that is bad already, block by block: what the search starts with rules out most of the others at once.
    fn greedy(&self) -> Result<Extremes> {
        let mut best = Extremes::nothing();
        let mut scratch = Vec::new();
        if self.gram.is_none() {
            return Ok(best);
        }
        let mut chosen: Vec<usize> = Vec::new();
        while chosen.len() < self.order {
            best = Extremes::nothing();
            let mut next = 0;
            for g in (0..self.blocks.len()).filter(|g| !chosen.contains(g)) {
                let set: Vec<usize> = chosen.iter().copied().chain([g]).collect();
                let found = self.extremes(&set, &mut scratch)?;
                if found.value > best.value {
                    (best, next) = (found, g);
                }
            }
            chosen.push(next);
        }
        Ok(best)
    }
}

/// All sets that begin with some blocks, depth first.
struct Walk<'a> {
    problem: &'a Problem<'a>,
    chosen: Vec<usize>,
    best: Extremes,
    scratch: Vec<f64>,
}

impl Walk<'_> {
    /// `square` is ‖(XᵀX − I)_SS‖²_F of what is chosen.
    fn extend(&mut self, square: f64) -> Result<()> {
        let problem = self.problem;
        let missing = problem.order - self.chosen.len();
        if missing == 0 {
            // ‖·‖₂ is at most the Frobenius norm, and at most the largest sum of norms along a row of blocks.
            if square.sqrt() <= self.best.value || self.row_sums() <= self.best.value {
                return Ok(());
            }
            let found = problem.extremes(&self.chosen, &mut self.scratch)?;
            if found.value > self.best.value {
                self.best = found;
            }
            return Ok(());
        }
        let from = self.chosen[self.chosen.len() - 1] + 1;
        for g in from..=problem.blocks.len() - missing {
            let added: f64 = self.chosen.iter().map(|&h| problem.square(g, h)).sum();
            self.chosen.push(g);
            self.extend(square + 2.0 * added + problem.square(g, g))?;
            self.chosen.pop();
        }
        Ok(())
    }

    fn row_sums(&self) -> f64 {
        let sum = |g: usize| self.chosen.iter().map(|&h| self.problem.square(h, g).sqrt()).sum::<f64>();
        self.chosen.iter().map(|&g| sum(g)).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    use super::super::test_matrices::{hadamard_identity, icosahedron, random};
    use super::super::{cumulative_coherence, mutual_coherence};
    use super::*;
    use crate::design::Csc;

    /// By the definition, with eigenvalues of every subset.
    fn naive(gram: &Array2<f64>, blocks: &[Vec<usize>], k: usize) -> f64 {
        let mut delta = 0.0_f64;
        for set in (0u32..1 << blocks.len()).filter(|s| s.count_ones() as usize == k) {
            let columns: Vec<usize> =
                (0..blocks.len()).filter(|g| set >> g & 1 == 1).flat_map(|g| blocks[g].clone()).collect();
            let m = columns.len();
            let part: Vec<f64> = columns.iter().flat_map(|&j| columns.iter().map(move |&i| gram[[i, j]])).collect();
            let values = linalg::eigenvalues(&part, m).unwrap();
            delta = delta.max(values[m - 1] - 1.0).max(1.0 - values[0]);
        }
        delta
    }

    fn gram(x: &Array2<f64>, unit: bool) -> Array2<f64> {
        let mut x = x.clone();
        if unit {
            x.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
        }
        x.t().dot(&x)
    }

    #[test]
    fn closed_forms() {
        // Two columns as given: the eigenvalues of [[a, b], [b, c]].
        let x = array![[1.0, 0.5], [0.0, 1.0]];
        let delta = RestrictedIsometry::new(2).scaling(Scaling::AsGiven).exhaustive(&x).unwrap();
        let radius = (0.125_f64 * 0.125 + 0.25).sqrt();
        assert!((delta.value - (0.125 + radius)).abs() < 1e-15);
        assert!((delta.largest_eigenvalue - (1.125 + radius)).abs() < 1e-15);
        assert!((delta.smallest_eigenvalue - (1.125 - radius)).abs() < 1e-15);
        // Any two columns of norm 1: δ_2 = μ. Three lines of the icosahedron: ±1/√5 off the diagonal of G − I; a product
        // of signs +1 gives the eigenvalue 2/√5, −1 gives −2/√5. Four are dependent in ℝ³: δ_4 = 1.
        let lines = icosahedron();
        for (k, expected) in [(1, 0.0), (2, 0.2_f64.sqrt()), (3, 2.0 * 0.2_f64.sqrt()), (4, 1.0)] {
            let value = RestrictedIsometry::new(k).exhaustive(&lines).unwrap().value;
            assert!((value - expected).abs() < 1e-14, "{k}: {value}");
        }
        // All six: a tight frame with XXᵀ = 2I, so the eigenvalues are 2 and 0.
        let all = RestrictedIsometry::new(6).exhaustive(&lines).unwrap();
        assert!((all.value - 1.0).abs() < 1e-14 && (all.largest_eigenvalue - 2.0).abs() < 1e-14);
        // m spikes with m Walsh functions meet with cosines ±1/√n; of 2 and 2 out of n = 16 the largest singular value of
        // the cross Gram is 2/4 (all signs equal), of 1 and 2 √2/4.
        let bases = hadamard_identity(16);
        for (k, expected) in [(2, 0.25), (3, 2.0_f64.sqrt() / 4.0), (4, 0.5)] {
            let value = RestrictedIsometry::new(k).exhaustive(&bases).unwrap().value;
            assert!((value - expected).abs() < 1e-14, "{k}: {value}");
        }
    }

    #[test]
    fn zeros_and_orders() {
        let x = array![[1.0, 0.0], [0.0, 0.0]];
        let given = RestrictedIsometry::new(2).scaling(Scaling::AsGiven);
        assert_eq!(given.exhaustive(&x).unwrap().value, 1.0);
        assert!(
            matches!(RestrictedIsometry::new(2).exhaustive(&x), Err(Error::OutOfRange { index, .. }) if index == [1])
        );
        for order in [0, 3] {
            assert!(matches!(
                RestrictedIsometry::new(order).exhaustive(&x),
                Err(Error::OutOfRange { argument: "order", value, .. }) if value == order as f64
            ));
        }
        assert!(matches!(given.lower_bound(&x, 0, 1), Err(Error::OutOfRange { argument: "draws", .. })));
        let groups = Groups::overlapping(&[vec![0, 1], vec![1]], 2).unwrap();
        assert!(matches!(given.exhaustive_groups(&x, &groups), Err(Error::Unsupported { argument: "groups", .. })));
    }

    #[test]
    fn refusals_count_the_subsets() {
        let x = random(2, 20, 40);
        let error = RestrictedIsometry::new(5).limit(1000).exhaustive(&x).unwrap_err();
        assert!(matches!(
            error,
            Error::TooManySubsets {
                argument: "columns",
                size: 5,
                of: 40,
                subsets: 658_008.0,
                limit: 1000,
                lower_bound: None,
                ..
            }
        ));
        let groups = Groups::from_sizes(&[4; 10]).unwrap();
        let error = RestrictedIsometry::new(5).limit(251).exhaustive_groups(&x, &groups).unwrap_err().to_string();
        assert!(error.starts_with("252 subsets of 5 out of 10 groups are more than the limit of 251: "), "{error}");
        assert!(RestrictedIsometry::new(5).limit(252).exhaustive_groups(&x, &groups).is_ok());
    }

    #[test]
    fn sparse_designs_and_designs_without_a_kept_gram_agree() {
        let x = random(6, 9, 11).mapv(|v| if v.abs() < 0.3 { 0.0 } else { v });
        let triplets: Vec<_> = x.indexed_iter().filter(|(_, v)| **v != 0.0).map(|((i, j), &v)| (i, j, v)).collect();
        let sparse = Csc::from_triplets(9, 11, &triplets).unwrap();
        let order = RestrictedIsometry::new(3);
        let expected = order.exhaustive(&x).unwrap();
        let found = order.exhaustive(&sparse).unwrap();
        assert!((found.value - expected.value).abs() < 1e-14 && found.subset == expected.subset);
        let any = x.as_design().unwrap();
        let problem = order.problem(&any, (0..11).map(|j| vec![j]).collect()).unwrap();
        let alone = problem.extremes(&expected.subset, &mut Vec::new()).unwrap();
        assert!((alone.value - expected.value).abs() < 1e-14);
        assert!(problem.square(0, 1).is_infinite());
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn the_number_of_threads_changes_no_bit() {
        let x = random(5, 12, 24);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let order = RestrictedIsometry::new(4);
            pool.install(|| (order.exhaustive(&x).unwrap(), order.lower_bound(&x, 20_000, 3).unwrap()))
        };
        let one = run(1);
        assert!(one.1.value <= one.0.value && one.1.value > 0.0 && one.1.draws == 20_000);
        // 10626 subsets, 20000 draws: all but certain to have met the worst or one close to it.
        assert!(one.1.value > 0.9 * one.0.value);
        assert_eq!(one, run(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_the_definition(
            seed in 0u64..10_000, n in 1usize..10, sizes in prop::collection::vec(1usize..4, 1..6), unit in any::<bool>()
        ) {
            let groups = Groups::from_sizes(&sizes).unwrap();
            let p = groups.nfeatures();
            let x = random(seed, n, p);
            let gram = gram(&x, unit);
            let scaling = if unit { Scaling::UnitColumns } else { Scaling::AsGiven };
            let single: Vec<Vec<usize>> = (0..p).map(|j| vec![j]).collect();
            let mut last = 0.0;
            for k in 1..=sizes.len() {
                let order = RestrictedIsometry::new(k).scaling(scaling);
                let blocks = order.exhaustive_groups(&x, &groups).unwrap();
                let columns = order.exhaustive(&x).unwrap();
                prop_assert!((blocks.value - naive(&gram, &members(&groups), k)).abs() < 1e-12);
                prop_assert!((columns.value - naive(&gram, &single, k)).abs() < 1e-12);
                prop_assert!(columns.value >= last - 1e-12);
                prop_assert!(order.lower_bound(&x, 5, seed).unwrap().value <= columns.value + 1e-12);
                prop_assert!(order.lower_bound_groups(&x, &groups, 5, seed).unwrap().value <= blocks.value + 1e-12);
                let mut largest = sizes.clone();
                largest.sort_unstable_by(|a, b| b.cmp(a));
                let as_many = RestrictedIsometry::new(largest[..k].iter().sum()).scaling(scaling).exhaustive(&x).unwrap();
                prop_assert!(blocks.value <= as_many.value + 1e-12);
                if unit && k > 1 {
                    let bound = cumulative_coherence(&x, k - 1).unwrap().at(k - 1);
                    let mu = mutual_coherence(&x).unwrap().value;
                    prop_assert!(columns.value <= bound + 1e-12 && bound <= (k - 1) as f64 * mu + 1e-12);
                }
                last = columns.value;
            }
        }
    }
}
