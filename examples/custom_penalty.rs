//! A penalty of one's own, ℓ1 that charges negative coefficients ten times as much: four methods are all it takes.
mod support;
use sparsereg::{partition::Partition, penalty::BlockPenalty, prelude::*};

#[derive(Clone)]
struct AsymmetricL1(Partition);
const DOWN: f64 = 10.0;

impl BlockPenalty for AsymmetricL1 {
    fn partition(&self) -> &Partition {
        &self.0
    }
    fn value_block(&self, _: usize, lambda: f64, w: &[f64]) -> f64 {
        w.iter().map(|w| lambda * w.max(-DOWN * w)).sum()
    }
    fn prox_block(&self, _: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = step * lambda;
        v.iter_mut().for_each(|v| *v = (*v - t).max(0.0) + (*v + t * DOWN).min(0.0));
    }
    fn critical_lambda_block(&self, _: usize, g: &[f64]) -> f64 {
        g.iter().fold(0.0, |c, g| c.max(-g).max(g / DOWN))
    }
}

fn main() -> support::Outcome {
    let (names, data) = support::read_numbers("diabetes.csv", 0)?;
    let (x, y) = (data.slice(ndarray::s![.., ..10]), data.column(10));
    let own = Penalized::new(1.0, AsymmetricL1(Partition::singletons(10))).standardize(true);
    let model = own.feature_names(names[..10].to_vec()).fit(&x, &y)?;
    println!("{model}");
    let l1 = Lasso::new(1.0).standardize(true).fit(&x, &y)?;
    let negative = |m: &LinearModel| m.coefficients().iter().filter(|w| **w < 0.0).count();
    let (n, m) = (negative(&model), negative(&l1));
    let claim = format!("{n} negative coefficients, {m} with the plain lasso; gap certified");
    support::check(n < m && model.certificate().relative_gap() <= 1e-6, claim)
}
