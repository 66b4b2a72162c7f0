//! The residual form of the quadratic model: the state is η − y, a sweep costs two passes over the working columns.

use std::ops::Range;

use crate::design::Design;
use crate::kernels;
use crate::smooth::Quadratic;

/// `m(W) = ν/2 ‖XW − Y‖²_F` with the state `Z = XW − Y` (task-major); ν is the curvature of the loss, 1/n.
#[derive(Debug)]
pub(crate) struct ResidualModel<'a, D: ?Sized> {
    design: &'a D,
    curvature: f64,
}

impl<'a, D: Design + ?Sized> ResidualModel<'a, D> {
    /// The model for a design and a curvature ν.
    pub fn new(design: &'a D, curvature: f64) -> Self {
        Self { design, curvature }
    }
}

impl<D: Design + ?Sized> Quadratic for ResidualModel<'_, D> {
    #[inline]
    fn block_gradient(&self, state: &[f64], cols: Range<usize>, g: &mut [f64]) {
        self.design.dot(cols, state, g);
        g.iter_mut().for_each(|g| *g *= self.curvature);
    }

    #[inline]
    fn shift(&self, state: &mut [f64], cols: Range<usize>, delta: &[f64]) {
        self.design.axpy(cols, delta, state);
    }

    fn block_hessian(&self, cols: Range<usize>, h: &mut [f64]) {
        if cols.len() == 1 {
            h[0] = self.curvature * self.design.sq_norm(cols.start);
            return;
        }
        let index: Vec<usize> = cols.collect();
        self.design.cross_gram(&index, &index, h);
        h.iter_mut().for_each(|h| *h *= self.curvature);
    }

    fn value(&self, _w: &[f64], state: &[f64]) -> f64 {
        0.5 * self.curvature * kernels::sq_norm(state)
    }

    fn energy(&self, _w: &[f64], state: &[f64]) -> f64 {
        self.curvature * kernels::sq_norm(state)
    }
}
