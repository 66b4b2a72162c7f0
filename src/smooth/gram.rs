//! The Gram form of the quadratic model: the state is the gradient itself, a sweep never touches X.

use std::ops::Range;

use crate::design::Design;
use crate::kernels;
use crate::linalg;
use crate::smooth::{HessianView, Quadratic};

/// `H = ν X_AᵀX_A` for a growing list A of columns.
#[derive(Debug, Clone, Default)]
pub struct GramCache {
    columns: Vec<usize>,
    values: Vec<f64>,
    stride: usize,
    /// X_A itself, column after column, where gathering is what makes the products fast.
    gathered: Vec<f64>,
}

impl GramCache {
    /// The columns A in the order in which they were added; local coordinate i is column `columns()[i]`.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The stored products.
    pub fn hessian(&self) -> HessianView<'_> {
        HessianView { values: &self.values, stride: self.stride }
    }

    /// Keeps the columns at these local positions, in this order.
    pub fn retain(&mut self, keep: &[usize], nrows: usize) {
        let stride = keep.len().next_multiple_of(8);
        let mut values = vec![0.0; stride * stride];
        for (to, &from) in values.chunks_exact_mut(stride).zip(keep) {
            let column = &self.values[from * self.stride..];
            for (v, &k) in to.iter_mut().zip(keep) {
                *v = column[k];
            }
        }
        if !self.gathered.is_empty() {
            let mut gathered = Vec::with_capacity(keep.len() * nrows);
            for &k in keep {
                gathered.extend_from_slice(&self.gathered[k * nrows..(k + 1) * nrows]);
            }
            self.gathered = gathered;
        }
        self.columns = keep.iter().map(|&k| self.columns[k]).collect();
        self.values = values;
        self.stride = stride;
    }

    /// Appends columns: |new| · |A| products of length n at matrix-multiplication speed.
    pub fn extend<D: Design + ?Sized>(&mut self, design: &D, new: &[usize], curvature: f64) {
        let (n, old, added) = (design.nrows(), self.columns.len(), new.len());
        if added == 0 {
            return;
        }
        let total = old + added;
        self.reserve(total);
        let mut cross = vec![0.0; old * added];
        let mut inner = vec![0.0; added * added];
        if design.column_cost() * 4.0 > n as f64 {
            self.gathered.resize(total * n, 0.0);
            for (&j, x) in new.iter().zip(self.gathered[old * n..].chunks_exact_mut(n)) {
                design.column(j, x);
            }
            let (before, fresh) = self.gathered.split_at(old * n);
            linalg::gram(fresh, n, added, &mut inner);
            if old > 0 {
                linalg::transpose_matmul(before, fresh, n, old, added, &mut cross);
            }
        } else {
            design.cross_gram(new, new, &mut inner);
            if old > 0 {
                design.cross_gram(&self.columns, new, &mut cross);
            }
        }
        for c in 0..added {
            let column = (old + c) * self.stride;
            for r in 0..old {
                let value = curvature * cross[c * old + r];
                self.values[column + r] = value;
                self.values[r * self.stride + old + c] = value;
            }
            for r in 0..added {
                self.values[column + old + r] = curvature * inner[c * added + r];
            }
        }
        self.columns.extend_from_slice(new);
    }

    fn reserve(&mut self, total: usize) {
        if total <= self.stride {
            return;
        }
        let stride = total.max(self.stride + self.stride / 2).next_multiple_of(8);
        let mut values = vec![0.0; stride * stride];
        let old = self.columns.len();
        for c in 0..old {
            values[c * stride..c * stride + old].copy_from_slice(&self.values[c * self.stride..c * self.stride + old]);
        }
        self.values = values;
        self.stride = stride;
    }
}

/// `m(w) = ½(w − w₀)ᵀH(w − w₀) + g₀ᵀ(w − w₀)` with the state `g = g₀ + H(w − w₀)`, both feature-major.
#[derive(Debug)]
pub struct GramModel<'a> {
    hessian: HessianView<'a>,
    ncols: usize,
    nresponses: usize,
    origin: Vec<f64>,
    gradient: Vec<f64>,
    energy: f64,
}

impl<'a> GramModel<'a> {
    /// The model around `origin` where the gradient is `gradient` and `‖∇F‖²/ν` is `energy`.
    pub fn new(hessian: HessianView<'a>, nresponses: usize, origin: Vec<f64>, gradient: Vec<f64>, energy: f64) -> Self {
        let ncols = origin.len() / nresponses;
        Self { hessian, ncols, nresponses, origin, gradient, energy }
    }

    /// The state at the origin.
    pub fn state(&self) -> Vec<f64> {
        self.gradient.clone()
    }

    fn column(&self, c: usize) -> &[f64] {
        &self.hessian.values[c * self.hessian.stride..c * self.hessian.stride + self.ncols]
    }
}

impl Quadratic for GramModel<'_> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        let q = self.nresponses;
        g.copy_from_slice(&state[cols.start * q..cols.end * q]);
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let q = self.nresponses;
        for (c, delta) in cols.zip(delta.chunks_exact(q)) {
            if q == 1 {
                if delta[0] != 0.0 {
                    kernels::axpy(delta[0], self.column(c), state);
                }
            } else if delta.iter().any(|&d| d != 0.0) {
                for (state, &h) in state.chunks_exact_mut(q).zip(self.column(c)) {
                    for (s, d) in state.iter_mut().zip(delta) {
                        *s += h * d;
                    }
                }
            }
        }
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let k = cols.len();
        for (i, c) in cols.clone().enumerate() {
            h[i * k..(i + 1) * k].copy_from_slice(&self.column(c)[cols.clone()]);
        }
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let twice: f64 = (w.iter().zip(&self.origin))
            .zip(state.iter().zip(&self.gradient))
            .map(|((w, o), (g, g0))| (w - o) * (g + g0))
            .sum();
        0.5 * twice
    }

    fn energy(&self, w: &[f64], state: &[f64]) -> f64 {
        (self.energy + 2.0 * self.value(w, state)).max(0.0)
    }

    fn hessian(&self) -> Option<HessianView<'_>> {
        Some(self.hessian)
    }
}
