//! Descent by columns for `−log det Θ + ⟨S, Θ⟩ + λ Σ Λ_ij |θ_ij|`: block ascent on its dual (Friedman, Hastie and
//! Tibshirani 2008; Banerjee, El Ghaoui and d'Aspremont 2008).
//!
//! The dual is `max log det W` with `|W_ij − S_ij| ≤ λΛ_ij` and a fixed diagonal. With all but column j held, its optimum is
//! `w_j = W₋ⱼ β` where β solves a lasso whose Gram matrix is W without row and column j, and `−θ_ij / θ_jj = β_i`. A column
//! costs its neighbours times p; nothing is factored. A few sweeps find the support and come close to the optimum, from
//! where proximal Newton takes one or two steps, or none.
//!
//! Ascent is certain only from a positive definite W in the dual box (from the diagonal alone it may diverge: Mazumder and
//! Hastie 2012): the start is S with its off-diagonal entries moved towards zero by as much as the box allows, if that is positive definite,
//! else something between that and S.

use std::ops::Range;
use std::time::Instant;

use crate::kernels;
use crate::linalg::Cholesky;
use crate::penalty::{EntrywiseL1, L1};
use crate::problem::Problem;
use crate::prox;
use crate::smooth::{GramModel, HessianView, LogDet};
use crate::solver::descent::{Active, InnerStop, single_coordinates};
use crate::solver::newton::Factor;

/// Sweeps at most.
const MAX_SWEEPS: usize = 300;
/// With more sweeps ahead than this, Newton steps are quicker.
const PATIENCE: f64 = 100.0;
/// Sweeps after which the pace is known.
const WARM_UP: usize = 3;
/// The gap that a sweep leaves, as a multiple of the change of the next one: 0.2 to 6 on graphs of 74 to 1000 variables.
const SAFETY: f64 = 6.0;
/// Rounds of looking for neighbours that a column lacks.
const ROUNDS: usize = 4;
/// Cycles of plain coordinate descent in a round; lassos that need more go to the engine for them, which takes Newton steps.
const CYCLES: usize = 15;
const ENGINE_SWEEPS: usize = 500;
/// The lassos of the first sweep are solved to this change of a covariance, in standard deviations; those of later
/// sweeps to a share of how much the sweep before changed.
const FIRST: f64 = 1e-2;
const SHARE: f64 = 0.03;
/// By how much more exact they are when less has not kept W positive definite.
const CARE: f64 = 1e-3;
/// Shares of the way from S to the smallest entries of the box at which a start is tried.
const MIXTURES: [f64; 5] = [1.0, 0.75, 0.5, 0.25, 0.0];
/// Columns whose rows are written together: a cache line.
const BATCH: usize = 8;
/// A violation of the box below this share of it is rounding.
const SLACK: f64 = 1e-12;
/// The conditional variance of a variable, as a share of its variance, below which W is not positive definite to working
/// accuracy.
const DEFINITE: f64 = 1e-14;

/// Neighbours of a variable and their coefficients.
#[derive(Debug, Clone, Default)]
struct Column {
    index: Vec<usize>,
    value: Vec<f64>,
}

/// What a sweep has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ascent {
    /// It goes on.
    Rising,
    /// The gap should be below what was asked for.
    Done,
    /// Newton steps seem quicker.
    Slow,
    /// W is not positive definite to working accuracy.
    Broken,
}

/// W and the lassos of its columns.
#[derive(Debug)]
pub(super) struct DualColumns {
    size: usize,
    /// W, both triangles.
    w: Vec<f64>,
    beta: Vec<Column>,
    /// θ_jj as the last visit of column j left it.
    diagonal: Vec<f64>,
    scratch: Scratch,
    sweeps: usize,
    /// By how much the last sweep changed W, in the metric of the log determinant.
    change: f64,
    accuracy: f64,
}

#[derive(Debug, Default)]
struct Scratch {
    gram: Vec<f64>,
    residual: Vec<f64>,
    next: Vec<f64>,
    member: Vec<bool>,
}

impl DualColumns {
    /// Begins near `start`, a precision matrix and its inverse, or from nothing; `None` if there is no positive definite W to
    /// begin with. `care` counts how often this has broken down before.
    pub(super) fn new(
        problem: &Problem<'_, LogDet, EntrywiseL1>,
        start: Option<(&[f64], &[f64])>,
        care: i32,
    ) -> Option<Self> {
        let (size, s) = (problem.smooth.size(), problem.smooth.covariance());
        let threshold = |k: usize| problem.penalty.threshold(problem.lambda, k);
        // The matrix of the dual box closest to `wanted`.
        let in_box = |wanted: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let entry = |k: usize| {
                let (s, t) = (s[k], threshold(k));
                if k / size == k % size { s + t } else { wanted(k).clamp(s - t, s + t) }
            };
            (0..size * size).map(entry).collect()
        };
        let definite = |w: &[f64]| w.iter().all(|w| w.is_finite()) && is_definite(w, size);
        let mut columns = Self {
            size,
            w: Vec::new(),
            beta: vec![Column::default(); size],
            diagonal: (0..size).map(|j| 1.0 / s[j * size + j]).collect(),
            scratch: Scratch { member: vec![false; size], next: vec![0.0; size], ..Scratch::default() },
            sweeps: 0,
            change: f64::INFINITY,
            accuracy: FIRST * CARE.powi(care),
        };
        if let Some((theta, inverse)) = start {
            columns.w = in_box(&|k| inverse[k]);
            if definite(&columns.w) {
                for (j, (column, theta)) in columns.beta.iter_mut().zip(theta.chunks_exact(size)).enumerate() {
                    column.index = (0..size).filter(|&i| i != j && theta[i] != 0.0).collect();
                    column.value = column.index.iter().map(|&i| -theta[i] / theta[j]).collect();
                    columns.diagonal[j] = theta[j];
                }
                return Some(columns);
            }
        }
        let smallest = in_box(&|_| 0.0);
        let mut way = None;
        for share in MIXTURES {
            columns.w = if share == 1.0 {
                smallest.clone()
            } else {
                // The part of the way from S to its diagonal on which every entry stays in its box.
                let off = (0..size * size).filter(|k| k / size != k % size && s[*k] != 0.0);
                let way = *way.get_or_insert_with(|| off.map(|k| threshold(k) / s[k].abs()).fold(1.0f64, f64::min));
                let inner = |k: usize| if k / size == k % size { smallest[k] } else { (1.0 - way) * s[k] };
                (0..size * size).map(|k| share * smallest[k] + (1.0 - share) * inner(k)).collect()
            };
            if definite(&columns.w) {
                return Some(columns);
            }
        }
        None
    }

    /// One sweep over the columns, on the way to a duality gap below `gap`; a part of one when the deadline has passed.
    pub(super) fn sweep(
        &mut self,
        problem: &Problem<'_, LogDet, EntrywiseL1>,
        gap: f64,
        deadline: Option<Instant>,
    ) -> Ascent {
        let (mut change, mut largest) = (0.0, 0.0f64);
        let limits = problem.penalty.thresholds(problem.lambda);
        for first in (0..self.size).step_by(BATCH) {
            let batch = first..(first + BATCH).min(self.size);
            for j in batch.clone() {
                match self.column(problem.smooth.covariance(), &limits, first, j) {
                    Some((c, l)) => (change, largest) = (change + c, largest.max(l)),
                    None => return Ascent::Broken,
                }
            }
            self.mirror(batch);
            if deadline.is_some_and(|d| Instant::now() >= d) {
                return Ascent::Rising;
            }
        }
        // Sweeps gain a constant factor, and so does the gap that they leave.
        let rate = (change / self.change).min(1.0);
        let left = SAFETY * change * rate;
        self.sweeps += 1;
        self.change = change;
        self.accuracy = self.accuracy.min(SHARE * largest);
        let ahead = (gap / left).ln() / rate.ln();
        if change == 0.0 || (self.sweeps > 1 && left <= gap) {
            Ascent::Done
        } else if self.sweeps >= MAX_SWEEPS || (self.sweeps > WARM_UP && (ahead > PATIENCE || rate == 1.0)) {
            Ascent::Slow
        } else {
            Ascent::Rising
        }
    }

    /// Solves for column j of the batch that begins at `first`; by how much W changed, in the metric of the log determinant and at
    /// its largest. `None` if W is not positive definite any more.
    ///
    /// Rows of W follow when the batch is through, a cache line at a time; until then an entry is valid in a column of the
    /// batch, or else in the column of its row.
    fn column(&mut self, s: &[f64], limits: &[f64], first: usize, j: usize) -> Option<(f64, f64)> {
        let (p, accuracy, w) = (self.size, self.accuracy, &self.w);
        let (s, limits) = (&s[j * p..(j + 1) * p], &limits[j * p..(j + 1) * p]);
        let batch = first..(first + BATCH).min(p);
        let entry = |i: usize, c: usize| {
            let (i, c) = if !batch.contains(&c) && (first..j).contains(&i) { (c, i) } else { (i, c) };
            w[c * p + i]
        };
        let Scratch { gram, residual, next, member } = &mut self.scratch;
        let Column { index, value } = &mut self.beta[j];
        let own = w[j * p + j];
        index.iter().for_each(|&i| member[i] = true);
        for round in 0..ROUNDS {
            let k = index.len();
            gram.clear();
            for &c in index.iter() {
                gram.extend(index.iter().map(|&i| entry(i, c)));
            }
            residual.clear();
            residual.extend(index.iter().map(|&i| s[i]));
            for (column, &b) in gram.chunks_exact(k.max(1)).zip(value.iter()) {
                if b != 0.0 {
                    residual.iter_mut().zip(column).for_each(|(r, q)| *r -= b * q);
                }
            }
            let mut solved = false;
            for _ in 0..CYCLES {
                let mut largest = 0.0f64;
                for a in 0..k {
                    let column = &gram[a * k..(a + 1) * k];
                    let z = residual[a] + column[a] * value[a];
                    let b = prox::soft_threshold(z, limits[index[a]]) / column[a];
                    let step = b - value[a];
                    if step != 0.0 {
                        value[a] = b;
                        residual.iter_mut().zip(column).for_each(|(r, q)| *r -= step * q);
                        largest = largest.max(step.abs() * (column[a] / own).sqrt());
                    }
                }
                solved = largest <= accuracy;
                if solved {
                    break;
                }
            }
            if !solved {
                let thresholds = index.iter().map(|&i| limits[i]).collect();
                let energy = own
                    - index
                        .iter()
                        .zip(residual.iter())
                        .zip(value.iter())
                        .map(|((&i, r), b)| b * (s[i] + r))
                        .sum::<f64>();
                solve_lasso(gram, thresholds, residual, value, energy, 0.5 * accuracy * accuracy * own);
            }
            next.fill(0.0);
            kernels::axpy_lines(k, p, |a| &w[index[a] * p..(index[a] + 1) * p], |a, _| value[a], next);
            for (i, next) in next.iter_mut().enumerate().take(j).skip(first) {
                *next = index.iter().zip(value.iter()).map(|(&c, b)| b * entry(i, c)).sum();
            }
            if round + 1 == ROUNDS || !lacks(s, limits, next, member, j, index) {
                break;
            }
            value.resize(index.len(), 0.0);
        }
        index.iter().for_each(|&i| member[i] = false);
        let explained: f64 = index.iter().zip(value.iter()).map(|(&i, b)| next[i] * b).sum();
        let mut kept = value.iter();
        index.retain(|_| kept.next().is_some_and(|b| *b != 0.0));
        value.retain(|b| *b != 0.0);

        let conditional = own - explained;
        if conditional.is_nan() || conditional <= DEFINITE * own {
            return None;
        }
        self.diagonal[j] = 1.0 / conditional;
        next[j] = own;
        let (change, largest) = moved(next, &self.w[j * p..(j + 1) * p], &self.diagonal);
        self.w[j * p..(j + 1) * p].copy_from_slice(next);
        for c in batch {
            self.w[c * p + j] = next[c];
        }
        Some((change / conditional, largest / own))
    }

    /// Copies the columns of a batch to its rows.
    fn mirror(&mut self, batch: Range<usize>) {
        let p = self.size;
        for c in (0..p).filter(|c| !batch.contains(c)) {
            for j in batch.clone() {
                self.w[c * p + j] = self.w[j * p + c];
            }
        }
    }

    /// Whether more sweeps would change anything.
    pub(super) fn can_go_on(&self) -> bool {
        self.change > 0.0
    }

    /// Θ, symmetric but not certain to be positive definite: a pair is an edge if it is one from either side.
    pub(super) fn precision(&self) -> Vec<f64> {
        let p = self.size;
        let mut theta = vec![0.0; p * p];
        for (j, Column { index, value }) in self.beta.iter().enumerate() {
            let column = &self.w[j * p..(j + 1) * p];
            let explained: f64 = index.iter().zip(value).map(|(&i, b)| column[i] * b).sum();
            let diagonal = 1.0 / (column[j] - explained);
            theta[j * p + j] = diagonal;
            index.iter().zip(value).for_each(|(&i, b)| theta[j * p + i] = -b * diagonal);
        }
        for j in 0..p {
            for i in 0..j {
                let (a, b) = (theta[j * p + i], theta[i * p + j]);
                let value = if a == 0.0 || b == 0.0 { 0.0 } else { 0.5 * (a + b) };
                (theta[j * p + i], theta[i * p + j]) = (value, value);
            }
        }
        theta
    }
}

/// The lasso with this Gram matrix from β = `value`, where its gradient is −`residual` and twice its objective without the penalty
/// `energy`, to a duality gap.
fn solve_lasso(gram: &[f64], thresholds: Vec<f64>, residual: &[f64], value: &mut [f64], energy: f64, gap: f64) {
    let k = value.len();
    let Ok(penalty) = L1::new(k).with_weights(thresholds) else { return };
    let gradient = residual.iter().map(|r| -r).collect();
    let model = GramModel::new(HessianView { values: gram, stride: k }, 1, value.to_vec(), gradient, energy.max(0.0));
    let stop = InnerStop {
        gap,
        max_sweeps: ENGINE_SWEEPS,
        deadline: None,
        anderson: 5,
        newton: true,
        negligible: 0.0,
        newton_first: true,
    };
    let mut state = model.state();
    let blocks: Vec<Active> = (0..k).map(|e| Active { id: e, cols: e..e + 1 }).collect();
    single_coordinates(&model, &penalty, &blocks, |descent| {
        descent.run(value, &mut state, &mut Factor::default(), stop);
    });
}

/// How far the inverse of Θ is from the dual point that belongs to it, `S + λΛ sign Θ` on its edges and clipped elsewhere, in the
/// metric of the log determinant: about twice the duality gap where that is small.
pub(super) fn distance(problem: &Problem<'_, LogDet, EntrywiseL1>, theta: &[f64], inverse: &[f64]) -> f64 {
    let (p, s) = (problem.smooth.size(), problem.smooth.covariance());
    let thresholds = problem.penalty.thresholds(problem.lambda);
    let mut sum = 0.0;
    for j in 0..p {
        for i in 0..=j {
            let k = j * p + i;
            let (g, t) = (s[k] - inverse[k], thresholds[k]);
            let step =
                if theta[k] == 0.0 || t == f64::INFINITY { g - g.clamp(-t, t) } else { g + t * theta[k].signum() };
            let pairs = if i == j { 1.0 } else { 2.0 };
            sum += pairs * step * step * theta[i * p + i] * theta[j * p + j];
        }
    }
    sum
}

/// Adds the entries of column j that are outside of their box and not in `index` to it; whether there are any.
fn lacks(s: &[f64], limits: &[f64], next: &[f64], member: &mut [bool], j: usize, index: &mut Vec<usize>) -> bool {
    const PIECE: usize = 64;
    let known = index.len();
    let outside = |i: usize| (s[i] - next[i]).abs() > limits[i] * (1.0 + SLACK);
    for from in (0..s.len()).step_by(PIECE) {
        let to = (from + PIECE).min(s.len());
        // Without a branch: there are seldom any.
        let violations: u32 = (from..to).map(|i| u32::from(outside(i))).sum();
        if violations > 0 {
            for (i, member) in member.iter_mut().enumerate().take(to).skip(from) {
                if outside(i) && !*member && i != j {
                    index.push(i);
                    *member = true;
                }
            }
        }
    }
    index.len() > known
}

/// `Σ θ_i (a_i − b_i)²` and `max |a_i − b_i|`.
fn moved(a: &[f64], b: &[f64], theta: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut sums, mut largest) = ([0.0; LANES], [0.0f64; LANES]);
    for ((a, b), theta) in a.chunks(LANES).zip(b.chunks(LANES)).zip(theta.chunks(LANES)) {
        for (((a, b), theta), (sum, largest)) in a.iter().zip(b).zip(theta).zip(sums.iter_mut().zip(&mut largest)) {
            let step = (a - b).abs();
            *sum += step * step * theta;
            *largest = if step > *largest { step } else { *largest };
        }
    }
    (sums.iter().sum(), largest.iter().copied().fold(0.0, f64::max))
}

/// Whether a symmetric matrix is positive definite: at once where the diagonal dominates.
fn is_definite(w: &[f64], p: usize) -> bool {
    let dominant = |j: usize| {
        let column = &w[j * p..(j + 1) * p];
        2.0 * column[j] > column.iter().map(|w| w.abs()).sum::<f64>()
    };
    (0..p).all(dominant) || Cholesky::factor(w, p).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One sweep as it is written down: the lasso of each column in turn on a whole symmetric W.
    fn naive_sweep(s: &[f64], t: f64, w: &mut [f64], beta: &mut [f64], p: usize) {
        for j in 0..p {
            for _ in 0..400 {
                for i in (0..p).filter(|&i| i != j) {
                    let fit: f64 = (0..p).filter(|&l| l != i && l != j).map(|l| w[l * p + i] * beta[j * p + l]).sum();
                    beta[j * p + i] = prox::soft_threshold(s[j * p + i] - fit, t) / w[i * p + i];
                }
            }
            let fitted: Vec<f64> =
                (0..p).map(|i| (0..p).filter(|&l| l != j).map(|l| w[l * p + i] * beta[j * p + l]).sum()).collect();
            for i in (0..p).filter(|&i| i != j) {
                (w[j * p + i], w[i * p + j]) = (fitted[i], fitted[i]);
            }
        }
    }

    /// Rows of W that a batch has not written yet are read from its columns: batches that are full, short, or one alone.
    #[test]
    fn sweeps_are_those_of_a_whole_matrix() {
        for p in [1, 5, 8, 9, 13, 20] {
            // A well-conditioned covariance without structure.
            let x = |i: usize, j: usize| ((i * 37 + j * 101 + i * j * 13) % 29) as f64 / 29.0 - 0.5;
            let moment = |i: usize, j: usize| (0..60).map(|r| x(r, i) * x(r, j)).sum::<f64>() / 5.0;
            let entry = |k: usize| moment(k / p, k % p) + if k / p == k % p { 0.3 } else { 0.0 };
            let s: Vec<f64> = (0..p * p).map(entry).collect();
            let smooth = LogDet::new(p, s.clone()).unwrap();
            let penalty = EntrywiseL1::off_diagonal(p);
            let problem = Problem::new(&smooth, &penalty, 0.05);
            let mut columns = DualColumns::new(&problem, None, 0).unwrap();
            columns.accuracy = 1e-13;
            let (mut w, mut beta) = (columns.w.clone(), vec![0.0; p * p]);
            for _ in 0..3 {
                columns.sweep(&problem, 0.0, None);
                columns.accuracy = 1e-13;
                naive_sweep(&s, 0.05, &mut w, &mut beta, p);
                for (k, (found, wanted)) in columns.w.iter().zip(&w).enumerate() {
                    assert!((found - wanted).abs() < 1e-9, "{p}: entry {k}: {found} {wanted}");
                }
            }
        }
    }
}
