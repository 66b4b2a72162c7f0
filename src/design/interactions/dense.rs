//! Products of dense columns.

use std::ops::Range;
use std::sync::Arc;

use super::tiles::{Tile, tiles};
use crate::design::{Dense, LinearOperator, Terms, responses};
use crate::parallel::{for_each_chunk, map_indexed};
use crate::{kernels, linalg};

/// Rows of a tile that are multiplied at a time.
const ROWS: usize = 1024;
/// Rows of one column that are formed at a time, on the stack.
const PIECE: usize = 256;

#[derive(Debug, Clone)]
pub(super) struct DenseProducts<'a> {
    /// Column-major, in one piece.
    base: Dense<'a, f64>,
    terms: Arc<Terms>,
    tiles: Arc<Vec<Tile>>,
}

/// What takes the place of the base's values in a sum over rows.
#[derive(Clone, Copy, PartialEq)]
enum Power {
    One,
    Two,
}

impl<'a> DenseProducts<'a> {
    /// `base` is column-major.
    pub fn new(base: Dense<'a, f64>, terms: Arc<Terms>, known: Option<Arc<Vec<Tile>>>) -> Self {
        let tiles = known.unwrap_or_else(|| Arc::new(tiles(&terms)));
        Self { base, terms, tiles }
    }

    pub fn tiles(&self) -> Arc<Vec<Tile>> {
        Arc::clone(&self.tiles)
    }

    pub fn nrows(&self) -> usize {
        self.base.nrows()
    }

    pub fn select_rows(&self, rows: &[usize]) -> Option<DenseProducts<'static>> {
        let base = self.base.select_rows(rows).ok()?;
        Some(DenseProducts { base, terms: Arc::clone(&self.terms), tiles: Arc::clone(&self.tiles) })
    }

    fn values(&self) -> &[f64] {
        self.base.columns_slice().unwrap_or(&[])
    }

    fn base_column(&self, j: u32) -> &[f64] {
        let n = self.nrows();
        &self.values()[j as usize * n..][..n]
    }

    /// Rows of a column.
    pub fn rows(&self, col: usize, rows: Range<usize>, out: &mut [f64]) {
        let [first, rest @ ..] = self.terms.factors(col) else { return };
        out.copy_from_slice(&self.base_column(*first)[rows.clone()]);
        for &j in rest {
            out.iter_mut().zip(&self.base_column(j)[rows.clone()]).for_each(|(o, x)| *o *= x);
        }
    }

    pub fn column(&self, col: usize, out: &mut [f64]) {
        self.rows(col, 0..self.nrows(), out);
    }

    /// Hands over a column piece by piece, with its place.
    fn pieces(&self, col: usize, mut f: impl FnMut(Range<usize>, &[f64])) {
        let n = self.nrows();
        if let [j] = *self.terms.factors(col) {
            return f(0..n, self.base_column(j));
        }
        let mut piece = [0.0; PIECE];
        for from in (0..n).step_by(PIECE) {
            let rows = from..(from + PIECE).min(n);
            let piece = &mut piece[..rows.len()];
            self.rows(col, rows.clone(), piece);
            f(rows, piece);
        }
    }

    pub fn dot(&self, col: usize, r: &[f64], out: &mut [f64]) {
        let n = self.nrows();
        out.fill(0.0);
        self.pieces(col, |rows, x| {
            for (out, r) in out.iter_mut().zip(r.chunks_exact(n)) {
                *out += kernels::dot(x, &r[rows.clone()]);
            }
        });
    }

    pub fn axpy(&self, col: usize, delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        self.pieces(col, |rows, x| {
            for (&delta, eta) in delta.iter().zip(eta.chunks_exact_mut(n)).filter(|(d, _)| **d != 0.0) {
                kernels::axpy(delta, x, &mut eta[rows.clone()]);
            }
        });
    }

    pub fn cross_gram(&self, rows: &[usize], cols: &[usize], out: &mut [f64]) {
        let n = self.nrows();
        let gather = |index: &[usize]| {
            let mut values = vec![0.0; n * index.len()];
            for_each_chunk(&mut values, n, 16 * n * index.len(), |k, x| self.column(index[k], x));
            values
        };
        let left = gather(rows);
        if rows == cols {
            linalg::gram(&left, n, rows.len(), out);
        } else {
            linalg::transpose_matmul(&left, &gather(cols), n, rows.len(), cols.len(), out);
        }
    }

    /// `Σ_i d_i x_ik` (or of the squares) for all terms k, feature by feature of `d`, which is task-major.
    fn sums(&self, d: &[f64], power: Power, out: &mut [f64]) {
        let (n, p) = (self.nrows(), self.base.ncols());
        let q = responses(d, n);
        let main = self.terms.degrees().first().filter(|degree| degree.degree == 1);
        if let Some(main) = main {
            let out = &mut out[..main.factors.len() * q];
            let in_order = main.factors.len() == p && power == Power::One;
            if in_order {
                self.base.transpose_apply(d, out);
            } else {
                for (&j, out) in main.factors.iter().zip(out.chunks_exact_mut(q)) {
                    let x = raised(self.base_column(j), power);
                    out.iter_mut().zip(d.chunks_exact(n)).for_each(|(o, d)| *o = kernels::dot(&x, d));
                }
            }
        }
        let bytes = n * self.terms.len() / 4;
        let parts = map_indexed(self.tiles.len() * q, bytes, |k| {
            let (tile, d) = (&self.tiles[k / q], &d[k % q * n..][..n]);
            if tile.is_filled() { self.tile_sums(tile, d, power) } else { self.single_sums(tile, d, power) }
        });
        for (k, part) in parts.iter().enumerate() {
            let tile = &self.tiles[k / q];
            for (j, v) in tile.terms.clone().zip(part) {
                out[j * q + k % q] = *v;
            }
        }
    }

    fn single_sums(&self, tile: &Tile, d: &[f64], power: Power) -> Vec<f64> {
        let sum = |k: usize| {
            let mut total = 0.0;
            self.pieces(k, |rows, x| {
                total += match power {
                    Power::One => kernels::dot(x, &d[rows]),
                    Power::Two => x.iter().zip(&d[rows]).map(|(x, d)| x * x * d).sum(),
                };
            });
            total
        };
        tile.terms.clone().map(sum).collect()
    }

    /// `Lᵀ diag(d ∘ prefix) R`, or with the squares of all of them, and of it the terms.
    fn tile_sums(&self, tile: &Tile, d: &[f64], power: Power) -> Vec<f64> {
        let (n, a, b) = (self.nrows(), tile.left.len(), tile.right.len());
        let run = tile.run().filter(|_| power == Power::One);
        let mut products = vec![0.0; a * b];
        let rows = ROWS.min(n);
        let (mut weights, mut left) = (vec![0.0; rows], vec![0.0; rows * a]);
        let mut right = vec![0.0; if run.is_some() { 0 } else { rows * b }];
        for from in (0..n).step_by(ROWS) {
            let rows = from..(from + ROWS).min(n);
            let m = rows.len();
            let weights = &mut weights[..m];
            weights.copy_from_slice(&d[rows.clone()]);
            for &j in &tile.prefix {
                multiply(weights, &self.base_column(j)[rows.clone()], power);
            }
            for (&j, out) in tile.left.iter().zip(left.chunks_exact_mut(m)) {
                out.copy_from_slice(weights);
                multiply(out, &self.base_column(j)[rows.clone()], power);
            }
            let right = match run {
                Some(first) => (&self.values()[first * n + from..], n),
                None => {
                    for (&j, out) in tile.right.iter().zip(right.chunks_exact_mut(m)) {
                        let x = &self.base_column(j)[rows.clone()];
                        out.copy_from_slice(x);
                        if power == Power::Two {
                            multiply(out, x, Power::One);
                        }
                    }
                    (&right[..], m)
                }
            };
            linalg::add_transpose_matmul_strided((&left, m), right, m, a, b, &mut products);
        }
        let mut out = Vec::with_capacity(tile.terms.len());
        tile.places(&self.terms, |_, i, j| out.push(products[j * a + i]));
        out
    }

    pub fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        if !r.is_empty() {
            self.sums(r, Power::One, out);
        }
    }

    pub fn sq_norms(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.terms.len()];
        self.sums(&vec![1.0; self.nrows()], Power::Two, &mut out);
        out
    }

    /// `Σ_i s_i x_ik` and `Σ_i s_i x_ik²` for all terms k.
    pub fn first_and_second(&self, weights: Option<&[f64]>) -> (Vec<f64>, Vec<f64>) {
        let ones = vec![1.0; if weights.is_none() { self.nrows() } else { 0 }];
        let d = weights.unwrap_or(&ones);
        let (mut sums, mut squares) = (vec![0.0; self.terms.len()], vec![0.0; self.terms.len()]);
        self.sums(d, Power::One, &mut sums);
        self.sums(d, Power::Two, &mut squares);
        (sums, squares)
    }

    /// `η ← X w`: tiles with many coefficients as products `Σ_a x_a ∘ (R W_a)`, the others column by column.
    pub fn apply(&self, w: &[f64], eta: &mut [f64]) {
        let (n, q) = (self.nrows(), responses(eta, self.nrows()));
        if q == 0 {
            return;
        }
        eta.fill(0.0);
        for (t, eta) in eta.chunks_exact_mut(n).enumerate() {
            let mut single: Vec<usize> = Vec::new();
            let used = |k: &usize| w[k * q + t] != 0.0;
            let first = self.tiles.first().map_or(self.terms.len(), |tile| tile.terms.start);
            single.extend((0..first).filter(used));
            let mut dense: Vec<(&Tile, Vec<f64>)> = Vec::new();
            for tile in self.tiles.iter() {
                let count = tile.terms.clone().filter(used).count();
                // A column costs about as much as a few of the products.
                if 4 * count < tile.left.len() * tile.right.len() {
                    single.extend(tile.terms.clone().filter(used));
                    continue;
                }
                let mut matrix = vec![0.0; tile.left.len() * tile.right.len()];
                tile.places(&self.terms, |k, a, b| matrix[a * tile.right.len() + b] = w[k * q + t]);
                dense.push((tile, matrix));
            }
            let bytes = 8 * n * (single.len() + self.base.ncols() * dense.len());
            for_each_chunk(eta, ROWS, bytes, |chunk, eta| {
                let rows = chunk * ROWS..chunk * ROWS + eta.len();
                let mut x = vec![0.0; eta.len()];
                for &k in &single {
                    self.rows(k, rows.clone(), &mut x);
                    kernels::axpy(w[k * q + t], &x, eta);
                }
                dense.iter().for_each(|(tile, matrix)| self.add_tile(tile, matrix, rows.clone(), eta));
            });
        }
    }

    /// `η ← η + prefix ∘ Σ_a x_a ∘ (R M_a)` on some rows.
    fn add_tile(&self, tile: &Tile, matrix: &[f64], rows: Range<usize>, eta: &mut [f64]) {
        let (n, m, a, b) = (self.nrows(), rows.len(), tile.left.len(), tile.right.len());
        let mut gathered = Vec::new();
        let right = match tile.run() {
            Some(first) => (&self.values()[first * n + rows.start..], n),
            None => {
                tile.right.iter().for_each(|&j| gathered.extend_from_slice(&self.base_column(j)[rows.clone()]));
                (&gathered[..], m)
            }
        };
        let mut products = vec![0.0; m * a];
        linalg::matmul_strided(right, matrix, m, b, a, &mut products);
        let mut sum = vec![0.0; m];
        for (&j, product) in tile.left.iter().zip(products.chunks_exact(m)) {
            let x = &self.base_column(j)[rows.clone()];
            sum.iter_mut().zip(x).zip(product).for_each(|((s, x), v)| *s += x * v);
        }
        tile.prefix.iter().for_each(|&j| multiply(&mut sum, &self.base_column(j)[rows.clone()], Power::One));
        eta.iter_mut().zip(&sum).for_each(|(e, s)| *e += s);
    }
}

fn multiply(out: &mut [f64], x: &[f64], power: Power) {
    match power {
        Power::One => out.iter_mut().zip(x).for_each(|(o, x)| *o *= x),
        Power::Two => out.iter_mut().zip(x).for_each(|(o, x)| *o *= x * x),
    }
}

fn raised(x: &[f64], power: Power) -> std::borrow::Cow<'_, [f64]> {
    match power {
        Power::One => x.into(),
        Power::Two => x.iter().map(|x| x * x).collect(),
    }
}
