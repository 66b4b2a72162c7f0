//! Products of sparse columns: their values where all of them are stored.

use std::borrow::Cow;
use std::sync::Arc;

use crate::design::{Csc, Design, LinearOperator, Terms, responses};
use crate::kernels;
use crate::parallel::for_each_chunk;

/// Terms of one task.
const CHUNK: usize = 1024;

#[derive(Debug, Clone)]
pub(super) struct SparseProducts<'a> {
    base: Cow<'a, Csc>,
    terms: Arc<Terms>,
    column_cost: f64,
}

impl<'a> SparseProducts<'a> {
    pub fn new(base: Cow<'a, Csc>, terms: Arc<Terms>) -> Self {
        // What independent columns would leave.
        let n = base.nrows() as f64;
        let shares: Vec<f64> = (0..base.ncols()).map(|j| base.entries(j).0.len() as f64 / n).collect();
        let cost = |k: usize| n * terms.factors(k).iter().map(|&j| shares[j as usize]).product::<f64>();
        let column_cost = (0..terms.len()).map(cost).sum::<f64>() / terms.len() as f64;
        Self { base, terms, column_cost }
    }

    pub fn nrows(&self) -> usize {
        self.base.nrows()
    }

    pub fn column_cost(&self) -> f64 {
        self.column_cost
    }

    pub fn select_rows(&self, rows: &[usize]) -> Option<SparseProducts<'static>> {
        Some(SparseProducts::new(Cow::Owned(self.base.select_rows(rows).ok()?), Arc::clone(&self.terms)))
    }

    /// The rows and values of a product.
    fn product(&self, factors: &[u32], rows: &mut Vec<u32>, values: &mut Vec<f64>) {
        rows.clear();
        values.clear();
        let [first, rest @ ..] = factors else { return };
        let (at, x) = self.base.entries(*first as usize);
        rows.extend_from_slice(at);
        values.extend_from_slice(x);
        for &j in rest {
            let (at, x) = self.base.entries(j as usize);
            let (mut kept, mut e) = (0, 0);
            for k in 0..rows.len() {
                while e < at.len() && at[e] < rows[k] {
                    e += 1;
                }
                if e < at.len() && at[e] == rows[k] {
                    (rows[kept], values[kept]) = (rows[k], values[k] * x[e]);
                    kept += 1;
                }
            }
            rows.truncate(kept);
            values.truncate(kept);
        }
    }

    fn entries(&self, col: usize) -> (Vec<u32>, Vec<f64>) {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        self.product(self.terms.factors(col), &mut rows, &mut values);
        (rows, values)
    }

    /// Some columns as a matrix of their own.
    pub fn columns(&self, cols: &[usize]) -> Csc {
        let (mut indptr, mut indices, mut all) = (vec![0], Vec::new(), Vec::new());
        for &j in cols {
            let (rows, values) = self.entries(j);
            indices.extend_from_slice(&rows);
            all.extend_from_slice(&values);
            indptr.push(all.len());
        }
        Csc::from_columns(self.nrows(), indptr, indices, all)
    }

    /// `f` on a matrix of the columns of both lists, and their places in it.
    pub fn with_columns(&self, left: &[usize], right: &[usize], f: impl FnOnce(&Csc, &[usize], &[usize])) {
        let same = left == right;
        let all: Vec<usize> = left.iter().chain(if same { &[][..] } else { right }).copied().collect();
        let places: Vec<usize> = (0..all.len()).collect();
        let (a, b) = places.split_at(left.len());
        if !left.is_empty() && !right.is_empty() {
            f(&self.columns(&all), a, if same { a } else { b });
        }
    }

    pub fn dot(&self, col: usize, r: &[f64], out: &mut [f64]) {
        let (rows, values) = self.entries(col);
        for (out, r) in out.iter_mut().zip(r.chunks_exact(self.nrows())) {
            *out = kernels::sparse_dot(&rows, &values, r);
        }
    }

    pub fn axpy(&self, col: usize, delta: &[f64], eta: &mut [f64]) {
        let (rows, values) = self.entries(col);
        for (&delta, eta) in delta.iter().zip(eta.chunks_exact_mut(self.nrows())).filter(|(d, _)| **d != 0.0) {
            kernels::sparse_axpy(delta, &rows, &values, eta);
        }
    }

    pub fn column(&self, col: usize, out: &mut [f64]) {
        let (rows, values) = self.entries(col);
        out.fill(0.0);
        rows.iter().zip(&values).for_each(|(&i, v)| out[i as usize] = *v);
    }

    /// Calls `f(k, z, last)` for terms `from..to`, z being the product of all factors but the last.
    fn each(&self, terms: std::ops::Range<usize>, mut f: impl FnMut(usize, Option<(&[u32], &[f64])>, usize)) {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let mut open: &[u32] = &[];
        for k in terms {
            let [head @ .., last] = self.terms.factors(k) else { continue };
            if head != open {
                self.product(head, &mut rows, &mut values);
                open = head;
            }
            f(k, (!head.is_empty()).then_some((&rows, &values)), *last as usize);
        }
    }

    pub fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let n = self.nrows();
        let q = responses(r, n);
        let bytes = 8 * self.terms.len() * self.base.column_cost() as usize * q;
        for_each_chunk(out, CHUNK * q.max(1), bytes, |chunk, out| {
            let (mut at, mut scattered) = (Vec::new(), vec![0.0; n * q]);
            let first = chunk * CHUNK;
            let mut head: Vec<u32> = Vec::new();
            self.each(first..first + out.len() / q, |k, z, last| {
                let out = &mut out[(k - first) * q..(k - first + 1) * q];
                let (rows, values) = self.base.entries(last);
                let Some((z_rows, z)) = z else {
                    for (out, r) in out.iter_mut().zip(r.chunks_exact(n)) {
                        *out = kernels::sparse_dot(rows, values, r);
                    }
                    return;
                };
                let factors = self.terms.factors(k);
                if head != factors[..factors.len() - 1] {
                    head.clear();
                    head.extend_from_slice(&factors[..factors.len() - 1]);
                    for s in scattered.chunks_exact_mut(n) {
                        at.iter().for_each(|&i: &u32| s[i as usize] = 0.0);
                    }
                    at.clear();
                    at.extend_from_slice(z_rows);
                    for (s, r) in scattered.chunks_exact_mut(n).zip(r.chunks_exact(n)) {
                        z_rows.iter().zip(z).for_each(|(&i, z)| s[i as usize] = z * r[i as usize]);
                    }
                }
                for (out, s) in out.iter_mut().zip(scattered.chunks_exact(n)) {
                    *out = kernels::sparse_dot(rows, values, s);
                }
            });
        });
    }

    /// `Σ_i s_i x_ik` and `Σ_i s_i x_ik²` for all terms k.
    pub fn first_and_second(&self, weights: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
        let mut out = vec![(0.0, 0.0); self.terms.len()];
        let bytes = 16 * self.terms.len() * self.base.column_cost() as usize;
        for_each_chunk(&mut out, CHUNK, bytes, |chunk, out| {
            for ((sum, squares), k) in out.iter_mut().zip(chunk * CHUNK..) {
                let (rows, values) = self.entries(k);
                for (&i, x) in rows.iter().zip(&values) {
                    let s = weights.map_or(1.0, |s| s[i as usize]);
                    *sum += s * x;
                    *squares += s * x * x;
                }
            }
        });
        out.into_iter().unzip()
    }
}
