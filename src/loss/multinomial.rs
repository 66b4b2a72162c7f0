//! Multinomial loss: `F(η) = 1/n Σ_i s_i (log Σ_k e^{η_ik} − η_{i,c_i})`, a class out of K for each observation.

use crate::error::{Error, Result, check_length};
use crate::loss::{Hessian, Loss, divergence_from, forgive};

/// `F(η) = 1/n Σ_i s_i (log Σ_k e^{η_ik + o_ik} − η_{i,c_i} − o_{i,c_i})`, with one prediction for each of the K classes:
/// the symmetric softmax, as in glmnet (Friedman, Hastie and Tibshirani 2010). Adding a number to all K predictions of an
/// observation changes nothing; the penalty chooses among them.
///
/// With the probabilities p_i the gradient is `s_i/n (p_i − e_{c_i})`, the Hessian `s_i/n (diag(p_i) − p_i p_iᵀ)`, and
/// `F*(u) = Σ_i s_i/n Σ_k v_ik log v_ik` with the dual probabilities `v_i = n/s_i u_i + e_{c_i}`, which have to be ≥ 0 and
/// sum to 1 (else ∞). Of the sum, rounding is forgiven: the share of the observed class is then what the others leave.
///
/// ```
/// use sparsereg::loss::{Loss, Multinomial};
/// let loss = Multinomial::new(vec![0, 2], 3, 2)?;
/// assert_eq!(loss.len(), 6); // η: two observations of class 0, of class 1, of class 2
/// assert!((loss.value(&[0.0; 6]) - 3f64.ln()).abs() < 1e-15);
/// assert_eq!(loss.value(&[1e4, 0.0, 0.0, 0.0, 0.0, 1e4]), 0.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Multinomial {
    classes: Vec<usize>,
    nclasses: usize,
    /// s_i / n.
    share: Vec<f64>,
    offset: Option<Vec<f64>>,
}

impl Multinomial {
    /// The class of each of the `nrows` observations, in `0..nclasses`.
    ///
    /// # Errors
    /// If there is not one for each observation, or one is too large.
    pub fn new(classes: Vec<usize>, nclasses: usize, nrows: usize) -> Result<Self> {
        check_length("classes", nrows, classes.len())?;
        if let Some(position) = classes.iter().position(|&c| c >= nclasses) {
            return Err(Error::Index { argument: "classes", position, index: classes[position], len: nclasses });
        }
        Ok(Self { classes, nclasses, share: vec![1.0 / nrows as f64; nrows], offset: None })
    }

    /// Weights s_i ≥ 0, one per observation, taken as they are.
    ///
    /// # Panics
    /// If there is not one for each observation.
    pub fn with_weights(mut self, weights: &[f64]) -> Self {
        let n = self.classes.len();
        assert!(weights.len() == n, "{} weights for {n} observations", weights.len());
        self.share = weights.iter().map(|s| s / n as f64).collect();
        self
    }

    /// Offsets o, task-major as η: known parts of the prediction.
    ///
    /// # Panics
    /// If there is not one for each observation and class.
    pub fn with_offset(mut self, offset: Vec<f64>) -> Self {
        assert!(offset.len() == self.len(), "{} offsets for {} predictions", offset.len(), self.len());
        self.offset = Some(offset);
        self
    }

    /// The class of each observation.
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// K.
    pub fn nclasses(&self) -> usize {
        self.nclasses
    }

    /// Runs over the observations with a weight: (i, s_i/n, c_i, softmax of observation i).
    fn each(&self, eta: &[f64], mut visit: impl FnMut(usize, f64, usize, &Softmax)) {
        let n = self.classes.len();
        let mut row = Softmax { eta: vec![0.0; self.nclasses], power: vec![0.0; self.nclasses], sum: 0.0, largest: 0 };
        for (i, (&c, &share)) in self.classes.iter().zip(&self.share).enumerate() {
            if share == 0.0 {
                continue;
            }
            for (k, e) in row.eta.iter_mut().enumerate() {
                *e = eta[k * n + i] + self.offset.as_ref().map_or(0.0, |o| o[k * n + i]);
            }
            row.update();
            visit(i, share, c, &row);
        }
    }
}

/// The predictions of one observation and what becomes of them, relative to the largest.
struct Softmax {
    eta: Vec<f64>,
    /// `e^{η_k − max η}`.
    power: Vec<f64>,
    sum: f64,
    largest: usize,
}

impl Softmax {
    fn update(&mut self) {
        self.largest = (1..self.eta.len()).fold(0, |best, k| if self.eta[k] > self.eta[best] { k } else { best });
        let top = self.eta[self.largest];
        self.power.iter_mut().zip(&self.eta).for_each(|(p, e)| *p = (e - top).exp());
        self.sum = self.power.iter().sum();
    }

    fn p(&self, k: usize) -> f64 {
        self.power[k] / self.sum
    }

    /// `−log p_k`, to relative accuracy where p_k is nearly 1.
    fn surprise(&self, k: usize) -> f64 {
        let others = self.power.iter().enumerate().filter(|&(j, _)| j != self.largest);
        self.eta[self.largest] - self.eta[k] + others.map(|(_, p)| p).sum::<f64>().ln_1p()
    }

    /// `1 − p_k`, to relative accuracy, too.
    fn rest(&self, k: usize) -> f64 {
        self.power.iter().enumerate().filter(|&(j, _)| j != k).map(|(_, p)| p).sum::<f64>() / self.sum
    }
}

impl Loss for Multinomial {
    fn len(&self) -> usize {
        self.classes.len() * self.nclasses
    }

    fn nrows(&self) -> usize {
        self.classes.len()
    }

    fn value(&self, eta: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.each(eta, |_, share, c, row| sum += share * row.surprise(c));
        sum
    }

    fn gradient(&self, eta: &[f64], u: &mut [f64]) {
        let n = self.classes.len();
        u.fill(0.0);
        self.each(eta, |i, share, c, row| {
            for k in 0..self.nclasses {
                u[k * n + i] = if k == c { -share * row.rest(k) } else { share * row.p(k) };
            }
        });
    }

    fn fenchel_young(&self, eta: &[f64], u: &[f64]) -> f64 {
        let n = self.classes.len();
        let absent = |i: usize| self.share[i] == 0.0 && (0..self.nclasses).any(|k| u[k * n + i] != 0.0);
        if (0..n).any(absent) {
            return f64::INFINITY;
        }
        let slack = 8.0 * self.nclasses as f64 * f64::EPSILON;
        let mut total = 0.0;
        self.each(eta, |i, share, c, row| {
            let (mut others, mut sum) = (0.0, 0.0);
            for k in (0..self.nclasses).filter(|&k| k != c) {
                let v = forgive(u[k * n + i] / share, 1.0);
                others += v;
                sum += divergence_from(v, row.p(k), || -row.surprise(k));
            }
            let deviation = others + u[c * n + i] / share;
            let v = forgive(1.0 - others, self.nclasses as f64);
            sum += divergence_from(v, row.p(c), || -row.surprise(c));
            total += if deviation.abs() <= slack { share * sum } else { f64::INFINITY };
        });
        total
    }

    /// The eigenvalues of `diag(p) − ppᵀ` are at most 1/2.
    fn smoothness(&self) -> f64 {
        0.5 * self.share.iter().fold(0.0, |m: f64, s| m.max(*s))
    }

    fn hessian(&self, eta: &[f64]) -> Hessian<'_> {
        let (n, q) = (self.classes.len(), self.nclasses);
        let mut h = vec![0.0; q * q * n];
        self.each(eta, |i, share, _, row| {
            for s in 0..q {
                for t in 0..q {
                    let p = share * row.p(s);
                    h[(s * q + t) * n + i] = if s == t { p * row.rest(s) } else { -p * row.p(t) };
                }
            }
        });
        Hessian::PerRow(h)
    }
}
