//! A penalty of one's own: ℓ1 that charges positive and negative coefficients differently. Four methods are all it takes.
mod support;
use sparsereg::{partition::Partition, penalty::BlockPenalty, prelude::*};
use support::{Outcome, check, read_numbers};

#[derive(Clone)]
struct AsymmetricL1(Partition, [f64; 2]); // weights of positive and of negative coefficients
impl BlockPenalty for AsymmetricL1 {
    fn partition(&self) -> &Partition {
        &self.0
    }
    fn value_block(&self, _b: usize, lambda: f64, w: &[f64]) -> f64 {
        lambda
            * w.iter()
                .map(|&w| {
                    if w > 0.0 {
                        self.1[0] * w
                    } else {
                        -self.1[1] * w
                    }
                })
                .sum::<f64>()
    }
    fn prox_block(&self, _b: usize, lambda: f64, step: f64, v: &mut [f64]) {
        let t = lambda * step;
        v.iter_mut()
            .for_each(|v| *v = (*v - t * self.1[0]).max(0.0) + (*v + t * self.1[1]).min(0.0));
    }
    fn critical_lambda_block(&self, _b: usize, g: &[f64]) -> f64 {
        g.iter()
            .map(|&g| {
                if g < 0.0 {
                    -g / self.1[0]
                } else {
                    g / self.1[1]
                }
            })
            .fold(0.0, f64::max)
    }
}

fn main() -> Outcome {
    let (names, data) = read_numbers("diabetes.csv", 0)?;
    let (x, y) = data.view().split_at(ndarray::Axis(1), 10);
    let fit = |weights| {
        let penalty = AsymmetricL1(Partition::singletons(10), weights);
        Penalized::new(1.0, penalty)
            .standardize(true)
            .feature_names(names[..10].to_vec())
            .fit(&x, &y)
    };
    let (even, uneven) = (fit([1.0, 1.0])?, fit([1.0, 10.0])?);
    let lasso = Lasso::new(1.0).standardize(true).fit(&x, &y.column(0))?;
    println!("negative coefficients cost ten times as much as positive ones:\n{uneven}");
    let off = (&even.coefficients().column(0) - &lasso.coefficients())
        .fold(0.0f64, |m, d| m.max(d.abs()));
    check(
        off < 1e-2,
        format!("equal weights: the lasso (difference {off:.0e})"),
    )?;
    let negative = |m: &MultiTaskModel| m.coefficients().iter().filter(|&&w| w < 0.0).count();
    check(
        negative(&uneven) < negative(&even),
        "fewer negative coefficients than with equal weights",
    )?;
    check(
        uneven.certificate().relative_gap() <= 1e-6,
        "certified to 1e-6, with no dual or KKT code of our own",
    )
}
