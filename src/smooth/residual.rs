//! The residual form of the quadratic model: the state is η − y, a sweep costs two passes over the working columns.

use std::ops::Range;

use crate::design::Design;
use crate::kernels;
use crate::smooth::Quadratic;

/// Columns in a strip: their residuals' traffic falls by as much, and their products stay a small part of the work.
const STRIP: usize = 8;

/// `m(W) = ν/2 ‖XW − Y‖²_F` with the state `Z = XW − Y` (task-major); ν is the curvature of the loss, 1/n.
#[derive(Debug)]
pub(crate) struct ResidualModel<'a, D: ?Sized> {
    design: &'a D,
    /// The column of X behind each local one; those of a block stand side by side in both.
    columns: &'a [usize],
    curvature: f64,
}

impl<'a, D: Design + ?Sized> ResidualModel<'a, D> {
    /// The model of these columns for a curvature ν.
    pub fn new(design: &'a D, columns: &'a [usize], curvature: f64) -> Self {
        Self { design, columns, curvature }
    }

    #[inline]
    fn global(&self, cols: &Range<usize>) -> Range<usize> {
        let first = self.columns[cols.start];
        first..first + cols.len()
    }

    fn all_global(&self, cols: &[usize]) -> Vec<usize> {
        cols.iter().map(|&c| self.columns[c]).collect()
    }
}

impl<D: Design + ?Sized> Quadratic for ResidualModel<'_, D> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        self.design.dot(self.global(&cols), state, g);
        g.iter_mut().for_each(|g| *g *= self.curvature);
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        self.design.axpy(self.global(&cols), delta, state);
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        let global = self.global(&cols);
        if cols.len() == 1 {
            h[0] = self.curvature * self.design.sq_norm(global.start);
            return;
        }
        let index: Vec<usize> = global.collect();
        self.design.cross_gram(&index, &index, h);
        h.iter_mut().for_each(|h| *h *= self.curvature);
    }

    fn strip(&self) -> usize {
        STRIP
    }

    fn strip_gradient(&self, state: &[f64], cols: &[usize], g: &mut [f64]) {
        self.design.dot_scattered(&self.all_global(cols), state, g);
        g.iter_mut().for_each(|g| *g *= self.curvature);
    }

    fn strip_hessian(&self, cols: &[usize], h: &mut [f64]) {
        let cols = self.all_global(cols);
        self.design.cross_gram(&cols, &cols, h);
        h.iter_mut().for_each(|h| *h *= self.curvature);
    }

    fn strip_shift(&self, state: &mut [f64], cols: &[usize], delta: &[f64]) {
        self.design.axpy_scattered(&self.all_global(cols), delta, state);
    }

    fn value(&self, _w: &[f64], state: &[f64]) -> f64 {
        0.5 * self.curvature * kernels::sq_norm(state)
    }

    fn energy(&self, _w: &[f64], state: &[f64]) -> f64 {
        self.curvature * kernels::sq_norm(state)
    }
}
