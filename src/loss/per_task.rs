//! A loss for each task: the sum over tasks, each with a weight.

use std::sync::Arc;

use crate::loss::{Hessian, Loss};

/// `F(η) = Σ_t c_t F_t(η_t)`: the predictions of all tasks one after the other, each part judged by a loss of its own, with
/// a weight c_t > 0. Losses of one prediction per observation.
///
/// ```
/// use sparsereg::loss::{Logistic, Loss, PerTask, Separable, Squared};
/// let parts: Vec<(f64, Box<dyn Loss>)> = vec![
///     (1.0, Box::new(Squared::new(vec![1.0, 3.0], 2))),
///     (0.5, Box::new(Separable::new(Logistic, vec![1.0], 1))),
/// ];
/// let loss = PerTask::new(parts);
/// assert!((loss.value(&[0.0, 0.0, 0.0]) - (2.5 + 0.5 * 2f64.ln())).abs() < 1e-15);
/// ```
#[derive(Clone)]
pub struct PerTask {
    parts: Vec<(f64, Arc<dyn Loss>)>,
    len: usize,
}

impl PerTask {
    /// The weights c_t > 0 and losses F_t, in the order of the predictions.
    ///
    /// # Panics
    /// If a weight is not positive and finite, or a loss has more than one prediction for an observation.
    pub fn new(parts: Vec<(f64, Box<dyn Loss>)>) -> Self {
        for (t, (c, loss)) in parts.iter().enumerate() {
            assert!(*c > 0.0 && c.is_finite(), "the weight of task {t} is {c}");
            assert!(loss.len() == loss.nrows(), "task {t} has several predictions for an observation");
        }
        let parts: Vec<(f64, Arc<dyn Loss>)> = parts.into_iter().map(|(c, loss)| (c, loss.into())).collect();
        let len = parts.iter().map(|(_, loss)| loss.len()).sum();
        Self { parts, len }
    }

    /// (c_t, F_t, where its predictions are).
    fn each(&self) -> impl Iterator<Item = (f64, &Arc<dyn Loss>, std::ops::Range<usize>)> {
        let mut end = 0;
        self.parts.iter().map(move |(c, loss)| {
            end += loss.len();
            (*c, loss, end - loss.len()..end)
        })
    }
}

impl std::fmt::Debug for PerTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let weights: Vec<f64> = self.parts.iter().map(|part| part.0).collect();
        f.debug_struct("PerTask").field("weights", &weights).finish_non_exhaustive()
    }
}

impl Loss for PerTask {
    fn len(&self) -> usize {
        self.len
    }

    fn nrows(&self) -> usize {
        self.len
    }

    fn value(&self, eta: &[f64]) -> f64 {
        self.each().map(|(c, loss, own)| c * loss.value(&eta[own])).sum()
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        for (c, loss, own) in self.each() {
            loss.gradient(&eta[own.clone()], &mut u[own.clone()]);
            u[own].iter_mut().for_each(|u| *u *= c);
        }
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        // (cF)*(u) = c F*(u/c)
        let term = |(c, loss, own): (f64, &Arc<dyn Loss>, std::ops::Range<usize>)| {
            let scaled: Vec<f64> = u[own.clone()].iter().map(|u| u / c).collect();
            c * loss.fenchel_young(&eta[own], &scaled)
        };
        self.each().map(term).sum()
    }

    fn smoothness(&self) -> f64 {
        self.parts.iter().map(|(c, loss)| c * loss.smoothness()).fold(0.0, f64::max)
    }

    fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
        let parts: Vec<_> = self.each().map(|(c, loss, own)| (c, loss.hessian(&eta[own.clone()]), own)).collect();
        if parts.iter().all(|(_, hessian, _)| matches!(hessian, Hessian::Diagonal(_))) {
            let mut all = Vec::with_capacity(self.len);
            for (c, hessian, _) in &parts {
                if let Hessian::Diagonal(h) = hessian {
                    all.extend(h.iter().map(|h| c * h));
                }
            }
            return Hessian::Diagonal(all);
        }
        Hessian::Operator(Box::new(move |v, out| {
            for (c, hessian, own) in &parts {
                let out = &mut out[own.clone()];
                hessian.apply(own.len(), &v[own.clone()], out);
                out.iter_mut().for_each(|o| *o *= c);
            }
        }))
    }

    fn smoothed(&self, width: f64) -> Option<Box<dyn Loss>> {
        // Together no further below than the width.
        let kinked: f64 = self.parts.iter().filter(|part| part.1.smoothed(width).is_some()).map(|part| part.0).sum();
        if kinked == 0.0 {
            return None;
        }
        let part = |(c, loss): &(f64, Arc<dyn Loss>)| match loss.smoothed(width / kinked) {
            Some(smooth) => (*c, Arc::from(smooth)),
            None => (*c, Arc::clone(loss)),
        };
        Some(Box::new(Self { parts: self.parts.iter().map(part).collect(), len: self.len }))
    }

    fn kinks_are_rare(&self) -> bool {
        let mut kinked = self.parts.iter().filter(|part| part.1.smoothed(1.0).is_some());
        kinked.all(|part| part.1.kinks_are_rare())
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::loss::{Cox, Poisson, Quantile, Separable, Squared};

    fn parts() -> Vec<(f64, Box<dyn Loss>)> {
        vec![
            (2.0, Box::new(Squared::new(vec![1.0, -0.5], 2))),
            (0.5, Box::new(Separable::new(Poisson, vec![2.0, 0.0, 1.0], 3).with_weights(&[0.5, 1.0, 1.5]))),
        ]
    }

    #[test]
    fn gradient_and_hessian_are_those_of_the_value() {
        let loss = PerTask::new(parts());
        let eta = [0.3, -0.2, 0.1, 0.4, -0.6];
        let (mut u, mut above, mut below) = ([0.0; 5], [0.0; 5], [0.0; 5]);
        loss.gradient(&eta, &mut u);
        let Hessian::Diagonal(h) = loss.hessian(&eta) else { panic!("diagonal parts") };
        let step = 1e-5;
        for i in 0..5 {
            let at = |s: f64| -> [f64; 5] { std::array::from_fn(|k| eta[k] + if k == i { s } else { 0.0 }) };
            assert_relative_eq!(
                (loss.value(&at(step)) - loss.value(&at(-step))) / (2.0 * step),
                u[i],
                max_relative = 1e-7
            );
            loss.gradient(&at(step), &mut above);
            loss.gradient(&at(-step), &mut below);
            assert_relative_eq!((above[i] - below[i]) / (2.0 * step), h[i], max_relative = 1e-7);
        }
        assert!(loss.smoothness().is_infinite() && loss.smoothed(0.1).is_none());
    }

    #[test]
    fn the_fenchel_young_gap_closes_at_the_gradient_and_bounds_the_minimum() {
        let loss = PerTask::new(parts());
        let eta = [0.3, -0.2, 0.1, 0.4, -0.6];
        let mut u = [0.0; 5];
        loss.gradient(&eta, &mut u);
        assert!(loss.fenchel_young(&eta, &u) < 1e-15);
        // Another dual point: F(a) ≥ F(b) + ⟨∇F(b), a − b⟩, with equality of the difference and the gap.
        let other = [1.0, 0.0, -0.3, 0.2, 0.9];
        let bregman = loss.value(&other)
            - loss.value(&eta)
            - u.iter().zip(other.iter().zip(&eta)).map(|(u, (a, b))| u * (a - b)).sum::<f64>();
        assert_relative_eq!(loss.fenchel_young(&other, &u), bregman, max_relative = 1e-12);
    }

    #[test]
    fn kinks_of_one_task_are_rounded_and_the_others_stay() {
        let mut parts = parts();
        parts.push((3.0, Box::new(Separable::new(Quantile::new(0.5).unwrap(), vec![1.0, 2.0], 2))));
        let loss = PerTask::new(parts);
        let eta = [0.3, -0.2, 0.1, 0.4, -0.6, 1.0, 2.0];
        let smooth = loss.smoothed(0.01).unwrap();
        let below = loss.value(&eta) - smooth.value(&eta);
        assert!((0.0..=0.0101).contains(&below), "{below}");
        assert!(smooth.smoothed(0.01).is_none() && smooth.smoothness().is_infinite());
    }

    #[test]
    fn coupled_observations_make_the_hessian_an_operator() {
        let cox = Cox::new(&[2.0, 1.0, 3.0], &[1.0, 1.0, 1.0]).unwrap();
        let loss = PerTask::new(vec![(1.0, Box::new(Squared::new(vec![1.0], 1))), (2.0, Box::new(cox))]);
        let eta = [0.5, 0.1, -0.2, 0.3];
        let hessian = loss.hessian(&eta);
        assert!(matches!(hessian, Hessian::Operator(_)));
        let (v, mut out) = ([1.0, 0.5, -1.0, 0.2], [0.0; 4]);
        hessian.apply(4, &v, &mut out);
        let (mut above, mut below, step) = ([0.0; 4], [0.0; 4], 1e-5);
        loss.gradient(&std::array::from_fn::<f64, 4, _>(|k| eta[k] + step * v[k]), &mut above);
        loss.gradient(&std::array::from_fn::<f64, 4, _>(|k| eta[k] - step * v[k]), &mut below);
        for k in 0..4 {
            assert!(((above[k] - below[k]) / (2.0 * step) - out[k]).abs() < 1e-8);
        }
    }
}
