//! When the steps of a method that should converge fast do not: there is no solution, or none that numbers can find.

/// Steps without half of the gap gone after which there will be none.
const MOST_IDLE: usize = 200;

/// The smallest gap so far, and the steps since it was half of what it had been.
#[derive(Debug)]
pub(super) struct Stagnation {
    smallest: f64,
    idle: usize,
}

impl Stagnation {
    pub(super) fn new() -> Self {
        Self { smallest: f64::INFINITY, idle: 0 }
    }

    /// Takes note of the gap after a step; returns whether to give up.
    pub(super) fn report(&mut self, gap: f64) -> bool {
        self.idle += 1;
        if gap < 0.5 * self.smallest {
            (self.smallest, self.idle) = (gap, 0);
        }
        self.idle >= MOST_IDLE
    }
}
