//! The second-order finish where no Hessian is stored: Newton steps on the support by conjugate gradients (Hestenes and
//! Stiefel 1952), preconditioned by the diagonal. A product costs what a sweep does, and an ill-conditioned support takes
//! the square root of the sweeps.

use std::time::Instant;

use crate::penalty::BlockPenalty;
use crate::smooth::Quadratic;
use crate::solver::descent::Descent;
use crate::solver::newton::{Step, Support, search};

/// Most products for one step.
const PRODUCTS: usize = 80;
/// They end when the residual has lost this share.
const REDUCTION: f64 = 1e-4;

/// When to try a step: after sweeps that have not sufficed, and more of them after each that was cut short.
pub(super) struct Schedule {
    enabled: bool,
    next: usize,
    wait: usize,
}

impl Schedule {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, next: 20, wait: 5 }
    }

    pub(super) fn due(&self, sweeps: usize) -> bool {
        self.enabled && sweeps >= self.next
    }

    pub(super) fn report(&mut self, sweeps: usize, step: Step) {
        self.wait = if step == Step::Full { 5 } else { (2 * self.wait).min(320) };
        self.next = sweeps + self.wait;
    }
}

/// A step on the support, taken as far as the objective falls, and the products it took. For a model whose gradient is
/// linear in its state, over single coordinates.
pub(super) fn step<M: Quadratic, P: BlockPenalty + ?Sized>(
    inner: &Descent<'_, M, P>,
    w: &mut [f64],
    state: &mut [f64],
    deadline: Option<Instant>,
) -> (Step, usize) {
    let Some(support) = Support::new(inner, w, state) else { return (Step::Rejected, 1) };
    let m = support.columns.len();
    let diagonal = support.diagonal(inner);
    if diagonal.iter().any(|(total, _)| total.is_nan() || *total <= 0.0) {
        return (Step::Rejected, 1);
    }
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let precondition = |r: &[f64]| -> Vec<f64> { r.iter().zip(&diagonal).map(|(r, (d, _))| r / d).collect() };
    let mut direction = vec![0.0; m];
    let mut residual = support.slope.clone();
    let mut z = precondition(&residual);
    let mut p = z.clone();
    let mut rho = dot(&residual, &z);
    let target = REDUCTION * REDUCTION * rho;
    let mut product = vec![0.0; m];
    let mut made = 0;
    while made < PRODUCTS && rho > target && deadline.is_none_or(|d| Instant::now() < d) {
        made += 1;
        let mut change = vec![0.0; state.len()];
        inner.model.shift_all(&mut change, &support.columns, &p);
        inner.model.strip_gradient(&change, &support.columns, &mut product);
        product.iter_mut().zip(&p).zip(&diagonal).for_each(|((v, p), (_, own))| *v += own * p);
        let curvature = dot(&p, &product);
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = rho / curvature;
        direction.iter_mut().zip(&p).for_each(|(d, p)| *d += length * p);
        residual.iter_mut().zip(&product).for_each(|(r, v)| *r -= length * v);
        z = precondition(&residual);
        let next = dot(&residual, &z);
        p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + next / rho * *p);
        rho = next;
    }
    if direction.iter().any(|d| !d.is_finite()) {
        return (Step::Rejected, made.max(1));
    }
    (search(inner, w, state, &support, &direction), made.max(1))
}
