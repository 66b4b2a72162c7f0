//! The choice of λ of a graphical lasso by the likelihood of held-out samples.

use std::fmt;

use ndarray::{Array2, ArrayBase, Data, Ix2};

use crate::error::{Error, Result};
use crate::estimator::{GraphicalLasso, GraphicalPath, PrecisionModel};
use crate::folds::{Curve, Folds};
use crate::grid::Grid;
use crate::parallel;

/// The result of a cross-validation: the curve of negative held-out log-likelihoods per sample, and the models refitted
/// to all samples.
#[derive(Debug, Clone)]
pub struct GraphicalCrossValidation {
    path: GraphicalPath,
    curve: Curve,
}

impl GraphicalCrossValidation {
    /// The models on all samples, one per λ.
    pub fn path(&self) -> &GraphicalPath {
        &self.path
    }

    /// Negative held-out log-likelihoods per sample (smaller is better) and their standard errors.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The model on all samples at the λ with the largest held-out likelihood.
    pub fn best(&self) -> &PrecisionModel {
        &self.path.models()[self.curve.best]
    }

    /// The model on all samples at the largest λ within one standard error of the best; it never has more edges.
    pub fn one_standard_error(&self) -> &PrecisionModel {
        &self.path.models()[self.curve.one_standard_error]
    }
}

impl fmt::Display for GraphicalCrossValidation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>13} {:>7} {:>15} {:>12}", "λ", "edges", "−log-likelihood", "std. error")?;
        for (k, model) in self.path.models().iter().enumerate() {
            let mark = match k {
                k if k == self.curve.best => "  best",
                k if k == self.curve.one_standard_error => "  one standard error",
                _ => "",
            };
            let (mean, error) = (self.curve.mean[k], self.curve.standard_error[k]);
            writeln!(f, "{:>13.6e} {:>7} {mean:>15.6} {error:>12.4e}{mark}", model.lambda(), model.edge_count())?;
        }
        Ok(())
    }
}

impl GraphicalLasso {
    /// Cross-validates the automatic grid of 100 λs.
    ///
    /// # Errors
    /// As [`cross_validate_on`](Self::cross_validate_on).
    ///
    /// ```
    /// use ndarray::Array2;
    /// use sparsereg::prelude::*;
    /// let samples = Array2::from_shape_fn((30, 3), |(i, j)| ((i * (j + 3) * 7919) % 101) as f64);
    /// let cv = GraphicalLasso::default().cross_validate(&samples, &KFold::new(5).seed(1))?;
    /// assert!(cv.one_standard_error().edge_count() <= cv.best().edge_count());
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn cross_validate<S>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        folds: &(impl Folds + ?Sized),
    ) -> Result<GraphicalCrossValidation>
    where
        S: Data<Elem = f64> + Sync,
    {
        self.cross_validate_on(samples, folds, Grid::default())
    }

    /// Cross-validates a grid: the λs come from all samples, every fold walks them on its training rows (folds in
    /// parallel, same bits for any number of threads) with means and scales of its own, and is judged by the (weighted)
    /// mean Gaussian log-likelihood of its validation rows.
    ///
    /// # Errors
    /// As [`path`](Self::path), for every fold; those of the splits; a fold whose weights are all 0.
    pub fn cross_validate_on<S>(
        &self,
        samples: &ArrayBase<S, Ix2>,
        folds: &(impl Folds + ?Sized),
        grid: Grid,
    ) -> Result<GraphicalCrossValidation>
    where
        S: Data<Elem = f64> + Sync,
    {
        let path = self.path(samples, grid)?;
        let lambdas = path.lambdas();
        let (n, p) = samples.dim();
        let splits = folds.splits(n)?;
        let weights = self.sample_weights.clone().unwrap_or_else(|| vec![1.0; n]);
        let work = splits.len() * lambdas.len() * p * p * p;
        let fits = parallel::map_indexed(splits.len(), work, |k| {
            let split = &splits[k];
            let covariance = self.moments(samples, Some(&split.train))?;
            let path = self.path_of(&covariance, Grid::values(lambdas.clone()), &mut ())?;
            path.models().iter().map(|m| m.score_rows(samples, &split.test, &weights)).collect::<Result<Vec<f64>>>()
        });
        let mut scores = Array2::zeros((lambdas.len(), splits.len()));
        let mut fold_weights = vec![0.0; splits.len()];
        for (fold, (split, fit)) in splits.iter().zip(fits).enumerate() {
            fold_weights[fold] = split.test.iter().map(|&i| weights[i]).sum();
            if fold_weights[fold] == 0.0 {
                let reason = format!("all samples of fold {fold} have weight 0");
                return Err(Error::IllPosed { reason });
            }
            for (k, likelihood) in fit?.into_iter().enumerate() {
                scores[[k, fold]] = -likelihood;
            }
        }
        let sizes: Vec<usize> = path.models().iter().map(PrecisionModel::edge_count).collect();
        Ok(GraphicalCrossValidation { curve: Curve::new(scores, &fold_weights, &sizes), path })
    }
}
