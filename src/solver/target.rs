//! λ from a bound on the loss or on the penalty: the state of a root find on the Pareto curve.
//!
//! Along the solutions of `min F + λΩ` the loss does not fall with λ and Ω does not rise, and `dF = −λ dΩ`. Where the active
//! set stays the same, the squared loss is `a + cλ²` and the ℓ1 norm `b − eλ`, exactly; next to it others are
//! nearly so. So the secant is drawn over λ² for a bound on F and over λ for one on Ω: two solutions on the same piece give the
//! root (Osborne, Presnell and Turlach 2000; van den Berg and Friedlander 2008 find the root over the radius instead).

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// `F ≤ ε`.
    Loss(f64),
    /// `Ω ≤ t`.
    Penalty(f64),
}

/// A solution as the root find sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub lambda: f64,
    /// F.
    pub loss: f64,
    /// Ω.
    pub penalty: f64,
}

/// A value that rises with its abscissa and is to be zero.
#[derive(Debug, Clone, Copy)]
struct Sample {
    x: f64,
    y: f64,
}

/// The root find: asked for the next λ after each solution.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    limit: Limit,
    tolerance: f64,
    /// F(null) − inf F.
    scale: f64,
    /// Closest samples with y ≤ 0 and y > 0.
    below: Option<Sample>,
    above: Option<Sample>,
    last: Option<Sample>,
    slope: Option<f64>,
    /// Steps that left the same end of the bracket in place.
    stuck: i32,
}

/// Where in the window of acceptable values the root find aims, as a share of it from the bound inwards, and how close it
/// has to come.
const AIM: f64 = 0.25;
const NEAR: f64 = 0.2;

impl Target {
    /// `tolerance` is relative: to Ω for a bound on F, to `scale` for a bound on Ω.
    pub(crate) fn new(limit: Limit, tolerance: f64, scale: f64) -> Self {
        Self { limit, tolerance, scale, below: None, above: None, last: None, slope: None, stuck: 0 }
    }

    pub(crate) fn limit(&self) -> Limit {
        self.limit
    }

    /// What the gap, in units of F, may be together with what the bound leaves unused: `λ(Ω − lower)` for a bound on F,
    /// `F − lower` for one on Ω.
    pub(crate) fn window(&self, found: Found) -> f64 {
        match self.limit {
            Limit::Loss(_) => self.tolerance * found.lambda * found.penalty,
            Limit::Penalty(_) => self.tolerance * self.scale,
        }
    }

    /// What the bound leaves unused, in units of F; negative where it is broken.
    pub(crate) fn slack(&self, found: Found) -> f64 {
        match self.limit {
            Limit::Loss(loss) => loss - found.loss,
            Limit::Penalty(penalty) => found.lambda * (penalty - found.penalty),
        }
    }

    /// Whether the answer keeps the bound and is proven to be as good as the tolerance asks. `gap` includes rounding.
    pub(crate) fn accepts(&self, found: Found, gap: f64) -> bool {
        let slack = self.slack(found);
        slack >= 0.0 && gap + slack <= self.window(found)
    }

    /// Whether the bound is kept.
    pub(crate) fn is_kept(&self, found: Found) -> bool {
        self.slack(found) >= 0.0
    }

    /// The gap at which a certificate serves.
    pub(crate) fn wanted_gap(&self, found: Found) -> f64 {
        (1.0 - AIM - NEAR) * self.window(found)
    }

    /// How far the value is from where it should be, in units of F: 0 is perfect, positive asks for a smaller λ.
    pub(crate) fn miss(&self, found: Found) -> f64 {
        // Far below the optimum of a bound on Ω its window is wider than the bound itself.
        let window = match self.limit {
            Limit::Loss(_) => self.window(found),
            Limit::Penalty(t) => self.window(found).min(self.tolerance * found.lambda * t),
        };
        let miss = AIM * window - self.slack(found);
        match self.limit {
            Limit::Loss(_) => miss,
            Limit::Penalty(_) => -miss,
        }
    }

    /// Whether the value is as close to where it should be as it need be.
    pub(crate) fn is_near(&self, found: Found) -> bool {
        self.miss(found).abs() <= NEAR * self.window(found)
    }

    fn abscissa(&self, lambda: f64) -> f64 {
        match self.limit {
            Limit::Loss(_) => lambda * lambda,
            Limit::Penalty(_) => lambda,
        }
    }

    fn lambda(&self, x: f64) -> f64 {
        match self.limit {
            Limit::Loss(_) => x.max(0.0).sqrt(),
            Limit::Penalty(_) => x,
        }
    }

    /// Forgets the bracket: what follows is another problem, or closer to it. Its slope stays a guess.
    pub(crate) fn restart(&mut self) {
        (self.below, self.above, self.last, self.stuck) = (None, None, None, 0);
    }

    /// Learns from a solution.
    pub(crate) fn learn(&mut self, found: Found) {
        let miss = match self.limit {
            Limit::Loss(_) => self.miss(found),
            // In units of Ω, as λ differs from sample to sample.
            Limit::Penalty(_) if found.lambda > 0.0 => self.miss(found) / found.lambda,
            Limit::Penalty(t) => t - found.penalty,
        };
        let sample = Sample { x: self.abscissa(found.lambda), y: miss };
        if let Some(last) = self.last {
            let slope = (sample.y - last.y) / (sample.x - last.x);
            if slope > 0.0 && slope.is_finite() {
                self.slope = Some(slope);
            }
        }
        self.last = Some(sample);
        let same = if sample.y > 0.0 { self.stuck.max(0) + 1 } else { self.stuck.min(0) - 1 };
        self.stuck = same;
        if sample.y > 0.0 {
            self.above = Some(sample);
            self.below = self.below.filter(|b| b.x < sample.x);
        } else {
            self.below = Some(sample);
            self.above = self.above.filter(|a| a.x > sample.x);
        }
    }

    /// The abscissa at which the secant through the last sample is zero.
    fn secant(&self) -> Option<f64> {
        let last = self.last?;
        Some(last.x - last.y / self.slope?)
    }

    /// The next λ, between these two; `None` if nothing is left to try.
    pub(crate) fn next(&self, least: f64, most: f64) -> Option<f64> {
        let last = self.last?;
        let (low, high) = (self.abscissa(least), self.abscissa(most));
        let x = match (self.below, self.above) {
            (Some(below), Some(above)) => {
                let inside = |x: &f64| *x > below.x && *x < above.x;
                let halved = {
                    let (a, b) = (self.lambda(below.x), self.lambda(above.x));
                    // Over orders of magnitude the middle is that of the exponents.
                    let middle = if b > 4.0 * a { (a.max(1e-4 * b) * b).sqrt() } else { 0.5 * (a + b) };
                    self.abscissa(middle)
                };
                if self.stuck.abs() >= 4 {
                    halved
                } else {
                    let chord = below.x - below.y * (above.x - below.x) / (above.y - below.y);
                    self.secant().filter(inside).or(Some(chord).filter(inside)).unwrap_or(halved)
                }
            }
            (None, _) => self.secant().unwrap_or(low).min(0.9 * last.x),
            (_, None) => {
                let far = self.abscissa(2.0 * self.lambda(last.x));
                self.secant().unwrap_or(far).clamp(1.01 * last.x, 16.0 * far)
            }
        };
        let x = x.max(low).min(high);
        (x != last.x && x.is_finite()).then(|| self.lambda(x))
    }

    /// Whether the line through the samples says that no positive λ will do.
    pub(crate) fn ends_before(&self) -> bool {
        self.below.is_none() && self.last.is_some_and(|last| last.y > 0.0) && self.secant().is_some_and(|x| x <= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On one piece of a lasso path the second step is the root.
    #[test]
    fn the_secant_is_exact_on_a_piece() {
        let mut target = Target::new(Limit::Loss(0.3), 0.0, 1.0);
        let found = |lambda: f64| Found { lambda, loss: 0.1 + 2.0 * lambda * lambda, penalty: 5.0 - 4.0 * lambda };
        target.learn(found(0.9));
        target.learn(found(0.5));
        let root = target.next(0.0, 1.0).unwrap();
        approx::assert_relative_eq!(root, 0.1f64.sqrt(), max_relative = 1e-14);
        let mut target = Target::new(Limit::Penalty(4.5), 0.0, 1.0);
        target.learn(found(0.9));
        target.learn(found(0.5));
        approx::assert_relative_eq!(target.next(0.0, 1.0).unwrap(), 0.125, max_relative = 1e-14);
        assert!(!target.ends_before());
        let mut target = Target::new(Limit::Loss(0.05), 0.0, 1.0);
        target.learn(found(0.9));
        target.learn(found(0.5));
        assert!(target.ends_before());
    }

    /// Any rising function, kinks and jumps included: the bracket shrinks to the root.
    #[test]
    fn jumps_and_kinks_are_enclosed() {
        let curves: [fn(f64) -> f64; 3] = [
            |l| if l < 0.37 { 0.1 * l } else { 0.8 + 0.1 * l },
            |l| l.powi(7),
            |l| if l < 0.2 { 1e-3 * l } else { 2.0 * (l - 0.2) + 2e-4 },
        ];
        for curve in curves {
            let mut target = Target::new(Limit::Loss(0.5), 0.0, 1.0);
            let found = |lambda: f64| Found { lambda, loss: curve(lambda), penalty: 1.0 };
            let mut lambda = 1.0;
            for _ in 0..200 {
                target.learn(found(lambda));
                match target.next(0.0, 1.0) {
                    Some(next) => lambda = next,
                    None => break,
                }
            }
            let (below, above) = (target.below.unwrap(), target.above.unwrap());
            let width = above.x.sqrt() - below.x.sqrt();
            assert!(width < 1e-9 || curve(below.x.sqrt()) > 0.5 - 1e-12, "{width:e}");
        }
    }
}
