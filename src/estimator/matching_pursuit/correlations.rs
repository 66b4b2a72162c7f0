//! XᵀR from step to step: a pass over X each time, or products of columns where these are cheaper.

use crate::design::{AnyDesign, Design, LinearOperator};
use crate::estimator::matching_pursuit::pursuit::Refit;
use crate::kernels;

/// Columns whose products with all others are formed ahead of need, in the pass in which one is needed. In 1000 × 5000 such a
/// pass takes one and a half times that of a single right-hand side, and serves several steps.
const AHEAD: usize = 16;
/// Numbers of an X that passes have to fetch from memory: below, seventeen right-hand sides cost several times one.
const FAR: usize = 1 << 20;
/// Misses among the last [`WINDOW`] steps from which on guessing does not pay.
const MISSES: usize = 6;
const WINDOW: usize = 8;
/// Numbers at a time in an update: they stay in the cache while all columns are added.
const PIECE: usize = 1024;

/// XᵀR, response by response.
///
/// With the products `G_S = XᵀX_S` the correlations follow the coefficients, `XᵀR = XᵀR₀ − G_S(W − W₀)`, without a pass over
/// X (Rubinstein, Zibulevsky & Elad 2008, Batch-OMP). Products with the column that was chosen take a pass
/// themselves, unless it was among the most correlated ones at the last pass, with which products come along.
pub(super) struct Correlations {
    pub values: Vec<f64>,
    /// XᵀR₀ and the coefficients there; empty before the first pass.
    origin: Vec<f64>,
    at: Vec<f64>,
    /// G_S; `None` where passes are as cheap.
    products: Option<Vec<f64>>,
    guesses: Vec<usize>,
    guessed: Vec<f64>,
    /// Whether each of the last steps needed a pass, as bits.
    history: u32,
}

impl Correlations {
    pub fn new(x: &AnyDesign<'_>, q: usize) -> Self {
        let dense = x.column_cost() >= 0.25 * x.nrows() as f64 && x.nrows() * x.ncols() >= FAR;
        Self {
            values: vec![0.0; x.ncols() * q],
            origin: Vec::new(),
            at: Vec::new(),
            products: dense.then(Vec::new),
            guesses: Vec::new(),
            guessed: Vec::new(),
            history: 0,
        }
    }

    /// Makes the values those of the present residual; `scores` are those of the values before.
    pub fn follow(&mut self, x: &AnyDesign<'_>, fit: &Refit<'_>, scores: &[f64]) {
        let (n, p, k) = (x.nrows(), x.ncols(), fit.columns.len());
        let q = self.values.len() / p;
        let misses = (self.history & ((1 << WINDOW) - 1)).count_ones() as usize;
        if 2 * k >= n || misses >= MISSES {
            self.products = None;
        }
        let Some(products) = &mut self.products else {
            return transpose_apply(x, &fit.residual, &mut self.values);
        };
        if self.origin.is_empty() {
            transpose_apply(x, &fit.residual, &mut self.values);
            self.origin.clone_from(&self.values);
            return;
        }
        let known = products.len() / p;
        let missing: Vec<usize> = fit.columns[known..].iter().copied().filter(|j| !self.guesses.contains(j)).collect();
        // Far below where they began the values would be what is left of larger ones.
        let faded = kernels::sq_norm(&self.values) < 1e-10 * kernels::sq_norm(&self.origin);
        self.history = self.history << 1 | u32::from(!missing.is_empty());
        let mut fresh = Vec::new();
        if !missing.is_empty() || faded {
            let mut ahead = missing.clone();
            ahead.extend(leading(scores, AHEAD, |j| !fit.columns.contains(&j)));
            let width = q + ahead.len();
            let mut sides = fit.residual.clone();
            sides.resize(n * width, 0.0);
            for (&j, side) in ahead.iter().zip(sides[n * q..].chunks_exact_mut(n)) {
                x.column(j, side);
            }
            let mut rows = vec![0.0; p * width];
            x.transpose_apply(&sides, &mut rows);
            spread(&rows, width, 0, &mut self.values);
            fresh = vec![0.0; p * ahead.len()];
            spread(&rows, width, q, &mut fresh);
            self.origin.clone_from(&self.values);
            self.at.clone_from(&fit.coefficients);
            // Guesses that were not taken are forgotten, but for those that came this far.
            for &j in &fit.columns[known..] {
                let (from, place) = match missing.iter().position(|&m| m == j) {
                    Some(place) => (&fresh, place),
                    None => (&self.guessed, self.guesses.iter().position(|&g| g == j).unwrap_or(0)),
                };
                products.extend_from_slice(&from[place * p..(place + 1) * p]);
            }
            self.guesses = ahead;
            self.guessed = fresh;
            return;
        }
        for j in &fit.columns[known..] {
            if let Some(place) = self.guesses.iter().position(|g| g == j) {
                products.extend_from_slice(&self.guessed[place * p..(place + 1) * p]);
            }
        }
        drop(fresh);
        let before = self.at.len() / q;
        let change = |i: usize, t: usize| {
            let old = if i < before { self.at[t * before + i] } else { 0.0 };
            old - fit.coefficients[t * k + i]
        };
        let products: &[f64] = products;
        for t in 0..q {
            let steps: Vec<f64> = (0..k).map(|i| change(i, t)).collect();
            let own = t * p..(t + 1) * p;
            self.values[own.clone()].copy_from_slice(&self.origin[own.clone()]);
            crate::parallel::for_each_chunk(&mut self.values[own], PIECE, p * k * 8, |piece, values| {
                let (from, len) = (piece * PIECE, values.len());
                let line = |i: usize| &products[i * p + from..][..len];
                kernels::axpy_lines(k, len, line, |i, _| steps[i], values);
            });
        }
    }
}

/// XᵀR, response by response.
fn transpose_apply(x: &AnyDesign<'_>, r: &[f64], out: &mut [f64]) {
    let q = r.len() / x.nrows();
    if q == 1 {
        return x.transpose_apply(r, out);
    }
    let mut rows = vec![0.0; out.len()];
    x.transpose_apply(r, &mut rows);
    spread(&rows, q, 0, out);
}

/// Columns `from..` of a matrix that is given by rows of this width, one after the other.
fn spread(rows: &[f64], width: usize, from: usize, out: &mut [f64]) {
    let p = rows.len() / width;
    for (t, out) in out.chunks_exact_mut(p).enumerate() {
        out.iter_mut().zip(rows.chunks_exact(width)).for_each(|(o, row)| *o = row[from + t]);
    }
}

/// The columns with the largest scores.
fn leading(scores: &[f64], count: usize, wanted: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).filter(|&j| scores[j] > 0.0 && wanted(j)).collect();
    let by_score = |a: &usize, b: &usize| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b));
    if order.len() > count {
        order.select_nth_unstable_by(count, by_score);
        order.truncate(count);
    }
    order
}
