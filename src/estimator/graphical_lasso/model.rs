//! A fitted graphical lasso.

use std::fmt;

use ndarray::{Array1, Array2, ArrayBase, ArrayView1, ArrayView2, Data, Ix2};

use crate::error::{Error, Result, check_length};
use crate::estimator::graphical_lasso::covariance::{Covariance, check_samples, square_matrix};
use crate::estimator::graphical_lasso::screening::components;
use crate::estimator::graphical_lasso::solve::Answer;
use crate::problem::Certificate;
use crate::solver::Status;

/// An edge of the estimated graph: a pair of variables i < j that are dependent given all others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The first variable.
    pub i: usize,
    /// The second variable.
    pub j: usize,
    /// θ_ij.
    pub precision: f64,
    /// `−θ_ij / √(θ_ii θ_jj)`.
    pub partial_correlation: f64,
}

/// A fitted graphical lasso: Θ, its inverse and the graph. Everything is in the units of the data.
///
/// ```
/// use ndarray::array;
/// use sparsereg::prelude::*;
/// let s = array![[1.0, 0.6, 0.1], [0.6, 1.0, 0.1], [0.1, 0.1, 1.0]];
/// let model = GraphicalLasso::new(0.2).variable_names(["a", "b", "c"]).fit_covariance(&s)?;
/// assert_eq!(model.edges().len(), 1); // a – b
/// assert_eq!(model.components(), [vec![0, 1], vec![2]]);
/// assert!((model.covariance()[[0, 1]] - 0.4).abs() < 1e-6); // shrunk by λ
/// assert!(model.to_string().contains("a"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PrecisionModel {
    precision: Array2<f64>,
    covariance: Array2<f64>,
    mean: Array1<f64>,
    log_det: f64,
    /// ⟨S, Θ⟩
    trace: f64,
    lambda: f64,
    certificate: Certificate,
    status: Status,
    iterations: usize,
    nobservations: Option<usize>,
    variable_names: Option<Vec<String>>,
}

impl PrecisionModel {
    pub(in crate::estimator) fn assemble(
        answer: Answer,
        data: &Covariance,
        lambda: f64,
        names: Option<Vec<String>>,
    ) -> Result<Self> {
        let p = data.size;
        let matrix = |values| square_matrix("covariance", p, values);
        let trace = data.values.iter().zip(&answer.precision).map(|(s, t)| s * t).sum();
        Ok(Self {
            precision: matrix(answer.precision)?,
            covariance: matrix(answer.covariance)?,
            mean: Array1::from(data.mean.clone()),
            log_det: answer.log_det,
            trace,
            lambda,
            certificate: answer.certificate,
            status: answer.status,
            iterations: answer.iterations,
            nobservations: data.nobservations,
            variable_names: names,
        })
    }

    /// Θ and Θ⁻¹ as they are stored.
    pub(in crate::estimator) fn values(&self) -> Option<(&[f64], &[f64])> {
        Some((self.precision.as_slice_memory_order()?, self.covariance.as_slice_memory_order()?))
    }

    /// Θ, p×p, symmetric to the last bit; zeros are exact.
    pub fn precision(&self) -> ArrayView2<'_, f64> {
        self.precision.view()
    }

    /// Θ⁻¹, p×p: the covariance that the model implies.
    pub fn covariance(&self) -> ArrayView2<'_, f64> {
        self.covariance.view()
    }

    /// The means of the variables (zeros if they were assumed, or if a covariance was fitted).
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The pairs with θ_ij ≠ 0, the largest |partial correlation| first.
    pub fn edges(&self) -> Vec<Edge> {
        let p = self.precision.nrows();
        let mut edges = Vec::new();
        for i in 0..p {
            for j in i + 1..p {
                let precision = self.precision[[i, j]];
                if precision != 0.0 {
                    edges.push(Edge { i, j, precision, partial_correlation: self.partial(i, j) });
                }
            }
        }
        edges.sort_by(|a, b| b.partial_correlation.abs().total_cmp(&a.partial_correlation.abs()));
        edges
    }

    /// The number of edges.
    pub fn edge_count(&self) -> usize {
        let p = self.precision.nrows();
        (0..p).map(|j| (0..j).filter(|&i| self.precision[[i, j]] != 0.0).count()).sum()
    }

    fn partial(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        -self.precision[[i, j]] / self.precision[[i, i]].sqrt() / self.precision[[j, j]].sqrt()
    }

    /// `−θ_ij / √(θ_ii θ_jj)`, with a unit diagonal.
    pub fn partial_correlations(&self) -> Array2<f64> {
        Array2::from_shape_fn(self.precision.dim(), |(i, j)| if i == j { 1.0 } else { self.partial(i, j) })
    }

    /// The connected components of the graph: each sorted, ordered by their first variable.
    pub fn components(&self) -> Vec<Vec<usize>> {
        components(self.precision.nrows(), |i, j| self.precision[[i, j]] != 0.0)
    }

    /// The Gaussian log-likelihood of samples (m×p), `Σ_i log N(x_i; mean, Θ⁻¹)`.
    ///
    /// # Errors
    /// A wrong number of columns, no rows, NaN or infinity.
    pub fn log_likelihood<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<f64> {
        Ok(self.score(samples)? * samples.nrows() as f64)
    }

    /// The mean Gaussian log-likelihood per observation of samples (m×p), such as held-out ones:
    /// `½ (log det Θ − p log 2π − mean_i (x_i − mean)ᵀΘ(x_i − mean))`.
    ///
    /// # Errors
    /// As [`log_likelihood`](Self::log_likelihood).
    pub fn score<S: Data<Elem = f64>>(&self, samples: &ArrayBase<S, Ix2>) -> Result<f64> {
        let all: Vec<usize> = (0..samples.nrows()).collect();
        self.score_rows(samples, &all, &vec![1.0; samples.nrows()])
    }

    /// [`score`](Self::score) of some rows only, weighted; `weights` has one entry per sample.
    pub(super) fn score_rows<S: Data<Elem = f64>>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        rows: &[usize],
        weights: &[f64],
    ) -> Result<f64> {
        let p = self.precision.nrows();
        check_length("samples columns", p, samples.ncols())?;
        check_samples(samples)?;
        if rows.is_empty() {
            return Err(Error::Empty { argument: "samples" });
        }
        let mut total = 0.0;
        for &i in rows {
            let x: Array1<f64> = &samples.row(i) - &self.mean;
            total += weights[i] * x.dot(&self.precision.dot(&x));
        }
        let sum: f64 = rows.iter().map(|&i| weights[i]).sum();
        let constant = p as f64 * (2.0 * std::f64::consts::PI).ln();
        Ok(0.5 * (self.log_det - constant - total / sum))
    }

    /// `log det Θ`.
    pub fn log_det(&self) -> f64 {
        self.log_det
    }

    pub(super) fn trace(&self) -> f64 {
        self.trace
    }

    pub(super) fn names(&self) -> Option<&[String]> {
        self.variable_names.as_deref()
    }

    /// λ of the fit.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The proof of how close Θ is to the optimum. `scale` is p, the objective at the diagonal solution for variables of
    /// unit variance: the gap does not depend on the units, so neither does the tolerance.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How the solve ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Iterations of the solver: sweeps over the columns and Newton steps, or proximal-gradient steps.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// The number of observations; `None` if a covariance was fitted that did not say.
    pub fn observations(&self) -> Option<usize> {
        self.nobservations
    }
}

/// Most edges that `Display` shows.
const SHOWN: usize = 20;

impl fmt::Display for PrecisionModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = self.precision.nrows();
        let edges = self.edges();
        write!(
            f,
            "λ {:.6e}   {p} variables   {} edges   {} components",
            self.lambda,
            edges.len(),
            self.components().len()
        )?;
        if let Some(n) = self.nobservations {
            write!(f, "   n {n}")?;
        }
        writeln!(f, "   {}", self.status)?;
        writeln!(f, "{}", self.certificate)?;
        let name = |j: usize| self.variable_name(j);
        let shown = &edges[..edges.len().min(SHOWN)];
        let width = shown.iter().flat_map(|e| [e.i, e.j]).map(|j| name(j).chars().count()).max().unwrap_or(0).max(4);
        if !shown.is_empty() {
            writeln!(f, "  {:<width$}   {:<width$} {:>13} {:>13}", "edge", "", "partial corr.", "precision")?;
        }
        for e in shown {
            let (i, j) = (name(e.i), name(e.j));
            writeln!(f, "  {i:<width$} – {j:<width$} {:>13.6} {:>13.6e}", e.partial_correlation, e.precision)?;
        }
        if edges.len() > SHOWN {
            writeln!(f, "  … and {} more", edges.len() - SHOWN)?;
        }
        Ok(())
    }
}
