//! faer (pure Rust), always on the calling thread.

use ::faer::dyn_stack::{MemBuffer, MemStack};
use ::faer::linalg::cholesky::llt;
use ::faer::linalg::evd::{self, ComputeEigenvectors};
use ::faer::linalg::matmul;
use ::faer::linalg::matmul::triangular::{self, BlockStructure};
use ::faer::linalg::svd::{self, ComputeSvdVectors};
use ::faer::{Accum, ColMut, MatMut, MatRef, Par};

use super::{NoConvergence, NotPositiveDefinite};

/// The lower triangle of XᵀX, in place of what is in `out` or added to it; columns of X start every `ld` values.
pub(super) fn gram_lower(x: &[f64], ld: usize, n: usize, p: usize, out: &mut [f64], add: bool) {
    let x = MatRef::from_column_major_slice_with_stride(x, n, p, ld);
    triangular::matmul(
        MatMut::from_column_major_slice_mut(out, p, p),
        BlockStructure::TriangularLower,
        if add { Accum::Add } else { Accum::Replace },
        x.transpose(),
        BlockStructure::Rectangular,
        x,
        BlockStructure::Rectangular,
        1.0,
        Par::Seq,
    );
}

/// AᵀB, in place of what is in `out` or added to it.
pub(super) fn transpose_matmul(
    (a, lda): (&[f64], usize),
    (b, ldb): (&[f64], usize),
    n: usize,
    (p, m): (usize, usize),
    out: &mut [f64],
    add: bool,
) {
    matmul::matmul(
        MatMut::from_column_major_slice_mut(out, p, m),
        if add { Accum::Add } else { Accum::Replace },
        MatRef::from_column_major_slice_with_stride(a, n, p, lda).transpose(),
        MatRef::from_column_major_slice_with_stride(b, n, m, ldb),
        1.0,
        Par::Seq,
    );
}

/// AB.
pub(super) fn matmul((a, lda): (&[f64], usize), b: &[f64], n: usize, p: usize, m: usize, out: &mut [f64]) {
    matmul::matmul(
        MatMut::from_column_major_slice_mut(out, n, m),
        Accum::Replace,
        MatRef::from_column_major_slice_with_stride(a, n, p, lda),
        MatRef::from_column_major_slice(b, p, m),
        1.0,
        Par::Seq,
    );
}

/// Replaces the lower triangle of `work`, a copy of `a`, by L.
pub(super) fn cholesky(work: &mut [f64], _a: &[f64], p: usize) -> Result<(), NotPositiveDefinite> {
    let scratch = llt::factor::cholesky_in_place_scratch::<f64>(p, Par::Seq, Default::default());
    llt::factor::cholesky_in_place(
        MatMut::from_column_major_slice_mut(work, p, p),
        Default::default(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map(|_| ())
    .map_err(|llt::factor::LltError::NonPositivePivot { index }| NotPositiveDefinite { pivot: index })
}

/// The lower triangle of (LLᵀ)⁻¹.
pub(super) fn inverse_lower(l: &[f64], p: usize, out: &mut [f64]) {
    let scratch = llt::inverse::inverse_scratch::<f64>(p, Par::Seq);
    llt::inverse::inverse(
        MatMut::from_column_major_slice_mut(out, p, p),
        MatRef::from_column_major_slice(l, p, p),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
}

/// b ← (LLᵀ)⁻¹ b for several columns.
pub(super) fn cholesky_solve(l: &[f64], p: usize, b: &mut [f64], columns: usize) {
    let scratch = llt::solve::solve_in_place_scratch::<f64>(p, columns, Par::Seq);
    llt::solve::solve_in_place(
        MatRef::from_column_major_slice(l, p, p),
        MatMut::from_column_major_slice_mut(b, p, columns),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
    );
}

/// Ascending eigenvalues and, if asked for, eigenvectors.
pub(super) fn eigh(a: &[f64], p: usize, values: &mut [f64], vectors: Option<&mut [f64]>) -> Result<(), NoConvergence> {
    if p == 0 {
        return Ok(());
    }
    let compute = if vectors.is_some() { ComputeEigenvectors::Yes } else { ComputeEigenvectors::No };
    let scratch = evd::self_adjoint_evd_scratch::<f64>(p, compute, Par::Seq, Default::default());
    evd::self_adjoint_evd(
        MatRef::from_column_major_slice(a, p, p),
        ColMut::from_slice_mut(values).as_diagonal_mut(),
        vectors.map(|v| MatMut::from_column_major_slice_mut(v, p, p)),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NoConvergence)
}

/// Singular values of an n×p matrix, descending.
pub(super) fn singular_values(a: &[f64], n: usize, p: usize, values: &mut [f64]) -> Result<(), NoConvergence> {
    let none = ComputeSvdVectors::No;
    let scratch = svd::svd_scratch::<f64>(n, p, none, none, Par::Seq, Default::default());
    svd::svd(
        MatRef::from_column_major_slice(a, n, p),
        ColMut::from_slice_mut(values).as_diagonal_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NoConvergence)
}

/// Thin singular value decomposition: values descending, vectors in columns.
pub(super) fn svd(
    a: &[f64],
    n: usize,
    p: usize,
    values: &mut [f64],
    left: &mut [f64],
    right: &mut [f64],
) -> Result<(), NoConvergence> {
    let (thin, k) = (ComputeSvdVectors::Thin, n.min(p));
    let scratch = svd::svd_scratch::<f64>(n, p, thin, thin, Par::Seq, Default::default());
    svd::svd(
        MatRef::from_column_major_slice(a, n, p),
        ColMut::from_slice_mut(values).as_diagonal_mut(),
        Some(MatMut::from_column_major_slice_mut(left, n, k)),
        Some(MatMut::from_column_major_slice_mut(right, p, k)),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| NoConvergence)
}
