//! A loss of one's own, expectiles (squares that cost more on one side): five methods are all it takes.
mod support;
use sparsereg::{estimator::family::Pointwise, loss::PointwiseLoss, prelude::*};

#[derive(Clone, Debug)]
struct Expectile(f64);
fn price(tau: f64, r: f64) -> f64 {
    if r >= 0.0 { tau } else { 1.0 - tau }
}

impl PointwiseLoss for Expectile {
    fn value(&self, y: f64, eta: f64) -> f64 {
        price(self.0, y - eta) * (y - eta).powi(2)
    }
    fn slope(&self, y: f64, eta: f64) -> f64 {
        2.0 * price(self.0, y - eta) * (eta - y)
    }
    fn curvature(&self, y: f64, eta: f64) -> f64 {
        2.0 * price(self.0, y - eta)
    }
    fn conjugate(&self, y: f64, u: f64) -> f64 {
        u * y + u * u / (4.0 * price(self.0, -u))
    }
    fn smoothness(&self, _: f64) -> f64 {
        2.0 * self.0.max(1.0 - self.0)
    }
}

fn main() -> support::Outcome {
    let (_, data) = support::read_numbers("diabetes.csv", 0)?;
    let (x, y) = (data.slice(ndarray::s![.., ..10]), data.column(10));
    let fit = |tau| Lasso::new(1.0).standardize(true).loss(Pointwise(Expectile(tau))).fit(&x, &y);
    let (low, high) = (fit(0.1)?, fit(0.9)?);
    println!("{high}");
    let below = |eta: ndarray::Array1<f64>| eta.iter().zip(y).filter(|(eta, y)| y < eta).count();
    let (few, many) = (below(low.predict(&x)?), below(high.predict(&x)?));
    let proven = low.certificate().relative_gap().max(high.certificate().relative_gap()) <= 1e-6;
    support::check(few < 110 && many > 330 && proven, format!("{few} of 442 below the low one, {many} below the high"))
}
