//! The form over rows of a quadratic model with several responses, whose Hessian couples those of an observation or weights
//! each for itself: products of columns are never formed, which with q responses would be q² or q times as many.

use std::ops::Range;

use crate::design::{Csc, Design};
use crate::kernels;
use crate::loss::Hessian;
use crate::smooth::Quadratic;

/// Columns of a design, gathered: the model is around each of many points in turn, on the same columns.
#[derive(Debug, Clone)]
pub(crate) struct GatheredColumns {
    nrows: usize,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Dense(Vec<f64>),
    Sparse(Csc),
}

impl GatheredColumns {
    pub fn new<D: Design + ?Sized>(design: &D, columns: &[usize]) -> Self {
        let nrows = design.nrows();
        let values = match design.scaled_columns(columns, &vec![1.0; nrows]) {
            Some(part) => Values::Sparse(part),
            None => {
                let mut values = vec![0.0; nrows * columns.len()];
                columns.iter().zip(values.chunks_exact_mut(nrows)).for_each(|(&j, x)| design.column(j, x));
                Values::Dense(values)
            }
        };
        Self { nrows, values }
    }

    fn dense<'a>(&self, values: &'a [f64], column: usize) -> &'a [f64] {
        &values[column * self.nrows..(column + 1) * self.nrows]
    }

    /// `out_t ← xᵀ r_t` for the responses t that stand one after the other in `r`.
    fn dot(&self, column: usize, r: &[f64], out: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => {
                kernels::dot_lines(1, self.nrows, |_| self.dense(values, column), r, out);
            }
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                for (out, r) in out.iter_mut().zip(r.chunks_exact(self.nrows)) {
                    *out = kernels::sparse_dot(rows, values, r);
                }
            }
        }
    }

    /// `y ← y + alpha x`.
    fn axpy(&self, column: usize, alpha: f64, y: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => kernels::axpy(alpha, self.dense(values, column), y),
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                kernels::sparse_axpy(alpha, rows, values, y);
            }
        }
    }

    /// `y ← y + x ∘ Σ_c alpha_c h_c`.
    fn weighted_axpy(&self, column: usize, terms: &[(f64, &[f64])], y: &mut [f64]) {
        match &self.values {
            Values::Dense(values) => kernels::weighted_axpy(self.dense(values, column), terms, y),
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                for (&i, v) in rows.iter().zip(values) {
                    let i = i as usize;
                    y[i] += v * terms.iter().map(|(alpha, h)| alpha * h[i]).sum::<f64>();
                }
            }
        }
    }

    /// `Σ_i h_i x_i²`.
    fn weighted_square(&self, column: usize, h: &[f64]) -> f64 {
        match &self.values {
            Values::Dense(values) => self.dense(values, column).iter().zip(h).map(|(x, h)| h * x * x).sum(),
            Values::Sparse(part) => {
                let (rows, values) = part.entries(column);
                rows.iter().zip(values).map(|(&i, x)| h[i as usize] * x * x).sum()
            }
        }
    }

    /// `Σ_i h_i x_i z_i`.
    fn weighted_product(&self, (left, right): (usize, usize), h: &[f64]) -> f64 {
        if left == right {
            return self.weighted_square(left, h);
        }
        match &self.values {
            Values::Dense(values) => {
                let pairs = self.dense(values, left).iter().zip(self.dense(values, right));
                pairs.zip(h).map(|((x, z), h)| h * x * z).sum()
            }
            Values::Sparse(part) => {
                let mut wide = vec![0.0; self.nrows];
                let (rows, values) = part.entries(right);
                rows.iter().zip(values).for_each(|(&i, z)| wide[i as usize] = h[i as usize] * z);
                let (rows, values) = part.entries(left);
                kernels::sparse_dot(rows, values, &wide)
            }
        }
    }
}

/// `m(w) = ½ ΔᵀMΔ + uᵀΔ` for the change Δ of the predictions of q responses, with one coefficient for each coordinate. The
/// state is `u + MΔ` and then Δ, both task-major.
#[derive(Debug)]
pub(crate) struct CoupledRows<'a> {
    columns: &'a GatheredColumns,
    /// M by response: n numbers for each, or for each pair.
    hessian: &'a Hessian<'a>,
    /// The gathered column of each coordinate, and its response.
    places: &'a [(usize, usize)],
    slope: &'a [f64],
    energy: f64,
}

impl<'a> CoupledRows<'a> {
    /// The model around predictions where ∇F is `slope` and `2 (F − inf F)` is `energy`. The Hessian is not an operator.
    pub fn new(
        columns: &'a GatheredColumns,
        hessian: &'a Hessian<'a>,
        places: &'a [(usize, usize)],
        slope: &'a [f64],
        energy: f64,
    ) -> Self {
        Self { columns, hessian, places, slope, energy }
    }

    /// The state at the origin.
    pub fn state(&self) -> Vec<f64> {
        let mut state = self.slope.to_vec();
        state.resize(2 * self.slope.len(), 0.0);
        state
    }

    /// The curvatures that tie responses s and t together, none if there are none.
    fn between(&self, s: usize, t: usize) -> Option<&[f64]> {
        let n = self.columns.nrows;
        match self.hessian {
            Hessian::Diagonal(h) => (s == t).then(|| &h[t * n..(t + 1) * n]),
            Hessian::PerRow(h) => {
                // It is symmetric: half of it has to stay in the cache.
                let q = self.slope.len() / n;
                let (s, t) = (s.max(t), s.min(t));
                Some(&h[(s * q + t) * n..(s * q + t + 1) * n])
            }
            Hessian::Operator(_) => None,
        }
    }

    /// Calls `f` with every column among these coordinates, and the coordinates that belong to it.
    fn for_each_column(&self, cols: Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let mut start = cols.start;
        while start < cols.end {
            let column = self.places[start].0;
            let len = self.places[start..cols.end].iter().take_while(|p| p.0 == column).count();
            f(column, start..start + len);
            start += len;
        }
    }
}

impl Quadratic for CoupledRows<'_> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        let (n, first) = (self.columns.nrows, cols.start);
        self.for_each_column(cols, |column, own| {
            let response = self.places[own.start].1;
            let slope = &state[response * n..(response + own.len()) * n];
            self.columns.dot(column, slope, &mut g[own.start - first..own.end - first]);
        });
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        let (n, first) = (self.columns.nrows, cols.start);
        let (slope, change) = state.split_at_mut(self.slope.len());
        let mut terms = Vec::new();
        self.for_each_column(cols, |column, own| {
            let moved = || own.clone().map(|k| (self.places[k].1, delta[k - first])).filter(|(_, d)| *d != 0.0);
            for (s, slope) in slope.chunks_exact_mut(n).enumerate() {
                terms.clear();
                terms.extend(moved().filter_map(|(t, d)| Some((d, self.between(s, t)?))));
                if !terms.is_empty() {
                    self.columns.weighted_axpy(column, &terms, slope);
                }
            }
            moved().for_each(|(t, d)| self.columns.axpy(column, d, &mut change[t * n..(t + 1) * n]));
        });
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let k = cols.len();
        let places = &self.places[cols];
        for (a, &(left, s)) in places.iter().enumerate() {
            for (b, &(right, t)) in places[..=a].iter().enumerate() {
                h[a * k + b] = self.between(s, t).map_or(0.0, |h| self.columns.weighted_product((left, right), h));
                h[b * k + a] = h[a * k + b];
            }
        }
    }

    fn value(&self, _w: &[f64], state: &[f64]) -> f64 {
        let (slope, change) = state.split_at(self.slope.len());
        0.5 * (kernels::dot(slope, change) + kernels::dot(self.slope, change))
    }

    fn energy(&self, _w: &[f64], _state: &[f64]) -> f64 {
        self.energy
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::design::Dense;

    /// Numbers in (−1, 1).
    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut at = seed;
        let mut next = || {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (at >> 33) as f64 / (1u64 << 30) as f64 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn state_value_and_hessian_belong_to_the_quadratic_function() {
        let (n, q) = (7, 3);
        let x = numbers(n * 4, 1);
        let dense = Dense::from_columns(x.clone(), n, 4).unwrap();
        let sparse = Csc::from_dense(&dense).unwrap();
        let roots = numbers(q * q * n, 2);
        // M_i = RᵢRᵢᵀ.
        let coupled: Vec<f64> = (0..q * q * n)
            .map(|e| {
                let (s, t, i) = (e / n / q, e / n % q, e % n);
                (0..q).map(|k| roots[(s * q + k) * n + i] * roots[(t * q + k) * n + i]).sum()
            })
            .collect();
        let single: Vec<f64> = numbers(q * n, 3).iter().map(|v| v.abs()).collect();
        // Columns 3 and 1 with all responses, then column 0 with the last one alone.
        let columns = [3, 1, 0];
        let places = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 2)];
        let (slope, delta) = (numbers(q * n, 4), numbers(places.len(), 5));
        for hessian in [Hessian::PerRow(coupled), Hessian::Diagonal(single)] {
            let mut change = vec![0.0; q * n];
            for (&(c, t), d) in places.iter().zip(&delta) {
                (0..n).for_each(|i| change[t * n + i] += d * x[columns[c] * n + i]);
            }
            let mut image = vec![0.0; q * n];
            hessian.apply(n, &change, &mut image);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let expected = 0.5 * dot(&image, &change) + dot(&slope, &change);
            for gathered in [GatheredColumns::new(&dense, &columns), GatheredColumns::new(&sparse, &columns)] {
                let model = CoupledRows::new(&gathered, &hessian, &places, &slope, 1.0);
                let mut state = model.state();
                for cols in [0..3, 3..6, 6..7] {
                    model.shift(&mut state, cols.clone(), &delta[cols]);
                }
                assert_abs_diff_eq!(model.value(&delta, &state), expected, epsilon = 1e-13);
                let mut gradient = vec![0.0; places.len()];
                model.block_gradient(&state, 0..7, &mut gradient);
                let mut h = vec![0.0; 49];
                model.block_hessian(0..7, &mut h);
                assert_abs_diff_eq!(dot(&h[..7], &delta), {
                    let along: Vec<f64> = (0..n).map(|i| x[3 * n + i] * image[i]).collect();
                    along.iter().sum::<f64>()
                }, epsilon = 1e-13);
                for (k, &(c, t)) in places.iter().enumerate() {
                    let column = &x[columns[c] * n..(columns[c] + 1) * n];
                    let whole: Vec<f64> = (0..n).map(|i| slope[t * n + i] + image[t * n + i]).collect();
                    assert_abs_diff_eq!(gradient[k], dot(column, &whole), epsilon = 1e-13);
                    assert_abs_diff_eq!(dot(&h[k * 7..(k + 1) * 7], &delta), dot(column, &image[t * n..(t + 1) * n]), epsilon = 1e-13);
                }
            }
        }
    }
}
