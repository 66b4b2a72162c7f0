//! Least squares in Gram form: gradients cost |A|², and dual points are known by their gradients.

use crate::kernels;
use crate::linalg::Cholesky;
use crate::penalty::Pattern;
use crate::smooth::free_space::balance;
use crate::smooth::{HessianView, Smooth};

/// `f(w) = f(w₀) + g₀ᵀ(w − w₀) + ½(w − w₀)ᵀH(w − w₀)`, the squared loss on some columns with `H = ν X_AᵀX_A`.
///
/// Its dual points are those of the residual: at a dual point `s·u'`, where u' is the gradient of the loss made orthogonal to
/// the free directions, the Fenchel–Young gap of the squared loss is `δ + (1 − s)²(F − δ)` with δ that of u' alone.
#[derive(Debug)]
pub(crate) struct GramSmooth<'a> {
    hessian: HessianView<'a>,
    nresponses: usize,
    origin: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
    /// What the dual points have to be orthogonal to beside free columns, over local columns.
    directions: Vec<Vec<(usize, f64)>>,
}

/// Gradient and value.
#[derive(Debug, Clone)]
pub(crate) struct GramPoint {
    g: Vec<f64>,
    value: f64,
}

impl<'a> GramSmooth<'a> {
    /// The model around `origin`, where the gradient is `gradient` and the loss `value`.
    pub fn new(
        hessian: HessianView<'a>,
        nresponses: usize,
        origin: Vec<f64>,
        gradient: Vec<f64>,
        value: f64,
        directions: Vec<Vec<(usize, f64)>>,
    ) -> Self {
        Self { hessian, nresponses, origin, gradient, value, directions }
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.hessian.values[j * self.hessian.stride..j * self.hessian.stride + self.ncols()]
    }

    /// `out ← out + H d` over all responses; zeros of d cost nothing.
    fn add_product(&self, d: &[f64], out: &mut [f64]) {
        let q = self.nresponses;
        if q == 1 {
            return kernels::axpy_lines(d.len(), self.ncols(), |j| self.column(j), |j, _| d[j], out);
        }
        for (j, d) in d.chunks_exact(q).enumerate() {
            if d.iter().any(|&d| d != 0.0) {
                for (out, h) in out.chunks_exact_mut(q).zip(self.column(j)) {
                    out.iter_mut().zip(d).for_each(|(o, d)| *o += h * d);
                }
            }
        }
    }

    /// The point at w, whose gradient is known.
    fn with_gradient(&self, w: &[f64], g: Vec<f64>) -> GramPoint {
        // g₀ᵀd + ½dᵀHd = ½ dᵀ(g₀ + g)
        let change = 0.5 * kernels::dot_of_differences(w, &self.origin, &g, &self.gradient);
        GramPoint { g, value: self.value + change }
    }

    /// `g ← g − HZ(ZᵀHZ)⁻¹Zᵀg` for these directions Z, response by response; returns what that takes from the loss.
    fn project(&self, directions: &[Vec<(usize, f64)>], g: &mut [f64]) -> f64 {
        let (p, q, k) = (self.ncols(), self.nresponses, directions.len());
        let mut images = vec![0.0; p * k];
        for (direction, image) in directions.iter().zip(images.chunks_exact_mut(p)) {
            direction.iter().for_each(|&(j, z)| kernels::axpy(z, self.column(j), image));
        }
        let along = |d: &[(usize, f64)], v: &[f64]| d.iter().map(|&(j, z)| z * v[j]).sum::<f64>();
        let mut matrix = vec![0.0; k * k];
        for (i, image) in images.chunks_exact(p).enumerate() {
            directions.iter().enumerate().for_each(|(j, d)| matrix[i * k + j] = along(d, image));
        }
        let Some(cholesky) = regularised(&mut matrix, k) else { return 0.0 };
        let mut taken = 0.0;
        let mut own = vec![0.0; p];
        for t in 0..q {
            // Twice, for what the ridge and rounding leave.
            for _ in 0..2 {
                own.iter_mut().enumerate().for_each(|(j, o)| *o = g[j * q + t]);
                let slopes: Vec<f64> = directions.iter().map(|d| along(d, &own)).collect();
                let mut c = slopes.clone();
                cholesky.solve_in_place(&mut c);
                taken += 0.5 * c.iter().zip(&slopes).map(|(c, s)| c * s).sum::<f64>();
                for (c, image) in c.iter().zip(images.chunks_exact(p)) {
                    image.iter().enumerate().for_each(|(j, i)| g[j * q + t] -= c * i);
                }
            }
        }
        taken
    }
}

/// Steps of the power method.
const POWER_STEPS: usize = 8;

/// The factor of a positive semidefinite matrix with as little added to its diagonal as it takes.
pub(crate) fn regularised(matrix: &mut [f64], k: usize) -> Option<Cholesky> {
    let largest = (0..k).map(|i| matrix[i * k + i]).fold(0.0, f64::max);
    if !(largest > 0.0 && largest.is_finite()) {
        return None;
    }
    let mut ridge = 1e-15 * largest;
    while ridge < 1e-3 * largest {
        (0..k).for_each(|i| matrix[i * k + i] += ridge);
        if let Ok(cholesky) = Cholesky::factor(matrix, k) {
            return Some(cholesky);
        }
        ridge *= 100.0;
    }
    None
}

impl Smooth for GramSmooth<'_> {
    type Point = GramPoint;
    /// What is lost by orthogonality to the free directions.
    type Dual = f64;

    fn ncols(&self) -> usize {
        self.origin.len() / self.nresponses
    }

    fn nresponses(&self) -> usize {
        self.nresponses
    }

    fn point(&self, w: &[f64]) -> GramPoint {
        let d: Vec<f64> = w.iter().zip(&self.origin).map(|(w, o)| w - o).collect();
        let mut g = self.gradient.clone();
        self.add_product(&d, &mut g);
        self.with_gradient(w, g)
    }

    fn point_between(&self, w: &[f64], now: &GramPoint, before: &GramPoint, beta: f64) -> Option<GramPoint> {
        let g = now.g.iter().zip(&before.g).map(|(n, b)| n + beta * (n - b)).collect();
        Some(self.with_gradient(w, g))
    }

    fn value(&self, at: &GramPoint) -> f64 {
        at.value
    }

    fn gradient(&self, at: &GramPoint, g: &mut [f64]) {
        g.copy_from_slice(&at.g);
    }

    fn dual(&self, at: &GramPoint, free: &[usize], g: &mut [f64]) -> f64 {
        g.copy_from_slice(&at.g);
        if free.is_empty() && self.directions.is_empty() {
            return 0.0;
        }
        let mut directions: Vec<Vec<(usize, f64)>> = free.iter().map(|&j| vec![(j, 1.0)]).collect();
        directions.extend(self.directions.iter().cloned());
        let lost = self.project(&directions, g);
        balance(&self.directions, self.nresponses, g);
        lost
    }

    fn fenchel_young(&self, at: &GramPoint, lost: &f64, scale: f64) -> f64 {
        lost + (1.0 - scale) * (1.0 - scale) * (at.value - lost).max(0.0)
    }

    fn rounding(&self, at: &GramPoint) -> f64 {
        16.0 * f64::EPSILON * (self.value.abs() + at.value.abs())
    }

    fn lipschitz(&self, _scale: Option<&[f64]>) -> Option<f64> {
        let p = self.ncols();
        let multiply = |v: &[f64], out: &mut [f64]| {
            out.fill(0.0);
            kernels::axpy_lines(p, p, |j| self.column(j), |j, _| v[j], out);
        };
        // A few steps of the power method; it comes from below, and solvers backtrack.
        let mut v: Vec<f64> = (0..p).map(|j| 1.0 + (j % 7) as f64 * 0.1).collect();
        let mut image = vec![0.0; p];
        let mut norm = 0.0;
        for _ in 0..POWER_STEPS {
            let size = kernels::sq_norm(&v).sqrt();
            if !(size > 0.0 && size.is_finite()) {
                return None;
            }
            v.iter_mut().for_each(|v| *v /= size);
            multiply(&v, &mut image);
            norm = kernels::sq_norm(&image).sqrt();
            std::mem::swap(&mut v, &mut image);
        }
        Some(1.05 * norm)
    }

    fn hessian_along(&self, _at: &GramPoint, pattern: &Pattern) -> Option<Vec<f64>> {
        let (p, q, k) = (self.ncols(), self.nresponses, pattern.len());
        if q > 1 {
            return None;
        }
        let mut out = vec![0.0; k * k];
        let mut image = vec![0.0; p];
        for i in 0..k {
            image.fill(0.0);
            pattern.direction(i).iter().for_each(|&(j, z)| kernels::axpy(z, self.column(j), &mut image));
            for l in 0..=i {
                let value = pattern.inner(l, &image);
                (out[i * k + l], out[l * k + i]) = (value, value);
            }
        }
        Some(out)
    }
}
