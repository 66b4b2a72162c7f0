//! The span of the unpenalised columns: dual points must be orthogonal to it.

use crate::design::LinearOperator;
use crate::kernels;

/// An orthonormal basis of the span of some columns of X.
#[derive(Debug)]
pub(super) struct FreeSpace {
    pub(super) columns: Vec<usize>,
    basis: Vec<f64>,
    nrows: usize,
}

/// Columns that lose all but this share of their norm are taken as dependent on the ones before.
const DEPENDENT: f64 = 1e-11;

impl FreeSpace {
    /// Gram–Schmidt, twice for orthogonality to machine precision.
    pub(super) fn new<X: LinearOperator + ?Sized>(x: &X, columns: &[usize]) -> Self {
        let n = x.nrows();
        let mut basis: Vec<f64> = Vec::new();
        let mut unit = vec![0.0; x.ncols()];
        let mut column = vec![0.0; n];
        for &j in columns {
            if basis.len() == n * n {
                break;
            }
            unit[j] = 1.0;
            x.apply(&unit, &mut column);
            unit[j] = 0.0;
            let before = kernels::sq_norm(&column).sqrt();
            project(&basis, n, &mut column);
            project(&basis, n, &mut column);
            let after = kernels::sq_norm(&column).sqrt();
            if after > DEPENDENT * before {
                basis.extend(column.iter().map(|v| v / after));
            }
        }
        Self { columns: columns.to_vec(), basis, nrows: n }
    }

    /// `u_t ← u_t − Z Zᵀ u_t` for every response.
    pub(super) fn project(&self, u: &mut [f64]) {
        for u in u.chunks_exact_mut(self.nrows) {
            project(&self.basis, self.nrows, u);
            project(&self.basis, self.nrows, u);
        }
    }
}

fn project(basis: &[f64], n: usize, u: &mut [f64]) {
    for z in basis.chunks_exact(n) {
        let c = kernels::dot(z, u);
        kernels::axpy(-c, z, u);
    }
}
