//! λ as a sequence.

use crate::error::{Error, Result, check_scalar};

/// The λs of a path.
///
/// ```
/// use sparsereg::path::Grid;
/// let lambdas = Grid::auto(3).ratio(0.01).resolve(1.0, 50, 10)?;
/// assert!((lambdas[1] - 0.1).abs() < 1e-15);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    points: usize,
    ratio: Option<f64>,
    values: Option<Vec<f64>>,
}

impl Grid {
    /// `points` values from λ_max (where the first coefficient is about to enter) down to `ratio · λ_max`, geometrically.
    /// The ratio is 1e-3, or 1e-2 when there are more features than observations.
    pub fn auto(points: usize) -> Self {
        Self { points, ratio: None, values: None }
    }

    /// Sets λ_min / λ_max of an automatic grid.
    pub fn ratio(mut self, ratio: f64) -> Self {
        self.ratio = Some(ratio);
        self
    }

    /// These values, largest first whatever their order; a ratio has no meaning for them and is not looked at.
    pub fn values(lambdas: impl Into<Vec<f64>>) -> Self {
        Self { points: 0, ratio: None, values: Some(lambdas.into()) }
    }

    /// How many λs there will be.
    pub(crate) fn len(&self) -> usize {
        self.values.as_ref().map_or(self.points, Vec::len)
    }

    /// The λs, falling.
    ///
    /// # Errors
    /// An empty grid, a value that is negative or not finite, a ratio outside (0, 1], or λ_max that is 0 (nothing to
    /// fit) or infinite (a ridge penalty never gives exact zeros: state the values).
    pub fn resolve(&self, lambda_max: f64, nrows: usize, ncols: usize) -> Result<Vec<f64>> {
        if let Some(values) = &self.values {
            if values.is_empty() {
                return Err(Error::Empty { argument: "grid" });
            }
            if let Some(i) = values.iter().position(|v| !(*v >= 0.0 && v.is_finite())) {
                let expected = "a finite number >= 0";
                return Err(Error::OutOfRange { argument: "grid", index: vec![i], value: values[i], expected });
            }
            let mut sorted = values.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            return Ok(sorted);
        }
        if self.points == 0 {
            return Err(Error::Empty { argument: "grid" });
        }
        let ratio = self.ratio.unwrap_or(if ncols > nrows { 1e-2 } else { 1e-3 });
        check_scalar("ratio", ratio, f64::MIN_POSITIVE, 1.0, "a number in (0, 1]")?;
        if lambda_max == 0.0 {
            let reason = "λ_max is 0: nothing is selected at any λ, so there is no path".into();
            return Err(Error::IllPosed { reason });
        }
        if !lambda_max.is_finite() {
            let reason = "λ_max is infinite: this penalty never gives zeros, state the λs with Grid::values".into();
            return Err(Error::IllPosed { reason });
        }
        let last = (self.points - 1).max(1) as f64;
        // The first value is λ_max itself, not its rounded power.
        Ok((0..self.points)
            .map(|k| if k == 0 { lambda_max } else { lambda_max * ratio.powf(k as f64 / last) })
            .collect())
    }
}

impl Default for Grid {
    fn default() -> Self {
        Self::auto(100)
    }
}
