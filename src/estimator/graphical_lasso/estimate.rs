//! Covariances that are not those of complete samples: estimated entry by entry, then made positive semidefinite.

use std::fmt;

use ndarray::{Array1, Array2, ArrayBase, ArrayView1, ArrayView2, Data, Ix2};

use crate::error::{Error, Result, check_length};
use crate::estimator::graphical_lasso::covariance::{Covariance, square_matrix};
use crate::estimator::{GraphicalLasso, GraphicalPath, PrecisionModel};
use crate::grid::Grid;
use crate::linalg;

/// An estimate of a covariance whose entries come from different rows, or from ranks. Such a matrix need not be positive
/// semidefinite; it is replaced by the nearest one that is, and the estimate says how far that was.
///
/// | made by | from |
/// | --- | --- |
/// | [`pairwise`](Self::pairwise), [`pairwise_weighted`](Self::pairwise_weighted) | samples with missing values |
/// | [`nonparanormal`](Self::nonparanormal) | Gaussian variables seen through unknown increasing functions |
/// | [`nearest`](Self::nearest) | any symmetric matrix, such as one of correlations from elsewhere |
///
/// With `d_i = √S_ii` and the correlations `R_ij = S_ij / (d_i d_j)` before, the covariance is `d_i X_ij d_j` where X is the
/// nearest correlation matrix, `min ‖X − R‖_F  over  X ⪰ 0, diag X = 1` (Higham 2002): variances stay as they are, and units
/// do not matter. The distance of X to the true minimiser is proven to be at most [`accuracy`](Self::accuracy).
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let nan = f64::NAN;
/// let samples = array![[1.0, 2.1, 0.3], [2.0, nan, 0.1], [3.0, 5.8, nan], [4.0, 8.1, 0.2], [nan, 4.2, 0.4], [2.5, 5.1, 0.1]];
/// let estimate = CovarianceEstimate::pairwise(&samples)?;
/// assert_eq!(estimate.missing(), 3);
/// assert_eq!(estimate.smallest_pair(), Some((0, 1, 4))); // four rows have both variables 0 and 1
/// let model = GraphicalLasso::new(0.1).correlation_scale(true).fit_estimate(&estimate)?;
/// assert_eq!(model.observations(), Some(4));
/// println!("{estimate}");
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CovarianceEstimate {
    covariance: Array2<f64>,
    mean: Array1<f64>,
    observations: Option<usize>,
    missing: usize,
    smallest_pair: (usize, usize, usize),
    smallest_eigenvalue: f64,
    shift: f64,
    accuracy: f64,
}

/// Entries of a matrix may differ from their mirror images by this share of the standard deviations.
const ASYMMETRY: f64 = 1e-8;
/// The projection of larger "correlations" is not exact any more.
const LARGEST: f64 = 1e6;
/// Eigenvalues above minus this many times p and the largest one are those of a singular matrix, rounded.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

impl CovarianceEstimate {
    /// The covariance with the variances of a p×p matrix that is nearest to it in units of unit variance: for correlations
    /// from elsewhere (polychoric, partial, rounded), which need not be positive semidefinite.
    ///
    /// # Errors
    /// A matrix that is empty, not square, not symmetric, holds NaN or infinity, a variance that is not positive, or a
    /// covariance beyond 10⁶ times the product of the standard deviations.
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// // Higham's example: its smallest eigenvalue is 1 − √2.
    /// let r = array![[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]];
    /// let estimate = CovarianceEstimate::nearest(&r)?;
    /// assert!((estimate.smallest_eigenvalue() - (1.0 - 2f64.sqrt())).abs() < 1e-12);
    /// assert!((estimate.covariance()[[0, 1]] - 0.760689853402).abs() < 1e-10);
    /// assert!((estimate.shift() - 0.527790463582).abs() < 1e-10);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn nearest<S: Data<Elem = f64>>(matrix: &ArrayBase<S, Ix2>) -> Result<Self> {
        let p = matrix.nrows();
        check_length("covariance columns", p, matrix.ncols())?;
        if p == 0 {
            return Err(Error::Empty { argument: "covariance" });
        }
        let argument = "covariance";
        if let Some(((i, j), &value)) = matrix.indexed_iter().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { argument, index: vec![i, j], value });
        }
        if let Some(i) = (0..p).find(|&i| matrix[[i, i]] <= 0.0) {
            let expected = "a positive variance";
            return Err(Error::OutOfRange { argument, index: vec![i, i], value: matrix[[i, i]], expected });
        }
        let mut values = vec![0.0; p * p];
        for j in 0..p {
            for i in 0..=j {
                let (a, b) = (matrix[[i, j]], matrix[[j, i]]);
                let difference = (a - b).abs();
                let size = a.abs().max(b.abs()).max(matrix[[i, i]].sqrt() * matrix[[j, j]].sqrt());
                if difference > ASYMMETRY * size {
                    return Err(Error::NotSymmetric { argument, row: j, column: i, difference });
                }
                let mean = 0.5 * a + 0.5 * b;
                if mean.abs() / matrix[[i, i]].sqrt() / matrix[[j, j]].sqrt() > LARGEST {
                    let expected = "at most 1e6 times the product of the standard deviations";
                    return Err(Error::OutOfRange { argument, index: vec![j, i], value: mean, expected });
                }
                (values[j * p + i], values[i * p + j]) = (mean, mean);
            }
        }
        Self::assemble(values, vec![0.0; p], None, 0, (0, 0, 0))
    }

    /// Projects a symmetric matrix with a positive diagonal. `smallest_pair`: two variables and their common rows.
    pub(super) fn assemble(
        mut values: Vec<f64>,
        mean: Vec<f64>,
        observations: Option<usize>,
        missing: usize,
        smallest_pair: (usize, usize, usize),
    ) -> Result<Self> {
        let p = mean.len();
        let deviation: Vec<f64> = (0..p).map(|i| values[i * p + i].sqrt()).collect();
        let mut unit = values.clone();
        for (j, column) in unit.chunks_exact_mut(p).enumerate() {
            column.iter_mut().zip(&deviation).for_each(|(v, d)| *v = *v / d / deviation[j]);
            column[j] = 1.0;
        }
        // (a/b)/c and (a/c)/b differ in the last bit.
        linalg::mirror(&mut unit, p);
        let failed = |_| Error::IllPosed { reason: "the eigenvalues of the covariance do not converge".into() };
        let eigenvalues = linalg::eigenvalues(&unit, p).map_err(failed)?;
        let (smallest, largest) = (eigenvalues[0], eigenvalues[p - 1]);
        let (mut shift, mut accuracy) = (0.0, 0.0);
        if smallest < -ROUNDING * p as f64 * largest {
            let nearest = linalg::nearest_correlation(&unit, p).map_err(failed)?;
            (shift, accuracy) = (nearest.shift, nearest.bound);
            for j in 0..p {
                for i in j + 1..p {
                    values[j * p + i] = nearest.values[j * p + i] * deviation[j] * deviation[i];
                }
            }
            linalg::mirror(&mut values, p);
        }
        let covariance = square_matrix("covariance", p, values)?;
        let mean = Array1::from(mean);
        let smallest_eigenvalue = smallest;
        Ok(Self { covariance, mean, observations, missing, smallest_pair, smallest_eigenvalue, shift, accuracy })
    }

    /// The estimate, p×p, symmetric to the last bit and positive semidefinite up to rounding.
    pub fn covariance(&self) -> ArrayView2<'_, f64> {
        self.covariance.view()
    }

    /// The mean of each variable over its observed rows; zeros if it was assumed, or if the estimate is of correlations.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The effective number of observations: the smallest number of rows that any two variables have in common, on which the
    /// rates of the theory depend (Kolar and Xing 2012). `None` for a matrix from elsewhere.
    /// [`GraphicalLasso::observations`] overrides it.
    pub fn observations(&self) -> Option<usize> {
        self.observations
    }

    /// How many entries of the samples were missing.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// The two variables i ≤ j with the fewest rows in common (the first such pair), and how many these are; `None` for a
    /// matrix from elsewhere. One variable alone is a pair with itself.
    pub fn smallest_pair(&self) -> Option<(usize, usize, usize)> {
        self.observations.map(|_| self.smallest_pair)
    }

    /// The smallest eigenvalue of the correlations before the projection.
    pub fn smallest_eigenvalue(&self) -> f64 {
        self.smallest_eigenvalue
    }

    /// How far the projection moved the correlations, in the Frobenius norm; 0 if they were positive semidefinite.
    pub fn shift(&self) -> f64 {
        self.shift
    }

    /// A proven bound on the distance of the correlations to the nearest correlation matrix, in the Frobenius norm: by
    /// strong convexity `√(2 · duality gap)`. Usually below 1e-10; larger if the projection hit its limit of iterations.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }
}

impl fmt::Display for CovarianceEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables   {} entries missing", self.mean.len(), self.missing)?;
        if self.observations.is_some() {
            let (i, j, rows) = self.smallest_pair;
            write!(f, "   at least {rows} common rows ({i}, {j})")?;
        }
        writeln!(f)?;
        write!(f, "smallest eigenvalue {:.3e}   ", self.smallest_eigenvalue)?;
        if self.shift > 0.0 {
            writeln!(f, "correlations moved by {:.3e} (accuracy {:.1e})", self.shift, self.accuracy)
        } else {
            writeln!(f, "correlations as estimated")
        }
    }
}

impl GraphicalLasso {
    /// Fits to an estimate of the covariance: of incomplete samples, of ranks, or repaired.
    ///
    /// # Errors
    /// As [`fit_covariance`](Self::fit_covariance).
    ///
    /// ```
    /// use ndarray::array;
    /// use sparsereg::prelude::*;
    /// let r = array![[1.0, 0.9, 0.0], [0.9, 1.0, 0.9], [0.0, 0.9, 1.0]]; // not positive semidefinite
    /// assert!(GraphicalLasso::new(0.1).fit_covariance(&r).is_err());
    /// let model = GraphicalLasso::new(0.1).fit_estimate(&CovarianceEstimate::nearest(&r)?)?;
    /// assert!(model.certificate().relative_gap() <= 1e-6);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn fit_estimate(&self, estimate: &CovarianceEstimate) -> Result<PrecisionModel> {
        self.check()?;
        self.accept(self.solve_one(&self.estimated(estimate)?, self.lambda, None, &mut ())?)
    }

    /// [`path`](Self::path) for an estimate of the covariance.
    ///
    /// # Errors
    /// As [`fit_estimate`](Self::fit_estimate) and [`Grid::resolve`].
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let samples = Array2::from_shape_fn((40, 4), |(i, j)| (((i * i * (j + 1) + 7 * i * j) % 23) as f64).exp());
    /// let ranks = CovarianceEstimate::nonparanormal(&samples, Rank::Kendall)?;
    /// let path = GraphicalLasso::default().path_estimate(&ranks, Grid::auto(10))?;
    /// assert_eq!(path.select(Criterion::Ebic(0.5))?.observations(), Some(40));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn path_estimate(&self, estimate: &CovarianceEstimate, grid: Grid) -> Result<GraphicalPath> {
        self.check()?;
        self.path_of(&self.estimated(estimate)?, grid, &mut ())
    }

    /// [`lambda_max`](Self::lambda_max) of an estimate of the covariance.
    ///
    /// # Errors
    /// As [`fit_estimate`](Self::fit_estimate).
    pub fn lambda_max_estimate(&self, estimate: &CovarianceEstimate) -> Result<f64> {
        self.lambda_max_of(&self.estimated(estimate)?)
    }

    pub(super) fn estimated(&self, estimate: &CovarianceEstimate) -> Result<Covariance> {
        if self.sample_weights.is_some() {
            let reason = "an estimate of the covariance has no samples to weight";
            return Err(Error::Unsupported { argument: "sample_weights", reason });
        }
        Ok(Covariance {
            of_samples: false,
            size: estimate.mean.len(),
            // Symmetric, so the same by rows and by columns.
            values: estimate.covariance.iter().copied().collect(),
            mean: estimate.mean.to_vec(),
            nobservations: self.observations.or(estimate.observations),
        })
    }
}
