//! The Gram form of the quadratic model: the state is the gradient itself, a sweep never touches X.

use std::ops::Range;

use crate::design::{Design, with_scratch};
use crate::kernels;
use crate::linalg::{self, GRAM_PIECES, GRAM_ROWS};
use crate::parallel;
use crate::smooth::{HessianView, Quadratic};

/// Rows from which products are formed piece by piece instead of from a copy of whole columns that is kept.
const TALL: usize = 4 * GRAM_ROWS;
/// Values of a piece: a megabyte.
const CACHED: usize = 1 << 17;

/// `H = ν X_AᵀX_A` for a growing list A of columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct GramCache {
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
        // Columns of different parts have products that nobody should form.
        let dense = design.column_cost() * 4.0 > n as f64 && design.parts().is_none();
        let in_pieces =
            if dense && n >= TALL && design.reads_columns() { self.products_in_pieces(design, new) } else { None };
        let (inner, cross) = in_pieces.unwrap_or_else(|| self.products_at_once(design, new, dense));
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

    /// The products of the new columns with each other and with the old ones.
    fn products_at_once<D: Design + ?Sized>(&mut self, design: &D, new: &[usize], dense: bool) -> (Vec<f64>, Vec<f64>) {
        let (n, old, added) = (design.nrows(), self.columns.len(), new.len());
        let (mut inner, mut cross) = (vec![0.0; added * added], vec![0.0; old * added]);
        if dense {
            // All of them, if the storage could be cut before and cannot now.
            let known = self.gathered.len() / n;
            self.gathered.resize((old + added) * n, 0.0);
            let missing = self.columns.iter().chain(new).skip(known);
            for (&j, x) in missing.zip(self.gathered[known * n..].chunks_exact_mut(n)) {
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
        (inner, cross)
    }

    /// [`products_at_once`](Self::products_at_once), rows by rows: a copy of so many rows stays in
    /// the cache, one of whole columns would cost more than the products. `None` if the storage cannot be cut.
    fn products_in_pieces<D: Design + ?Sized>(&self, design: &D, new: &[usize]) -> Option<(Vec<f64>, Vec<f64>)> {
        let (n, old, added) = (design.nrows(), self.columns.len(), new.len());
        let columns: Vec<usize> = self.columns.iter().chain(new).copied().collect();
        let rows = (CACHED / columns.len()).next_multiple_of(64).clamp(128, GRAM_ROWS);
        // Together the sums take no more than a quarter of the columns, and their number depends on the shape alone.
        let count = (n / (4 * columns.len())).clamp(1, GRAM_PIECES);
        let height = n.div_ceil(count).next_multiple_of(rows);
        let pieces = parallel::map_indexed(n.div_ceil(height), n * columns.len() * size_of::<f64>(), |piece| {
            let (mut inner, mut cross) = (vec![0.0; added * added], vec![0.0; old * added]);
            let mut block = vec![0.0; rows * columns.len()];
            let end = ((piece + 1) * height).min(n);
            for from in (piece * height..end).step_by(rows) {
                let m = rows.min(end - from);
                let block = &mut block[..m * columns.len()];
                if !design.copy_block(from..from + m, &columns, block) {
                    return None;
                }
                let (before, fresh) = block.split_at(old * m);
                linalg::add_gram(fresh, m, m, added, &mut inner);
                if old > 0 {
                    linalg::add_transpose_matmul(before, fresh, m, old, added, &mut cross);
                }
            }
            Some((inner, cross))
        });
        let mut pieces = pieces.into_iter();
        let (mut inner, mut cross) = pieces.next()??;
        for piece in pieces {
            let (more_inner, more_cross) = piece?;
            inner.iter_mut().zip(&more_inner).for_each(|(o, v)| *o += v);
            cross.iter_mut().zip(&more_cross).for_each(|(o, v)| *o += v);
        }
        linalg::mirror(&mut inner, added);
        Some((inner, cross))
    }

    fn reserve(&mut self, total: usize) {
        if total <= self.stride {
            return;
        }
        let stride = total.max(self.stride + self.stride / 4).next_multiple_of(8);
        let mut values = vec![0.0; stride * stride];
        let old = self.columns.len();
        for c in 0..old {
            values[c * stride..c * stride + old].copy_from_slice(&self.values[c * self.stride..c * self.stride + old]);
        }
        self.values = values;
        self.stride = stride;
    }
}

/// `m(w) = ½(w − w₀)ᵀH(w − w₀) + g₀ᵀ(w − w₀)` with the state `g = g₀ + H(w − w₀)`, both feature-major. With several
/// responses the rows of the state are padded with zeros to whole vectors: every update adds a multiple of one short row
/// to all of them.
#[derive(Debug)]
pub(crate) struct GramModel<'a> {
    hessian: HessianView<'a>,
    ncols: usize,
    nresponses: usize,
    /// Length of a row of the state.
    width: usize,
    origin: Vec<f64>,
    gradient: Vec<f64>,
    energy: f64,
}

impl<'a> GramModel<'a> {
    /// The model around `origin` where the gradient is `gradient` and `‖∇F‖²/ν` is `energy`.
    pub fn new(hessian: HessianView<'a>, nresponses: usize, origin: Vec<f64>, gradient: Vec<f64>, energy: f64) -> Self {
        let ncols = origin.len() / nresponses;
        let width = if nresponses == 1 { 1 } else { nresponses.next_multiple_of(kernels::ROW_MULTIPLE) };
        let mut model = Self { hessian, ncols, nresponses, width, origin, gradient, energy };
        if width > nresponses {
            let mut padded = vec![0.0; ncols * width];
            for (row, g) in padded.chunks_exact_mut(width).zip(model.gradient.chunks_exact(nresponses)) {
                row[..nresponses].copy_from_slice(g);
            }
            model.gradient = padded;
        }
        model
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
        let (q, width) = (self.nresponses, self.width);
        if q == width {
            g.copy_from_slice(&state[cols.start * q..cols.end * q]);
            return;
        }
        for (g, row) in g.chunks_exact_mut(q).zip(state[cols.start * width..cols.end * width].chunks_exact(width)) {
            g.copy_from_slice(&row[..q]);
        }
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let (q, width) = (self.nresponses, self.width);
        for (c, delta) in cols.zip(delta.chunks_exact(q)) {
            if q == 1 {
                if delta[0] != 0.0 {
                    kernels::axpy(delta[0], self.column(c), state);
                }
            } else if delta.iter().any(|&d| d != 0.0) {
                if q == width {
                    kernels::rank_one(self.column(c), delta, state);
                } else {
                    with_scratch(width, |row| {
                        row[..q].copy_from_slice(delta);
                        kernels::rank_one(self.column(c), row, state);
                    });
                }
            }
        }
    }

    fn shift_all(&self, state: &mut [f64], cols: &[usize], delta: &[f64]) {
        let n = state.len();
        kernels::axpy_lines(cols.len(), n, |k| self.column(cols[k]), |k, _| delta[k], state);
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let k = cols.len();
        for (i, c) in cols.clone().enumerate() {
            h[i * k..(i + 1) * k].copy_from_slice(&self.column(c)[cols.clone()]);
        }
    }

    fn value(&self, w: &[f64], state: &[f64]) -> f64 {
        let (q, width) = (self.nresponses, self.width);
        // Rows of full width are one long row.
        let (q, width) = if q == width { (w.len(), w.len()) } else { (q, width) };
        let rows = w.chunks_exact(q.max(1)).zip(self.origin.chunks_exact(q.max(1)));
        let slopes = state.chunks_exact(width.max(1)).zip(self.gradient.chunks_exact(width.max(1)));
        let twice: f64 =
            rows.zip(slopes).map(|((w, o), (g, g0))| kernels::dot_of_differences(w, o, &g[..q], &g0[..q])).sum();
        0.5 * twice
    }

    fn energy(&self, w: &[f64], state: &[f64]) -> f64 {
        (self.energy + 2.0 * self.value(w, state)).max(0.0)
    }

    fn hessian(&self) -> Option<HessianView<'_>> {
        Some(self.hessian)
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn state_and_value_follow_the_coefficients_for_any_number_of_responses() {
        let (columns, stride) = (3, 8);
        let mut values = vec![0.0; stride * columns];
        for (c, h) in [[4.0, 1.0, 0.5], [1.0, 3.0, -0.25], [0.5, -0.25, 2.0]].iter().enumerate() {
            values[c * stride..c * stride + columns].copy_from_slice(h);
        }
        let h = |i: usize, j: usize| values[j * stride + i];
        for q in [1, 2, 3, 4, 5, 8, 20, 33, 37] {
            let origin: Vec<f64> = (0..columns * q).map(|i| (i % 5) as f64).collect();
            let gradient: Vec<f64> = (0..columns * q).map(|i| 0.5 - (i % 3) as f64).collect();
            let view = HessianView { values: &values, stride };
            let model = GramModel::new(view, q, origin.clone(), gradient.clone(), 7.0);
            let mut state = model.state();
            let delta: Vec<f64> = (0..columns * q).map(|i| ((7 * i) % 11) as f64 - 5.0).collect();
            model.shift(&mut state, 0..1, &delta[..q]);
            model.shift(&mut state, 1..3, &delta[q..]);
            let mut now = vec![0.0; columns * q];
            model.block_gradient(&state, 0..columns, &mut now);
            let mut value = 0.0;
            for t in 0..q {
                for i in 0..columns {
                    let slope: f64 = (0..columns).map(|j| h(i, j) * delta[j * q + t]).sum();
                    assert_abs_diff_eq!(now[i * q + t], gradient[i * q + t] + slope, epsilon = 1e-12);
                    value += delta[i * q + t] * (gradient[i * q + t] + 0.5 * slope);
                }
            }
            let w: Vec<f64> = origin.iter().zip(&delta).map(|(o, d)| o + d).collect();
            assert_abs_diff_eq!(model.value(&w, &state), value, epsilon = 1e-10);
        }
    }
}
