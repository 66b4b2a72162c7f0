//! Where a penalty is linear: the directions that keep signs, ties and pieces.

/// Directions z_k along which a penalty is linear near some w: `λΩ(w + Σ_k d_k z_k) = λΩ(w) + Σ_k slope_k d_k` for all small d.
///
/// For the sorted ℓ₁ norm a direction is a cluster of coefficients of one size, for total variation a piece of equal
/// neighbours. On its pattern a problem is smooth and small, so [`Fista`](crate::solver::Fista) can finish by
/// Newton's method.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pattern {
    entries: Vec<(usize, f64)>,
    ends: Vec<usize>,
    slopes: Vec<f64>,
}

impl Pattern {
    /// No direction.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the direction with these entries (coefficient, value) and the slope of λΩ along it.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (usize, f64)>, slope: f64) {
        self.entries.extend(entries);
        self.ends.push(self.entries.len());
        self.slopes.push(slope);
    }

    /// Number of directions.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no direction.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The entries of direction k.
    pub fn direction(&self, k: usize) -> &[(usize, f64)] {
        let from = if k == 0 { 0 } else { self.ends[k - 1] };
        &self.entries[from..self.ends[k]]
    }

    /// The slope of λΩ along direction k.
    pub fn slope(&self, k: usize) -> f64 {
        self.slopes[k]
    }

    /// `⟨z_k, g⟩`.
    pub(crate) fn inner(&self, k: usize, g: &[f64]) -> f64 {
        self.direction(k).iter().map(|&(i, z)| z * g[i]).sum()
    }
}
