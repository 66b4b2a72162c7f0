//! Tall data: descent on p + 1 rows that stand for n.
//!
//! The Gram matrix costs as much as some passes over X; where more passes than that lie ahead, it is formed once and the
//! problem solved on [`Rows`](crate::moments::Rows) of it. The certificate then says by how much the products may be wrong,
//! and where that is more than the tolerance allows, the solve ends on X itself.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::time::Instant;

use crate::design::{AnyDesign, BAND, Dense, Design};
use crate::kernels;
use crate::linalg::{self, GRAM_PIECES, GRAM_ROWS};
use crate::loss::{Loss, Squared};
use crate::moments::{PRODUCT_ERROR, Rows, gap_error};
use crate::parallel;
use crate::penalty::BlockPenalty;
use crate::problem::Problem;
use crate::smooth::{LinearPredictor, Smooth};
use crate::solver::engine::Engine;
use crate::solver::target::Target;
use crate::solver::{BlockDescent, Form, Progress, Solution, Solver, Start, Status, Watch};

/// Values of X from which it is worth looking at the shape.
const WORTHWHILE: usize = 1 << 15;
/// Columns whose Gram matrix costs a pass: 45 GFlop/s against 10 GB/s.
const DENSE_COLUMNS_PER_PASS: f64 = 18.0;
/// The same for sparse columns, which are multiplied one by one.
const SPARSE_COLUMNS_PER_PASS: f64 = 1.5;

/// Whether products are formed value by value.
fn is_sparse<D: Design + ?Sized>(design: &D) -> bool {
    4.0 * design.column_cost() <= design.nrows() as f64
}

/// Whether rows that stand for n pay where so many passes over X lie ahead without them.
fn worthwhile<D: Design + ?Sized>(design: &D, passes: f64) -> bool {
    let (n, p) = (design.nrows(), design.ncols());
    let per_pass = if is_sparse(design) { SPARSE_COLUMNS_PER_PASS } else { DENSE_COLUMNS_PER_PASS };
    n * p >= WORTHWHILE && n / 4 > p && p as f64 <= per_pass * passes
}

/// A problem on fewer rows.
pub(super) struct Compressed {
    smooth: LinearPredictor<Dense<'static, f64>, Squared>,
    error: f64,
    started: Instant,
}

impl Compressed {
    /// The problem on fewer rows, if that is quicker for these λs; `engine` is the one that would solve it on X.
    pub(super) fn new<D: Design, L: Loss, P: BlockPenalty>(
        engine: &mut Engine<'_, D, L, P>,
        lambdas: &[f64],
    ) -> Option<Self> {
        let started = Instant::now();
        let smooth = engine.smooth;
        let design = smooth.design();
        let squared = smooth.loss().as_squared()?;
        if engine.solver.form != Form::Auto || !worthwhile(design, f64::INFINITY) {
            return None;
        }
        // How far away the first λ is costs a pass to know, which is not lost on X.
        let further = lambdas.len().saturating_sub(1) as f64;
        let first = if worthwhile(design, further) { 0.0 } else { engine.expected_passes(*lambdas.first()?) };
        if !worthwhile(design, first + further) {
            return None;
        }
        let (n, q) = (design.nrows(), smooth.nresponses());
        let y = squared.y();
        let known = engine.gradient_at_zero();
        let (mut gram, cross) = products(design, if known.is_some() { &[] } else { y })?;
        let scale = 1.0 / n as f64;
        gram.iter_mut().for_each(|v| *v *= scale);
        let (cross, factor) = match known {
            Some(gradient) => (gradient, -1.0),
            None => (&cross[..], scale),
        };
        let cross = (0..q).flat_map(|t| cross.iter().skip(t).step_by(q).map(|v| v * factor)).collect();
        let squares: Vec<f64> = y.chunks_exact(n).map(|y| kernels::sq_norm(y) * scale).collect();
        // Sparse columns are multiplied value by value: sums of a band, and of bands.
        let sums = (BAND + n / BAND) as f64 / 2.0 * f64::EPSILON;
        let product_error = if is_sparse(design) { PRODUCT_ERROR.max(sums) } else { PRODUCT_ERROR };
        let rows = Rows::new(gram, cross, &squares, product_error)?;
        let error = rows.error;
        Some(Self { smooth: rows.predictor(), error, started })
    }

    pub(super) fn solve<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        solver: &BlockDescent,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        start: Start<'_>,
        watch: &mut dyn Watch,
    ) -> Solution {
        let small = Problem { smooth: &self.smooth, penalty: problem.penalty, lambda: problem.lambda };
        let solution = solver.solve(&small, start, watch);
        self.checked(solver, problem, solution, self.started, watch)
    }

    /// [`BlockDescent::solve_towards`] on fewer rows.
    pub(super) fn solve_towards<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        solver: &BlockDescent,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        target: &mut Target,
        watch: &mut dyn Watch,
    ) -> (Solution, f64) {
        let small = Problem { smooth: &self.smooth, penalty: problem.penalty, lambda: problem.lambda };
        let (solution, lambda) = solver.solve_towards(&small, target, watch);
        (self.checked(solver, &Problem { lambda, ..*problem }, solution, self.started, watch), lambda)
    }

    pub(super) fn solve_path<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        solver: &BlockDescent,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        lambdas: &[f64],
        start: Start<'_>,
        watch: &mut dyn Watch,
        sink: &mut dyn FnMut(Solution) -> ControlFlow<()>,
    ) {
        let small = Problem { smooth: &self.smooth, penalty: problem.penalty, lambda: problem.lambda };
        let watch = RefCell::new(watch);
        let mut rest = lambdas.iter();
        let mut started = self.started;
        solver.solve_path(&small, lambdas, start, &mut Shared(&watch), &mut |solution| {
            let lambda = rest.next().copied().unwrap_or(problem.lambda);
            let solution =
                self.checked(solver, &Problem { lambda, ..*problem }, solution, started, &mut Shared(&watch));
            started = Instant::now();
            sink(solution)
        });
    }

    /// The solution with what the products may be wrong by, taken further on X if that is too much.
    fn checked<D: Design, L: Loss, P: BlockPenalty>(
        &self,
        solver: &BlockDescent,
        problem: &Problem<'_, LinearPredictor<D, L>, P>,
        mut solution: Solution,
        started: Instant,
        watch: &mut dyn Watch,
    ) -> Solution {
        let (lambda, stopping) = (problem.lambda, solver.stopping);
        let error = gap_error(
            &self.smooth,
            problem.penalty,
            lambda,
            (&solution.coefficients, solution.certificate.error()),
            self.error,
        );
        solution.certificate.rounding += error;
        let gave_up = match solution.status {
            Status::Converged if error <= stopping.tolerance * solution.certificate.scale => return solution,
            Status::Converged | Status::Stalled => false,
            // The rounding errors of the products may be what nothing moves against; its answer is no good start.
            Status::IterationLimit if solution.iterations < stopping.max_iterations => true,
            _ => return solution,
        };
        let mut solver = solver.clone();
        solver.stopping.max_iterations = stopping.max_iterations.saturating_sub(solution.iterations);
        solver.stopping.time_limit = stopping.time_limit.map(|limit| limit.saturating_sub(started.elapsed()));
        let start = if gave_up { Start::Zero } else { Start::At(&solution.coefficients) };
        let mut exact = solver.solve_rows(problem, start, watch);
        exact.iterations += solution.iterations;
        exact
    }
}

/// A watcher for two: the solver, and the one who looks at its answers.
struct Shared<'a, 'w>(&'a RefCell<&'w mut dyn Watch>);

impl Watch for Shared<'_, '_> {
    fn progress(&mut self, progress: &Progress) -> ControlFlow<()> {
        match self.0.try_borrow_mut() {
            Ok(mut watch) => watch.progress(progress),
            Err(_) => ControlFlow::Continue(()),
        }
    }
}

/// XᵀX, both triangles, and XᵀY, feature-major, in one pass over X and without a copy of it; Y may have no columns.
fn products<D: Design + ?Sized>(design: &D, y: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let (n, p) = (design.nrows(), design.ncols());
    let q = y.len() / n;
    let (mut gram, mut cross) = (vec![0.0; p * p], vec![0.0; p * q]);
    let known = design.known();
    let values = match &known {
        Ok(Some(AnyDesign::Dense(x))) => x.columns_slice(),
        _ => None,
    };
    let all: Vec<usize> = (0..p).collect();
    if values.is_none() && is_sparse(design) {
        design.cross_gram(&all, &all, &mut gram);
        if q > 0 {
            design.transpose_apply(y, &mut cross);
        }
        return Some((gram, cross));
    }
    if values.is_none() && design.select_rows(&[0]).is_none() {
        return None; // no way to its rows but a copy of everything
    }
    // Together the pieces take no more than a quarter of X, and their number depends on the shape alone.
    let count = (n / (4 * p.max(1))).clamp(1, GRAM_PIECES);
    let height = n.div_ceil(count).next_multiple_of(GRAM_ROWS);
    let pieces = parallel::map_indexed(n.div_ceil(height), n * p * size_of::<f64>(), |piece| {
        let (mut gram, mut cross) = (vec![0.0; p * p], vec![0.0; p * q]);
        let mut part = vec![0.0; p * q];
        let mut gathered = Vec::new();
        let mut responses = Vec::with_capacity(GRAM_ROWS * q);
        let end = ((piece + 1) * height).min(n);
        for from in (piece * height..end).step_by(GRAM_ROWS) {
            let to = (from + GRAM_ROWS).min(end);
            let rows = to - from;
            // In place where columns are contiguous; otherwise rows gathered into columns, centred and scaled by the views
            // that do so before they are multiplied.
            let (x, ld) = match values {
                Some(values) => (&values[from..], n),
                None => {
                    gathered.resize(rows * p, 0.0);
                    if !design.copy_block(from..to, &all, &mut gathered) {
                        let part = design.select_rows(&(from..to).collect::<Vec<_>>())?;
                        gathered.chunks_exact_mut(rows).enumerate().for_each(|(j, x)| part.column(j, x));
                    }
                    (&gathered[..], rows)
                }
            };
            linalg::add_gram(x, ld, rows, p, &mut gram);
            if q == 0 {
                continue;
            }
            responses.clear();
            y.chunks_exact(n).for_each(|y| responses.extend_from_slice(&y[from..to]));
            kernels::dot_lines(p, rows, |j| &x[j * ld..j * ld + rows], &responses, &mut part);
            cross.iter_mut().zip(&part).for_each(|(c, v)| *c += v);
        }
        Some((gram, cross))
    });
    for piece in pieces {
        let (more_gram, more_cross) = piece?;
        gram.iter_mut().zip(&more_gram).for_each(|(o, v)| *o += v);
        cross.iter_mut().zip(&more_cross).for_each(|(o, v)| *o += v);
    }
    linalg::mirror(&mut gram, p);
    Some((gram, cross))
}
