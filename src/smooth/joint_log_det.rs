//! `Σ_k ω_k (−log det Θ⁽ᵏ⁾ + ⟨S⁽ᵏ⁾, Θ⁽ᵏ⁾⟩)`: the Gaussian log-likelihoods of several classes, and their quadratic model.
//!
//! An entry (i, j) of the p×p matrices is a column, its values in the K classes are the responses: what penalties see as one
//! block lies together.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::smooth::{LogDet, LogDetModel, LogDetPoint, Quadratic, Smooth};

/// `f(Θ⁽¹⁾ … Θ⁽ᴷ⁾) = Σ_k ω_k (−log det Θ⁽ᵏ⁾ + ⟨S⁽ᵏ⁾, Θ⁽ᵏ⁾⟩)`, ∞ unless all are positive definite.
///
/// ```
/// use sparsereg::smooth::{JointLogDet, Smooth};
/// let f = JointLogDet::new(1, vec![vec![2.0], vec![3.0]], vec![1.0, 0.5])?;
/// assert_eq!(f.value(&f.point(&[1.0, 1.0])), 2.0 + 0.5 * 3.0);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JointLogDet {
    size: usize,
    classes: Vec<LogDet>,
    weights: Vec<f64>,
}

/// Θ⁽ᵏ⁾ of all classes with inverses and log determinants.
#[derive(Debug, Clone)]
pub struct JointLogDetPoint {
    classes: Vec<LogDetPoint>,
}

impl JointLogDetPoint {
    /// One point per class.
    pub(crate) fn classes(&self) -> &[LogDetPoint] {
        &self.classes
    }

    /// Fills in the inverses.
    pub(crate) fn invert(&mut self) {
        self.classes.iter_mut().for_each(LogDetPoint::invert);
    }
}

/// The values of class k out of all.
pub(crate) fn class(values: &[f64], k: usize, classes: usize) -> Vec<f64> {
    values.iter().skip(k).step_by(classes).copied().collect()
}

impl JointLogDet {
    /// The term for one symmetric p×p matrix S⁽ᵏ⁾ (p² values) and one weight ω_k > 0 per class.
    ///
    /// # Errors
    /// No class, a wrong length, NaN or infinity, a weight that is not positive.
    pub fn new(size: usize, covariances: Vec<Vec<f64>>, weights: Vec<f64>) -> Result<Self> {
        if covariances.is_empty() {
            return Err(Error::Empty { argument: "covariances" });
        }
        crate::error::check_length("class_weights", covariances.len(), weights.len())?;
        if let Some(k) = weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
            let expected = "a finite number > 0";
            return Err(Error::OutOfRange { argument: "class_weights", index: vec![k], value: weights[k], expected });
        }
        let classes = covariances.into_iter().map(|s| LogDet::new(size, s)).collect::<Result<_>>()?;
        Ok(Self { size, classes, weights })
    }

    /// p.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The terms of the classes, without their weights.
    pub(crate) fn terms(&self) -> &[LogDet] {
        &self.classes
    }

    /// ω.
    pub(crate) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Values and factors, without inverses; stops at a class that is not positive definite.
    pub(crate) fn factor(&self, w: &[f64]) -> JointLogDetPoint {
        let count = self.classes.len();
        let mut classes = Vec::with_capacity(count);
        for (k, term) in self.classes.iter().enumerate() {
            let point = term.factor(class(w, k, count));
            let inside = term.value(&point).is_finite();
            classes.push(point);
            if !inside {
                break;
            }
        }
        JointLogDetPoint { classes }
    }
}

impl Smooth for JointLogDet {
    type Point = JointLogDetPoint;
    /// The gradient.
    type Dual = Vec<f64>;

    fn ncols(&self) -> usize {
        self.size * self.size
    }

    fn nresponses(&self) -> usize {
        self.classes.len()
    }

    fn origin(&self) -> Vec<f64> {
        let count = self.classes.len();
        let mut w = vec![0.0; self.size * self.size * count];
        for (k, term) in self.classes.iter().enumerate() {
            w.iter_mut().skip(k).step_by(count).zip(term.origin()).for_each(|(w, t)| *w = t);
        }
        w
    }

    fn point(&self, w: &[f64]) -> JointLogDetPoint {
        let mut point = self.factor(w);
        point.invert();
        point
    }

    fn value(&self, at: &JointLogDetPoint) -> f64 {
        // A point that is not whole has been left at the class outside the domain.
        at.classes.iter().zip(&self.classes).zip(&self.weights).map(|((at, f), w)| w * f.value(at)).sum()
    }

    fn gradient(&self, at: &JointLogDetPoint, g: &mut [f64]) {
        let count = self.classes.len();
        for (k, ((term, at), weight)) in self.classes.iter().zip(&at.classes).zip(&self.weights).enumerate() {
            let both = term.covariance().iter().zip(at.inverse());
            g.iter_mut().skip(k).step_by(count).zip(both).for_each(|(g, (s, w))| *g = weight * (s - w));
        }
    }

    fn dual(&self, at: &JointLogDetPoint, free: &[usize], g: &mut [f64]) -> Vec<f64> {
        self.gradient(at, g);
        let count = self.classes.len();
        for &e in free {
            g[e * count..(e + 1) * count].fill(0.0);
        }
        g.to_vec()
    }

    fn dual_at(&self, g: &[f64]) -> Option<Vec<f64>> {
        Some(g.to_vec())
    }

    /// The sum over the classes, each at `W⁽ᵏ⁾ = S⁽ᵏ⁾ − scale·g⁽ᵏ⁾/ω_k`.
    fn fenchel_young(&self, at: &JointLogDetPoint, dual: &Vec<f64>, scale: f64) -> f64 {
        let count = self.classes.len();
        let terms = self.classes.iter().zip(&at.classes).zip(&self.weights).enumerate();
        terms.map(|(k, ((f, at), w))| w * f.fenchel_young(at, &class(dual, k, count), scale / w)).sum()
    }

    fn rounding(&self, at: &JointLogDetPoint) -> f64 {
        self.classes.iter().zip(&at.classes).zip(&self.weights).map(|((f, at), w)| w * f.rounding(at)).sum()
    }
}

/// The second-order model of the term along some entries: that of every class, whose values of an entry are K columns. The state is
/// the states of the classes, one after the other.
#[derive(Debug)]
pub(crate) struct JointLogDetModel<'a> {
    classes: Vec<LogDetModel<'a>>,
    weights: &'a [f64],
    /// Length of the state of a class.
    length: usize,
}

impl<'a> JointLogDetModel<'a> {
    /// The models of the classes, without their weights ω.
    pub(crate) fn new(classes: Vec<LogDetModel<'a>>, weights: &'a [f64]) -> Self {
        let length = classes.first().map_or(0, |c| c.state().len());
        Self { classes, weights, length }
    }

    /// The state at the origin.
    pub(crate) fn state(&self) -> Vec<f64> {
        self.classes.iter().flat_map(LogDetModel::state).collect()
    }

    /// The second derivatives of entry e, one per class (between classes there are none).
    pub(crate) fn curvatures(&self, e: usize, h: &mut [f64]) {
        for ((h, class), weight) in h.iter_mut().zip(&self.classes).zip(self.weights) {
            class.block_hessian(e..e + 1, std::slice::from_mut(h));
            *h *= weight;
        }
    }

    /// The second derivative of class k by the entries e and f.
    #[inline]
    pub(crate) fn hessian(&self, k: usize, e: usize, f: usize) -> f64 {
        self.weights[k] * self.classes[k].hessian(e, f)
    }

    fn entries(&self, cols: Range<usize>) -> Range<usize> {
        cols.start / self.classes.len()..cols.end / self.classes.len()
    }
}

impl Quadratic for JointLogDetModel<'_> {
    fn prepare(&self, state: &mut [f64], cols: Range<usize>) {
        let entries = self.entries(cols);
        for (class, state) in self.classes.iter().zip(state.chunks_exact_mut(self.length)) {
            class.prepare(state, entries.clone());
        }
    }

    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        let count = self.classes.len();
        for (e, g) in self.entries(cols).zip(g.chunks_exact_mut(count)) {
            let classes = self.classes.iter().zip(self.weights).zip(state.chunks_exact(self.length));
            for (g, ((class, weight), state)) in g.iter_mut().zip(classes) {
                class.block_gradient(state, e..e + 1, std::slice::from_mut(g));
                *g *= weight;
            }
        }
    }

    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let count = self.classes.len();
        for (e, delta) in self.entries(cols).zip(delta.chunks_exact(count)) {
            let classes = self.classes.iter().zip(state.chunks_exact_mut(self.length));
            for (delta, (class, state)) in delta.iter().zip(classes).filter(|(delta, _)| **delta != 0.0) {
                class.shift(state, e..e + 1, std::slice::from_ref(delta));
            }
        }
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let (count, size) = (self.classes.len(), cols.len());
        h.fill(0.0);
        for (k, (class, weight)) in self.classes.iter().zip(self.weights).enumerate() {
            let entries = self.entries(cols.clone());
            let mut own = vec![0.0; entries.len() * entries.len()];
            class.block_hessian(entries.clone(), &mut own);
            for a in 0..entries.len() {
                for b in 0..entries.len() {
                    h[(a * count + k) * size + b * count + k] = weight * own[a * entries.len() + b];
                }
            }
        }
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let count = self.classes.len();
        let classes = self.classes.iter().zip(self.weights).zip(state.chunks_exact(self.length)).enumerate();
        classes.map(|(k, ((c, weight), state))| weight * c.value(&class(w, k, count), state)).sum()
    }

    /// Not known, as for one class.
    fn energy(&self, _w: &[f64], _state: &[f64]) -> f64 {
        f64::INFINITY
    }
}
