//! Spark and Kruskal rank by exhaustive search.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::coherence::mutual_coherence;
use super::rank::singular_values;
use super::subsets::{self, DEFAULT_LIMIT};
use super::uniqueness::{SparsityBound, check_rank};
use super::unit_columns;
use crate::design::{AsDesign, LinearOperator};
use crate::error::{Result, check_scalar};
use crate::{kernels, parallel};

/// The spark and the Kruskal rank of a design.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Spark {
    /// The largest k such that **every** k columns are linearly independent; 0 if a column is zero.
    pub kruskal_rank: usize,
    /// As many columns as the spark says that are dependent, ascending; `None` if all columns are independent.
    pub dependent: Option<Vec<usize>>,
    /// The smallest singular value of the `dependent` columns, each of norm 1; `None` if there are none.
    pub residual: Option<f64>,
    /// No `kruskal_rank` columns, each of norm 1, have a singular value below this (a bound, not always attained). An answer
    /// is clear if it is far above `tolerance`. 0 if a column is zero.
    pub margin: f64,
    /// Columns of norm 1 count as dependent if their smallest singular value is not above this.
    pub tolerance: f64,
    /// The rank of all columns, by the same tolerance.
    pub rank: usize,
    /// Number of columns p.
    pub ncols: usize,
}

/// The spark of a design with the default tolerance and limit: see [`SparkSearch`].
///
/// # Errors
/// As [`SparkSearch::search`].
///
/// ```
/// use ndarray::array;
/// use sparsereg::diagnostics::spark;
/// let spark = spark(&array![[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])?;
/// assert_eq!(spark.spark(), Some(3));
/// assert_eq!(spark.dependent, Some(vec![0, 1, 2]));
/// assert_eq!(spark.uniqueness_bound().largest, 1);
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn spark<X: AsDesign + ?Sized>(x: &X) -> Result<Spark> {
    SparkSearch::default().search(x)
}

/// A search for the smallest number of linearly dependent columns,
/// `spark(X) = min {‖v‖₀ : Xv = 0, v ≠ 0} = krank(X) + 1`.
///
/// Numerically, columns are dependent if the smallest singular value of these columns, **each divided by its norm**, is at
/// most the tolerance. Subsets are looked at in order of size, from where coherence leaves off
/// (`σ_min² ≥ 1 − (k − 1)μ`) to the rank r of all columns (any r + 1 are dependent): `C(p, k)` of size k, along a tree that
/// orthogonalises one column a node. A bound on σ_min decides most of them, singular values the rest.
///
/// Finding the spark is NP-hard (Tillmann & Pfetsch 2014). Source of the definition: Donoho & Elad 2003; Kruskal 1977.
///
/// ```
/// use ndarray::Array2;
/// use sparsereg::{Error, diagnostics::SparkSearch};
/// let x = Array2::from_shape_fn((12, 40), |(i, j)| (1.3 * (i * j) as f64 + 0.7 * i as f64 + 1.0).sin());
/// match SparkSearch::default().limit(10_000).search(&x) {
///     Err(Error::TooManySubsets { argument: "columns", of: 40, lower_bound: Some(bound), .. }) => assert!(bound >= 3.0),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SparkSearch {
    tolerance: Option<f64>,
    limit: u64,
}

impl Default for SparkSearch {
    /// Tolerance `max(n, p) · ε · σ_max` of the columns of norm 1, at most ten million subsets.
    fn default() -> Self {
        Self { tolerance: None, limit: DEFAULT_LIMIT }
    }
}

impl SparkSearch {
    /// The singular value, in [ε, 1), up to which columns of norm 1 count as dependent. Data in `f32` or with errors need a
    /// larger one than the default.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// The number of subsets that may be looked at.
    pub fn limit(mut self, subsets: u64) -> Self {
        self.limit = subsets;
        self
    }

    /// Searches.
    ///
    /// A column of zeros is dependent by itself: spark 1. A repeated column (or a multiple): 2.
    ///
    /// # Errors
    /// [`Error::TooManySubsets`](crate::Error::TooManySubsets) before a size that would pass the limit, with what is known by
    /// then: `lower_bound` is that of the spark, from coherence or from the sizes that were searched.
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) for a tolerance outside [ε, 1) or a column whose norm is beyond
    /// 1e±150. Those of [`AsDesign::as_design`].
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::SparkSearch;
    /// let nearly = array![[1.0, 1.0, 0.0], [0.0, 1e-6, 1.0]];
    /// assert_eq!(SparkSearch::default().search(&nearly)?.spark(), Some(3));
    /// assert_eq!(SparkSearch::default().tolerance(1e-5).search(&nearly)?.spark(), Some(2));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn search<X: AsDesign + ?Sized>(&self, x: &X) -> Result<Spark> {
        let x = x.as_design()?;
        let (n, p) = (x.nrows(), x.ncols());
        if let Some(tolerance) = self.tolerance {
            check_scalar("tolerance", tolerance, f64::EPSILON, 1.0 - f64::EPSILON, "a number in [2^-52, 1)")?;
        }
        let mut norms = unit_columns::norms(&x);
        let zeros: Vec<usize> = (0..p).filter(|&j| norms[j] == 0.0 && is_zero(&x, j)).collect();
        zeros.iter().for_each(|&j| norms[j] = 1.0);
        unit_columns::check(&norms)?;
        let unit = unit_columns::dense(&x, &norms);
        let values = singular_values(&unit, n, p)?;
        // Sizes below 1: a matrix of zeros has a tolerance, too.
        let default = (n.max(p) as f64 * f64::EPSILON * values[0]).max(f64::EPSILON);
        let tolerance = self.tolerance.unwrap_or(default);
        let rank = values.iter().filter(|&&v| v > tolerance).count();
        let answer = |kruskal_rank, dependent: Option<(Vec<usize>, f64)>, margin| {
            let (dependent, residual) = dependent.unzip();
            Spark { kruskal_rank, dependent, residual, margin, tolerance, rank, ncols: p }
        };
        if let Some(&j) = zeros.first() {
            return Ok(answer(0, Some((vec![j], 0.0)), 0.0));
        }
        if rank == p {
            return Ok(answer(p, None, values[p - 1]));
        }

        let mu = mutual_coherence(&x)?.at_most();
        // σ_min² of k columns is at least this, by Gershgorin's circles.
        let circles = |k: usize| 1.0 - (k - 1) as f64 * mu;
        let mut kruskal_rank = 1;
        while kruskal_rank < rank && circles(kruskal_rank + 1) > tolerance * tolerance {
            kruskal_rank += 1;
        }
        let mut margin = circles(kruskal_rank).sqrt();
        let mut visited = 0.0;
        while kruskal_rank < rank {
            let size = kruskal_rank + 1;
            visited += subsets::count(p, size);
            let instead = "raise the limit, or be content with the bound from mutual_coherence or cumulative_coherence";
            subsets::refuse("columns", (p, size), visited, self.limit, Some(size as f64), instead)?;
            match (Level { unit: &unit, n, p, size, tolerance }).search()? {
                Found::Dependent(set, residual) => return Ok(answer(kruskal_rank, Some((set, residual)), margin)),
                Found::Margin(smallest) => margin = smallest,
            }
            kruskal_rank = size;
        }
        // Any rank + 1 columns will do: their smallest singular value is at most σ_{rank + 1} of all.
        let first: Vec<usize> = (0..=rank).collect();
        let residual = smallest_singular_value(&unit, n, &first)?;
        Ok(answer(rank, Some((first, residual)), margin))
    }
}

/// Whether a column whose squares vanish is zero.
fn is_zero(x: &crate::design::AnyDesign<'_>, j: usize) -> bool {
    use crate::design::Design;
    let mut column = vec![0.0; x.nrows()];
    x.column(j, &mut column);
    column.iter().all(|&v| v == 0.0)
}

impl Spark {
    /// The smallest number of linearly dependent columns, `krank + 1`; `None` (often written ∞) if all are independent.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::diagnostics::spark;
    /// let identity = spark(&Array2::<f64>::eye(3))?;
    /// assert_eq!((identity.spark(), identity.kruskal_rank), (None, 3));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn spark(&self) -> Option<usize> {
        self.dependent.as_ref().map(Vec::len)
    }

    /// `k < spark/2`: a w with k non-zeros is the only one so sparse with Xw = y, and for no larger k is that so for
    /// every w. Source: Donoho & Elad 2003.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::diagnostics::spark;
    /// assert_eq!(spark(&array![[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])?.uniqueness_bound().bound, 1.5);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn uniqueness_bound(&self) -> SparsityBound {
        self.half(1)
    }

    /// `k < (spark − 1 + rank Y)/2 = (krank X + rank Y)/2`: a W with k non-zero rows is the only one so sparse with
    /// XW = Y. Void for k below the rank, as no such W exists.
    ///
    /// The rank is that of Y ([`numeric_rank`](super::numeric_rank)), not its number of columns, and the statement is on the
    /// sparsest W, not on what a convex penalty returns; see the [module](super).
    /// Source: Chen & Huo 2006; that it cannot be improved: Davies & Eldar 2012.
    ///
    /// # Errors
    /// [`Error::OutOfRange`](crate::Error::OutOfRange) for rank 0.
    ///
    /// ```
    /// use ndarray::{Array2, array};
    /// use sparsereg::diagnostics::{numeric_rank, spark};
    /// let x = Array2::from_shape_fn((4, 7), |(i, j)| (j as f64 - 3.0).powi(i as i32));       // Vandermonde: spark 5
    /// let rank = numeric_rank(&array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], None)?.rank;
    /// assert_eq!(spark(&x)?.joint_uniqueness_bound(rank)?.bound, 3.0);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn joint_uniqueness_bound(&self, rank: usize) -> Result<SparsityBound> {
        check_rank(rank)?;
        Ok(self.half(rank))
    }

    fn half(&self, rank: usize) -> SparsityBound {
        let bound = match self.dependent {
            Some(_) => (self.kruskal_rank + rank) as f64 / 2.0,
            None => f64::INFINITY,
        };
        SparsityBound::new(bound, bound, self.ncols)
    }
}

/// σ_min of some columns of norm 1; 0 if there are more of them than rows.
fn smallest_singular_value(unit: &[f64], n: usize, set: &[usize]) -> Result<f64> {
    if set.len() > n {
        return Ok(0.0);
    }
    let values: Vec<f64> = set.iter().flat_map(|&j| &unit[j * n..(j + 1) * n]).copied().collect();
    Ok(singular_values(&values, n, set.len())?[set.len() - 1])
}

/// All subsets of one size; those of smaller sizes are known to be independent.
struct Level<'a> {
    unit: &'a [f64],
    n: usize,
    p: usize,
    size: usize,
    tolerance: f64,
}

enum Found {
    /// The first dependent set in lexicographic order, and its smallest singular value.
    Dependent(Vec<usize>, f64),
    /// A lower bound of all the smallest singular values.
    Margin(f64),
}

impl Level<'_> {
    fn search(&self) -> Result<Found> {
        let starts = self.p - self.size + 1;
        let work = (subsets::count(self.p, self.size) * self.n as f64).min(1e15) as usize;
        // Sets that start later than one that was found need not be looked at, whichever thread found it.
        let found = AtomicUsize::new(usize::MAX);
        let parts = parallel::map_indexed(starts, work, |first| {
            if found.load(Ordering::Relaxed) < first {
                return Ok(Found::Margin(f64::INFINITY));
            }
            let part = Walk::new(self).start(first);
            if matches!(part, Ok(Found::Dependent(..))) {
                found.fetch_min(first, Ordering::Relaxed);
            }
            part
        });
        let mut margin = f64::INFINITY;
        for part in parts {
            match part? {
                Found::Margin(smallest) => margin = margin.min(smallest),
                dependent => return Ok(dependent),
            }
        }
        Ok(Found::Margin(margin))
    }
}

/// A depth-first walk over the sets that begin with one column: at every node the remaining columns, without what the chosen
/// ones explain (modified Gram–Schmidt, X_S = QR).
struct Walk<'a> {
    level: &'a Level<'a>,
    chosen: Vec<usize>,
    /// One n×p matrix a depth.
    residuals: Vec<Vec<f64>>,
    /// Row d of R, for all p columns.
    coefficients: Vec<Vec<f64>>,
    /// R⁻¹ by columns; column d has d + 1 entries.
    inverse: Vec<Vec<f64>>,
    margin: f64,
}

impl<'a> Walk<'a> {
    fn new(level: &'a Level<'a>) -> Self {
        let inner = level.size - 1;
        Self {
            level,
            chosen: Vec::new(),
            residuals: vec![vec![0.0; level.n * level.p]; inner],
            coefficients: vec![vec![0.0; level.p]; inner],
            inverse: vec![Vec::new(); inner],
            margin: f64::INFINITY,
        }
    }

    fn start(mut self, first: usize) -> Result<Found> {
        Ok(match self.choose(first, 0.0)? {
            Some((set, residual)) => Found::Dependent(set, residual),
            None => Found::Margin(self.margin),
        })
    }

    fn residual(&self, j: usize) -> &[f64] {
        let n = self.level.n;
        match self.chosen.len() {
            0 => &self.level.unit[j * n..(j + 1) * n],
            depth => &self.residuals[depth - 1][j * n..(j + 1) * n],
        }
    }

    /// Adds column j to the set and looks at all sets below; `inverse` is ‖R⁻¹‖²_F so far.
    fn choose(&mut self, j: usize, inverse: f64) -> Result<Option<(Vec<usize>, f64)>> {
        let (n, p, size) = (self.level.n, self.level.p, self.level.size);
        let depth = self.chosen.len();
        let square = kernels::sq_norm(self.residual(j));
        if depth + 1 == size {
            // One more column c, ρ of R: ‖R₊⁻¹‖²_F = ‖R⁻¹‖²_F + (1 + ‖R⁻¹c‖²)/ρ², ‖c‖² = 1 − ρ², and σ_min ≥ 1/‖R₊⁻¹‖_F.
            let bound = inverse + (1.0 + inverse * (1.0 - square).max(0.0)) / square;
            if 4.0 * bound * self.level.tolerance * self.level.tolerance < 1.0 {
                self.margin = self.margin.min(bound.sqrt().recip());
                return Ok(None);
            }
            let set: Vec<usize> = self.chosen.iter().copied().chain([j]).collect();
            let smallest = smallest_singular_value(self.level.unit, n, &set)?;
            if smallest <= self.level.tolerance {
                return Ok(Some((set, smallest)));
            }
            self.margin = self.margin.min(smallest);
            return Ok(None);
        }
        // Smaller sets are independent, so there is something left to divide by.
        let length = square.sqrt().max(f64::MIN_POSITIVE);
        let q: Vec<f64> = self.residual(j).iter().map(|v| v / length).collect();
        let mut column = vec![0.0; depth + 1];
        for (l, inverse) in self.inverse[..depth].iter().enumerate() {
            let c = self.coefficients[l][j];
            column.iter_mut().zip(inverse).for_each(|(t, v)| *t -= v * c / length);
        }
        column[depth] = 1.0 / length;
        let inverse = inverse + kernels::sq_norm(&column);
        self.inverse[depth] = column;
        let mut own = std::mem::take(&mut self.residuals[depth]);
        for i in j + 1..p {
            let from = self.residual(i);
            let c = kernels::dot(&q, from);
            own[i * n..(i + 1) * n].iter_mut().zip(from).zip(&q).for_each(|((to, v), q)| *to = v - c * q);
            self.coefficients[depth][i] = c;
        }
        self.residuals[depth] = own;
        self.chosen.push(j);
        let mut found = None;
        for i in j + 1..=p - (size - depth - 1) {
            found = self.choose(i, inverse)?;
            if found.is_some() {
                break;
            }
        }
        self.chosen.pop();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, Axis, concatenate};
    use proptest::prelude::*;

    use super::super::numeric_rank;
    use super::super::test_matrices::{hadamard_identity, mercedes, random, vandermonde};
    use super::*;
    use crate::error::Error;

    /// By the definition: the rank of every subset.
    fn naive(x: &Array2<f64>) -> Option<usize> {
        let p = x.ncols();
        (0u32..1 << p)
            .filter(|set| *set > 0)
            .filter(|set| {
                let columns: Vec<usize> = (0..p).filter(|j| set >> j & 1 == 1).collect();
                numeric_rank(&x.select(Axis(1), &columns), Some(1e-10)).unwrap().rank < columns.len()
            })
            .map(|set| set.count_ones() as usize)
            .min()
    }

    #[test]
    fn known_sparks() {
        let identity = spark(&Array2::<f64>::eye(5)).unwrap();
        assert_eq!((identity.spark(), identity.kruskal_rank, identity.margin), (None, 5, 1.0));
        assert_eq!(identity.joint_uniqueness_bound(2).unwrap().largest, 5);

        // Powers of different nodes: any n columns are independent.
        let vandermonde = spark(&vandermonde(6, 10)).unwrap();
        assert_eq!((vandermonde.spark(), vandermonde.kruskal_rank, vandermonde.rank), (Some(7), 6, 6));
        assert!(vandermonde.margin > 1e3 * vandermonde.tolerance);

        // Three vectors of the plane: generic.
        assert_eq!(spark(&mercedes()).unwrap().dependent, Some(vec![0, 1, 2]));

        // A repeated column, up to sign and scale; a column of zeros.
        let mut x = random(3, 6, 8);
        let copy = -2.5 * &x.column(2);
        x.column_mut(6).assign(&copy);
        let twice = spark(&x).unwrap();
        assert_eq!((twice.spark(), twice.dependent.clone()), (Some(2), Some(vec![2, 6])));
        assert!(twice.residual.unwrap() <= twice.tolerance && twice.margin == 1.0);
        assert_eq!(twice.uniqueness_bound().largest, 0);
        x.column_mut(4).fill(0.0);
        let zero = spark(&x).unwrap();
        assert_eq!((zero.spark(), zero.kruskal_rank, zero.dependent.clone()), (Some(1), 0, Some(vec![4])));
        assert_eq!(spark(&Array2::<f64>::zeros((2, 2))).unwrap().spark(), Some(1));
        x[[0, 4]] = 1e-200;
        assert!(matches!(spark(&x), Err(Error::OutOfRange { index, .. }) if index == [4]));
    }

    #[test]
    fn spikes_and_walsh_functions() {
        // n = 4: a comb of 2 spikes is a sum of 2 Walsh functions, so spark 2√n = 4; coherence gives 1 + √n = 3.
        let small = spark(&hadamard_identity(4)).unwrap();
        assert_eq!(small.spark(), Some(4));
        assert_eq!(mutual_coherence(&hadamard_identity(4)).unwrap().spark_lower_bound(), 3);
        assert_eq!(small.dependent.as_ref().map(|set| set.iter().filter(|&&j| j < 4).count()), Some(2));
        // n = 16: 2√n = 8, C(32, 8) = 10.5 million sets with those below; 5 is known for nothing.
        match SparkSearch::default().limit(100_000).search(&hadamard_identity(16)) {
            Err(Error::TooManySubsets { argument, size, of, subsets, limit, lower_bound, .. }) => {
                assert_eq!((argument, size, of, subsets, limit), ("columns", 5, 32, 201_376.0, 100_000));
                assert_eq!(lower_bound, Some(5.0));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_say_what_is_known() {
        let x = random(1, 30, 60);
        let error = SparkSearch::default().limit(100_000).search(&x).unwrap_err().to_string();
        assert!(error.contains("subsets of 4 out of 60 columns are more than the limit of 100000"), "{error}");
        assert!(error.contains("(the answer is at least 4)"), "{error}");
        for tolerance in [0.0, 1.0, f64::NAN, -1.0] {
            assert!(matches!(
                SparkSearch::default().tolerance(tolerance).search(&x),
                Err(Error::OutOfRange { argument: "tolerance", .. })
            ));
        }
    }

    #[test]
    fn badly_conditioned_columns_are_still_independent() {
        // Nodes close to each other: six columns have a tiny σ_min, far above the tolerance of 6e-15 all the same.
        let x = Array2::from_shape_fn((6, 9), |(i, j)| (1.0 + 0.05 * j as f64).powi(i as i32));
        let found = spark(&x).unwrap();
        assert_eq!(found.spark(), Some(7));
        assert!(found.margin < 1e-8 && found.margin > 10.0 * found.tolerance, "{found:?}");
        // By a tolerance of 1e-3 three of them look dependent: by the definition, too.
        let coarse = SparkSearch::default().tolerance(1e-3).search(&x).unwrap();
        let unit = {
            let mut unit = x.clone();
            unit.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
            unit
        };
        let smallest = |k: usize| {
            let mut smallest = f64::INFINITY;
            for set in (0u32..1 << 9).filter(|s| s.count_ones() as usize == k) {
                let columns: Vec<usize> = (0..9).filter(|j| set >> j & 1 == 1).collect();
                let values = numeric_rank(&unit.select(Axis(1), &columns), None).unwrap().singular_values;
                smallest = f64::min(smallest, values[k - 1]);
            }
            smallest
        };
        let k = coarse.kruskal_rank;
        assert!(smallest(k) > 1e-3 && smallest(k + 1) <= 1e-3 && coarse.margin <= smallest(k) * (1.0 + 1e-12));
        assert!(found.margin <= smallest(6) * 1.01);
    }

    #[test]
    fn uniqueness_fails_where_the_bound_says() {
        let x = vandermonde(6, 10);
        let found = spark(&x).unwrap();
        assert_eq!(found.uniqueness_bound().largest, 3);
        assert_eq!(found.joint_uniqueness_bound(5).unwrap().largest, 5);
        // 4 < 7/2 is false: the divided difference over seven nodes annihilates powers up to 5, so its first four terms and
        // its last three, with the other sign, have the same image. Repeating that y would not change its rank.
        let term = |i: usize| (0..7).filter(|&j| j != i).map(|j| x[[1, i]] - x[[1, j]]).product::<f64>().recip();
        let four = (0..4).map(|i| &x.column(i) * term(i)).fold(Array1::<f64>::zeros(6), |sum, v| sum + v);
        let three = (4..7).map(|i| &x.column(i) * -term(i)).fold(Array1::<f64>::zeros(6), |sum, v| sum + v);
        let (difference, size) = (&four - &three, four.dot(&four).sqrt());
        assert!(difference.dot(&difference).sqrt() < 1e-14 * size);
        // 5 < (6 + 5)/2 is true: of the 252 supports of five rows only the true one explains a Y of rank 5.
        let w = random(7, 5, 5);
        let support = [0, 3, 4, 7, 9];
        let y = x.select(Axis(1), &support).dot(&w);
        assert_eq!(numeric_rank(&y, None).unwrap().rank, 5);
        let explaining: Vec<u32> = (0u32..1 << 10)
            .filter(|s| s.count_ones() == 5)
            .filter(|s| {
                let columns: Vec<usize> = (0..10).filter(|j| s >> j & 1 == 1).collect();
                let both = concatenate![Axis(1), x.select(Axis(1), &columns), y];
                numeric_rank(&both, Some(1e-10)).unwrap().rank == 5
            })
            .collect();
        assert_eq!(explaining, [support.iter().map(|j| 1u32 << j).sum::<u32>()]);
    }

    #[test]
    #[cfg(feature = "rayon")]
    fn the_number_of_threads_changes_no_bit() {
        let mut x = random(5, 7, 26);
        let sum = &x.column(3) + &x.column(9) - x.column(14) + x.column(20);
        x.column_mut(22).assign(&sum);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| spark(&x).unwrap())
        };
        let one = run(1);
        assert_eq!(one.dependent, Some(vec![3, 9, 14, 20, 22]));
        assert_eq!(one, run(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_the_definition(seed in 0u64..10_000, n in 1usize..6, p in 1usize..9, values in 1u64..4) {
            // Small whole numbers, so that dependent sets of all sizes occur.
            let x = random(seed, n, p).mapv(|v| (v * (values as f64 + 0.5)).round());
            let found = spark(&x).unwrap();
            prop_assert_eq!(found.spark(), naive(&x));
            prop_assert_eq!(found.kruskal_rank, found.spark().map_or(p, |s| s - 1));
            prop_assert_eq!(found.rank, numeric_rank(&x, None).unwrap().rank);
            if found.kruskal_rank > 0 {
                prop_assert!(mutual_coherence(&x).unwrap().spark_lower_bound() <= found.kruskal_rank + 1);
            }
            if let Some(set) = &found.dependent {
                let columns = x.select(Axis(1), set);
                prop_assert_eq!(numeric_rank(&columns, None).unwrap().rank, set.len() - 1);
            }
        }
    }
}
