//! Independent diagonal blocks of a problem, solved together in parallel: every iteration is one step of each block that is not
//! done, so that limits and watchers see one solver.

use std::time::Instant;

use crate::problem::Certificate;
use crate::solver::{Run, Status, Stopping, Watch};

/// A block on its way to its optimum.
pub(super) trait IndependentBlock: Send {
    /// p.
    fn size(&self) -> usize;
    /// Multiplications of a step, about.
    fn work(&self) -> usize;
    fn certificate(&self) -> Certificate;
    /// Whether the tolerance is reached, or no step makes progress.
    fn done(&self, tolerance: f64) -> bool;
}

/// Steps until the blocks together converge, a limit is hit or none of them makes progress; returns how that ended and the number of
/// iterations. `lambda` is only shown to the watcher.
pub(super) fn solve_together<B: IndependentBlock>(
    blocks: &mut [B],
    (stopping, started): (Stopping, Instant),
    lambda: f64,
    watch: &mut dyn Watch,
    step: impl Fn(&mut B, Option<Instant>) + Sync + Send,
) -> (Status, usize) {
    let mut run = Run::since(started, stopping, watch);
    let deadline = run.deadline();
    let tolerance = stopping.tolerance;
    let mut iterations = 0;
    loop {
        let active = blocks.iter().filter(|b| !b.done(tolerance));
        let (size, work) = active.fold((0, 0), |(size, work), b| (size + b.size(), work + b.work()));
        let stalled = (size == 0).then_some(Status::Stalled);
        if let Some(status) = run.verdict(iterations, lambda, total(blocks), size).or(stalled) {
            return (status, iterations);
        }
        iterations += 1;
        crate::parallel::for_each_chunk(blocks, 1, work, |_, piece| {
            piece.iter_mut().filter(|b| !b.done(tolerance)).for_each(|b| step(b, deadline));
        });
    }
}

/// The certificate of all blocks together.
pub(super) fn total<B: IndependentBlock>(blocks: &[B]) -> Certificate {
    let zero = Certificate { objective: 0.0, gap: 0.0, rounding: 0.0, kkt: 0.0, scale: 0.0, is_convex: true };
    blocks.iter().map(B::certificate).fold(zero, |sum, c| Certificate {
        objective: sum.objective + c.objective,
        gap: sum.gap + c.gap,
        rounding: sum.rounding + c.rounding,
        kkt: sum.kkt.max(c.kkt),
        scale: sum.scale + c.scale,
        is_convex: sum.is_convex && c.is_convex,
    })
}
