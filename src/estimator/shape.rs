//! One number per observation, or several: `Ix1` and `Ix2`.

use ndarray::{Array, Array1, Array2, ArrayView, ArrayView1, ArrayView2, Axis, Dimension, Ix1, Ix2};

use crate::estimator::{Fitted, LinearModel, Model, MultiTaskModel};

mod sealed {
    pub trait Sealed {}
    impl Sealed for ndarray::Ix1 {}
    impl Sealed for ndarray::Ix2 {}
}

/// The dimensions of responses and predictions: `Ix1` for one number per observation, `Ix2` for a row of them. What there is
/// one of per prediction comes as a number or as a vector accordingly.
pub trait Shape: Dimension + sealed::Sealed {
    /// `f64`, or a vector.
    type Intercept<'a>;
    /// The classes of one response, or of each.
    type Classes<'a>;
    /// [`LinearModel`], or [`MultiTaskModel`].
    type Linear: Model + From<Fitted> + Clone + std::fmt::Debug + std::fmt::Display;

    /// Whether it is one number.
    const ONE: bool;

    #[doc(hidden)]
    fn matrix(y: ArrayView<'_, f64, Self>) -> ArrayView2<'_, f64>;
    #[doc(hidden)]
    fn of_matrix(matrix: Array2<f64>) -> Array<f64, Self>;
    #[doc(hidden)]
    fn of_view(matrix: ArrayView2<'_, f64>) -> ArrayView<'_, f64, Self>;
    #[doc(hidden)]
    fn intercept(all: &Array1<f64>) -> Self::Intercept<'_>;
    #[doc(hidden)]
    fn classes(all: &[Vec<f64>]) -> Self::Classes<'_>;
}

impl Shape for Ix1 {
    type Intercept<'a> = f64;
    type Classes<'a> = &'a [f64];
    type Linear = LinearModel;
    const ONE: bool = true;

    fn matrix(y: ArrayView<'_, f64, Self>) -> ArrayView2<'_, f64> {
        y.insert_axis(Axis(1))
    }

    fn of_matrix(matrix: Array2<f64>) -> Array1<f64> {
        matrix.index_axis_move(Axis(1), 0)
    }

    fn of_view(matrix: ArrayView2<'_, f64>) -> ArrayView1<'_, f64> {
        matrix.index_axis_move(Axis(1), 0)
    }

    fn intercept(all: &Array1<f64>) -> f64 {
        all[0]
    }

    fn classes(all: &[Vec<f64>]) -> &[f64] {
        all.first().map_or(&[], Vec::as_slice)
    }
}

impl Shape for Ix2 {
    type Intercept<'a> = ArrayView1<'a, f64>;
    type Classes<'a> = &'a [Vec<f64>];
    type Linear = MultiTaskModel;
    const ONE: bool = false;

    fn matrix(y: ArrayView<'_, f64, Self>) -> ArrayView2<'_, f64> {
        y
    }

    fn of_matrix(matrix: Array2<f64>) -> Array2<f64> {
        matrix
    }

    fn of_view(matrix: ArrayView2<'_, f64>) -> ArrayView2<'_, f64> {
        matrix
    }

    fn intercept(all: &Array1<f64>) -> ArrayView1<'_, f64> {
        all.view()
    }

    fn classes(all: &[Vec<f64>]) -> &[Vec<f64>] {
        all
    }
}
