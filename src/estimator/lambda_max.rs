//! The smallest λ without a penalised coefficient.

use crate::estimator::Options;
use crate::estimator::prepared::View;
use crate::penalty::{BlockPenalty, Penalty};
use crate::smooth::Smooth;
use crate::solver::{Kinked, Start, Stopping};

/// Relative gap of the model without penalised coefficients; what is not at a bound is then fitted exactly.
const TOLERANCE: f64 = 1e-12;

impl<Q: BlockPenalty> View<'_, '_, Q> {
    /// The smallest λ without a penalised coefficient; ∞ if there is none.
    pub(super) fn lambda_max(&self) -> f64 {
        let max = match Kinked::new(self.smooth, &self.penalty) {
            Some(kinked) => kinked.lambda_max(),
            None => self.problem(0.0).lambda_max(),
        };
        if max.is_finite() { max } else { self.lambda_max_beside_constrained() }
    }

    /// Where no λ balances the gradient at zero: columns that are constrained but not penalised have to be fitted first, beside
    /// the free ones.
    fn lambda_max_beside_constrained(&self) -> f64 {
        let (partition, q) = (self.penalty.partition(), self.smooth.nresponses());
        let is_own = |b: &usize| self.penalty.is_unpenalised(*b, 1.0) && !self.penalty.is_free(*b, 1.0);
        let constrained: Vec<usize> = (0..partition.len()).filter(is_own).collect();
        if constrained.is_empty() {
            return f64::INFINITY;
        }
        // At this λ nothing else is in the model.
        let stopping = Stopping { tolerance: TOLERANCE, ..Stopping::default() };
        let mut w = self.solve_until(f64::MAX, Start::Zero, stopping, &Options::default(), &mut ()).coefficients;
        let free = Penalty::free_columns(&self.penalty, 1.0);
        // Beside its block, whose penalty knows its bounds.
        let columns = || constrained.iter().flat_map(|&b| partition.block(b).map(move |j| (b, j)));
        let mut inside: Vec<(usize, usize)> =
            columns().filter(|(_, j)| w[j * q..(j + 1) * q].iter().all(|w| *w != 0.0)).collect();
        // What the exact fit carries across a bound stays at the bound, where the solver has left it.
        let fitted = loop {
            let mut fitted: Vec<usize> = free.iter().copied().chain(inside.iter().map(|(_, j)| *j)).collect();
            fitted.sort_unstable();
            let mut exact = w.clone();
            self.smooth.fit_free(&fitted, &mut exact);
            let is_legal = |&(b, j): &(usize, usize)| {
                let mut alone = vec![0.0; partition.block(b).len() * q];
                let at = (j - partition.block(b).start) * q;
                alone[at..at + q].copy_from_slice(&exact[j * q..(j + 1) * q]);
                self.penalty.value_block(b, 1.0, &alone).is_finite()
            };
            let before = inside.len();
            inside.retain(is_legal);
            if inside.len() == before {
                w = exact;
                break fitted;
            }
        };
        let smooth_gradient = || {
            let mut g = vec![0.0; w.len()];
            self.smooth.dual(&self.smooth.point(&w), &fitted, &mut g);
            Some(g)
        };
        let g = match Kinked::new(self.smooth, &self.penalty).filter(|kinked| !kinked.begins_as_it_is()) {
            Some(kinked) => kinked.gradient_beside(&fitted, w.clone()),
            None => smooth_gradient(),
        };
        let Some(mut g) = g else { return 0.0 };
        columns().map(|(_, j)| j).chain(free).for_each(|j| g[j * q..(j + 1) * q].fill(0.0));
        self.penalty.critical_lambda(&g)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use crate::prelude::*;

    /// Features 0 and 1 are not penalised, and one of them wants to be negative.
    #[test]
    fn what_is_constrained_without_a_penalty_is_fitted_first() {
        let x = Array2::from_shape_fn((60, 6), |(i, j)| ((i * i * (j + 2) + 5 * i * j + i) % 23) as f64 / 11.0 - 1.0);
        let y = Array1::from_shape_fn(60, |i| {
            2.0 * x[[i, 0]] - 1.5 * x[[i, 1]] + 0.7 * x[[i, 2]] + 0.1 * ((i * i * i) % 7) as f64
        });
        let weights = [0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let lasso = |lambda: f64| Lasso::new(lambda).nonnegative(true).weights(weights).tolerance(1e-14);
        let bounded = |lambda: f64| BoxLasso::new(lambda).bounds(-0.5, 4.0).weights(weights).tolerance(1e-14);
        let max = (lasso(0.0).lambda_max(&x, &y).unwrap(), bounded(0.0).lambda_max(&x, &y).unwrap());
        for (share, below) in [(1.0 + 1e-6, false), (1.0 - 1e-4, true)] {
            let support = lasso(share * max.0).fit(&x, &y).unwrap().support();
            assert_eq!((&support[..1], support.len() > 1), (&[0][..], below), "{support:?} at {share} λ_max");
            let support = bounded(share * max.1).fit(&x, &y).unwrap().support();
            assert_eq!((&support[..2], support.len() > 2), (&[0, 1][..], below), "{support:?} at {share} λ_max");
        }
        let path = lasso(0.0).path(&x, &y, Grid::auto(5)).unwrap();
        assert!((path.lambdas()[0] / max.0 - 1.0).abs() < 1e-12);
        assert_eq!(path.models()[0].support(), [0]);
        // A ridge penalty has no such λ, whatever is beside it.
        let ridge = ElasticNet::new(0.0, 0.0).nonnegative(true).weights(weights);
        assert_eq!(ridge.lambda_max(&x, &y).unwrap(), f64::INFINITY);
    }
}
