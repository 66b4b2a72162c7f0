//! The span of the unpenalised columns: dual points must be orthogonal to it.

use crate::design::LinearOperator;
use crate::kernels;

/// Columns of X with values: a direction of coefficients.
pub(super) type Direction = Vec<(usize, f64)>;

/// An orthonormal basis of the span of some columns of X, and of sums of columns.
#[derive(Debug)]
pub(super) struct FreeSpace {
    pub(super) columns: Vec<usize>,
    basis: Vec<f64>,
    nrows: usize,
    /// The columns and directions that are independent of the ones before: X_kept = Z R.
    kept: Vec<Direction>,
    /// R, packed: column i holds its i + 1 entries.
    triangle: Vec<f64>,
}

/// Columns that lose all but this share of their norm are taken as dependent on the ones before.
const DEPENDENT: f64 = 1e-11;

/// Takes from the gradient g what rounding has left of it along disjoint directions, which a dual point is orthogonal to.
pub(super) fn balance(directions: &[Direction], q: usize, g: &mut [f64]) {
    for direction in directions {
        let size: f64 = direction.iter().map(|(_, z)| z * z).sum();
        for t in 0..q {
            let rest = direction.iter().map(|&(j, z)| z * g[j * q + t]).sum::<f64>() / size;
            direction.iter().for_each(|&(j, z)| g[j * q + t] -= rest * z);
        }
    }
}

impl FreeSpace {
    /// Gram–Schmidt, twice for orthogonality to machine precision.
    pub(super) fn new<X: LinearOperator + ?Sized>(x: &X, columns: &[usize], directions: &[Direction]) -> Self {
        let n = x.nrows();
        let mut basis: Vec<f64> = Vec::new();
        let mut unit = vec![0.0; x.ncols()];
        let mut column = vec![0.0; n];
        let (mut kept, mut triangle) = (Vec::new(), Vec::new());
        let all = columns.iter().map(|&j| vec![(j, 1.0)]).chain(directions.iter().cloned());
        for direction in all {
            if basis.len() == n * n {
                break;
            }
            direction.iter().for_each(|&(j, z)| unit[j] = z);
            x.apply(&unit, &mut column);
            direction.iter().for_each(|&(j, _)| unit[j] = 0.0);
            let before = kernels::sq_norm(&column).sqrt();
            let mut coefficients = vec![0.0; basis.len() / n];
            project(&basis, n, &mut column, Some(&mut coefficients));
            project(&basis, n, &mut column, Some(&mut coefficients));
            let after = kernels::sq_norm(&column).sqrt();
            if after > DEPENDENT * before {
                basis.extend(column.iter().map(|v| v / after));
                kept.push(direction);
                triangle.extend_from_slice(&coefficients);
                triangle.push(after);
            }
        }
        Self { columns: columns.to_vec(), basis, nrows: n, kept, triangle }
    }

    /// `u_t ← u_t − Z Zᵀ u_t` for every response.
    pub(super) fn project(&self, u: &mut [f64]) {
        for u in u.chunks_exact_mut(self.nrows) {
            project(&self.basis, self.nrows, u, None);
            project(&self.basis, self.nrows, u, None);
        }
    }

    /// Z, n × [`dim`](Self::dim), orthonormal.
    pub(super) fn basis(&self) -> &[f64] {
        &self.basis
    }

    /// Columns of Z.
    pub(super) fn dim(&self) -> usize {
        self.kept.len()
    }

    /// Least squares of one residual on the free columns: (column, change) for those that are kept.
    pub(super) fn least_squares(&self, residual: &[f64]) -> Vec<(usize, f64)> {
        let mut rest = residual.to_vec();
        let mut c = vec![0.0; self.dim()];
        project(&self.basis, self.nrows, &mut rest, Some(&mut c));
        project(&self.basis, self.nrows, &mut rest, Some(&mut c));
        self.coefficients(c)
    }

    /// (column, change) with `X_F w_F = Z c`; a column may occur more than once.
    pub(super) fn coefficients(&self, mut c: Vec<f64>) -> Vec<(usize, f64)> {
        for i in (0..self.dim()).rev() {
            let column = &self.triangle[i * (i + 1) / 2..(i + 1) * (i + 2) / 2];
            c[i] /= column[i];
            for r in 0..i {
                c[r] -= c[i] * column[r];
            }
        }
        let each = self.kept.iter().zip(c);
        each.flat_map(|(direction, c)| direction.iter().map(move |&(j, z)| (j, c * z))).collect()
    }
}

/// `u ← u − Z Zᵀu`, adding Zᵀu to `coefficients`.
fn project(basis: &[f64], n: usize, u: &mut [f64], mut coefficients: Option<&mut Vec<f64>>) {
    for (i, z) in basis.chunks_exact(n).enumerate() {
        let c = kernels::dot(z, u);
        kernels::axpy(-c, z, u);
        if let Some(coefficients) = &mut coefficients {
            coefficients[i] += c;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::Dense;

    #[test]
    fn least_squares_solves_the_normal_equations_and_skips_dependent_columns() {
        let x = vec![1.0, 2.0, 3.0, 4.0, 2.0, 4.0, 6.0, 8.0, 1.0, -1.0, 1.0, 0.5];
        let design = Dense::from_columns(x.clone(), 4, 3).unwrap();
        let space = FreeSpace::new(&design, &[0, 1, 2], &[]);
        let y = [1.0, 0.0, 2.0, 5.0];
        let mut rest = y.to_vec();
        for (j, c) in space.least_squares(&y) {
            assert_ne!(j, 1, "the double of column 0");
            kernels::axpy(-c, &x[4 * j..4 * j + 4], &mut rest);
        }
        for column in x.chunks_exact(4) {
            assert!(kernels::dot(column, &rest).abs() < 1e-13);
        }
    }
}
