//! Every bad input is an error that names the argument, the place and the value; nothing panics.

use crate::common::{INF, single};
use ndarray::{Array1, Array2, array, s};
use sparsereg::Error;
use sparsereg::design::{Columns, Csc, Dense, RowScaled, Standardized};
use sparsereg::partition::Partition;
use sparsereg::penalty::{ElasticNetPenalty, GroupL2, L1, LatentOverlap, SparseGroup};
use sparsereg::prelude::*;

const NAN: f64 = f64::NAN;

/// The error, or a panic that shows what was accepted.
#[track_caller]
fn error<T>(result: Result<T, Error>) -> Error {
    match result {
        Ok(_) => panic!("accepted"),
        Err(e) => {
            assert!(!e.to_string().is_empty());
            e
        }
    }
}

/// `is!(result, Variant { field: value, … })`: the variant, and the named fields as they print (NaN is NaN).
macro_rules! is {
    ($result:expr, $variant:ident { $($field:ident : $value:expr),* }) => {{
        // Before the fields are bound, which may have the names of what is expected.
        let wanted = [$((stringify!($field), format!("{:?}", $value))),*];
        match error($result) {
            Error::$variant { $($field,)* .. } => {
                let found = [$((stringify!($field), format!("{:?}", $field))),*];
                assert_eq!(found, wanted);
            }
            other => panic!("{other:?}"),
        }
    }};
}

fn data() -> (Array2<f64>, Array1<f64>) {
    single(1, 10, 4)
}

fn groups() -> Groups {
    Groups::from_sizes(&[2, 2]).expect("groups")
}

/// Runs a check on every estimator: `$fit` sees `estimator, x, y` with the y that it takes.
macro_rules! every_estimator {
    ($lambda:expr, |$e:ident, $wide:ident| $body:expr) => {{
        let lambda: f64 = $lambda;
        {
            let ($e, $wide) = (Lasso::new(lambda), false);
            $body
        }
        {
            let ($e, $wide) = (ElasticNet::new(lambda, 0.5), false);
            $body
        }
        {
            let ($e, $wide) = (GroupLasso::new(lambda, groups()), false);
            $body
        }
        {
            let ($e, $wide) = (SparseGroupLasso::new(lambda, 0.5, groups()), false);
            $body
        }
        {
            let ($e, $wide) = (LatentGroupLasso::new(lambda, groups()), false);
            $body
        }
    }};
}

#[test]
fn bad_values_in_x_are_found_wherever_they_stand() {
    for value in [NAN, INF, -INF] {
        for (i, j) in [(0, 0), (3, 2), (9, 3)] {
            let (mut x, y) = data();
            x[[i, j]] = value;
            let place = vec![i, j];
            every_estimator!(0.1, |e, _wide| {
                is!(e.fit(&x, &y), NotFinite { argument: "x", index: place, value: value });
                is!(e.lambda_max(&x, &y), NotFinite { argument: "x", index: place, value: value });
            });
            let column_major = x.t().to_owned();
            is!(Lasso::new(0.1).fit(&column_major.t(), &y), NotFinite { argument: "x", index: place, value: value });
            let single = x.mapv(|v| v as f32);
            is!(Lasso::new(0.1).fit(&single, &y), NotFinite { argument: "x", index: place, value: value });
            let reversed = x.slice(s![..;-1, ..;-1]);
            is!(Lasso::new(0.1).fit(&reversed, &y), NotFinite { argument: "x", index: [9 - i, 3 - j], value: value });
            is!(
                MultiTaskLasso::new(0.1).fit(&x, &array![[0.0]]),
                NotFinite { argument: "x", index: place, value: value }
            );
            is!(Dense::new(x.view()), NotFinite { argument: "x", index: place, value: value });
        }
    }
}

#[test]
fn bad_values_in_y_are_found() {
    for value in [NAN, INF, -INF] {
        let (x, mut y) = data();
        y[7] = value;
        every_estimator!(0.1, |e, _wide| is!(e.fit(&x, &y), NotFinite { argument: "y", index: [7], value: value }));
        let mut y = Array2::zeros((10, 3));
        y[[4, 2]] = value;
        is!(MultiTaskLasso::new(0.1).fit(&x, &y), NotFinite { argument: "y", index: [4, 2], value: value });
        is!(MultiTaskElasticNet::new(0.1, 0.5).fit(&x, &y), NotFinite { argument: "y", index: [4, 2], value: value });
        is!(
            Penalized::new(0.1, L1::new(4)).multi_response().fit(&x, &y),
            NotFinite { argument: "y", index: [4, 2], value: value }
        );
        let transposed = y.t().to_owned();
        is!(
            MultiTaskLasso::new(0.1).fit(&x, &transposed.t()),
            NotFinite { argument: "y", index: [4, 2], value: value }
        );
    }
}

#[test]
fn lengths_must_agree() {
    let (x, y) = data();
    for n in [0, 1, 9, 11] {
        let wrong = Array1::from_elem(n, 1.0);
        every_estimator!(0.1, |e, _wide| {
            is!(e.fit(&x, &wrong), Length { argument: "y", expected: 10, found: n });
            is!(e.lambda_max(&x, &wrong), Length { argument: "y", expected: 10, found: n });
        });
        is!(MultiTaskLasso::new(0.1).fit(&x, &Array2::zeros((n, 2))), Length { argument: "y", expected: 10, found: n });
        is!(
            Lasso::new(0.1).sample_weights(vec![1.0; n]).fit(&x, &y),
            Length { argument: "sample_weights", expected: 10, found: n }
        );
    }
    for p in [0, 3, 5] {
        is!(Lasso::new(0.1).weights(vec![1.0; p]).fit(&x, &y), Length { argument: "weights", expected: 4, found: p });
        is!(
            ElasticNet::new(0.1, 0.5).weights(vec![1.0; p]).fit(&x, &y),
            Length { argument: "weights", expected: 4, found: p }
        );
        is!(
            MultiTaskLasso::new(0.1).weights(vec![1.0; p]).fit(&x, &Array2::zeros((10, 2))),
            Length { argument: "weights", expected: 4, found: p }
        );
        is!(
            GroupLasso::new(0.1, groups()).weights(vec![1.0; p]).fit(&x, &y),
            Length { argument: "weights", expected: 2, found: p }
        );
        is!(
            SparseGroupLasso::new(0.1, 0.5, groups()).weights(vec![1.0; p]).fit(&x, &y),
            Length { argument: "weights", expected: 2, found: p }
        );
        is!(
            LatentGroupLasso::new(0.1, groups()).weights(vec![1.0; p]).fit(&x, &y),
            Length { argument: "weights", expected: 2, found: p }
        );
        is!(
            Lasso::new(0.1).feature_names(vec!["a"; p]).fit(&x, &y),
            Length { argument: "feature_names", expected: 4, found: p }
        );
        is!(
            Penalized::new(0.1, L1::new(p)).fit(&x, &Array1::zeros(10)),
            Length { argument: "penalty", expected: 4, found: p }
        );
    }
    for sizes in [&[2, 1][..], &[2, 3]] {
        let found = sizes.iter().sum::<usize>();
        let groups = Groups::from_sizes(sizes).expect("groups");
        is!(GroupLasso::new(0.1, groups.clone()).fit(&x, &y), Length { argument: "groups", expected: 4, found: found });
        is!(
            SparseGroupLasso::new(0.1, 0.5, groups.clone()).fit(&x, &y),
            Length { argument: "groups", expected: 4, found: found }
        );
        is!(LatentGroupLasso::new(0.1, groups).fit(&x, &y), Length { argument: "groups", expected: 4, found: found });
    }
}

#[test]
fn nothing_can_be_fitted_to_nothing() {
    let y = Array1::<f64>::zeros(0);
    every_estimator!(0.1, |e, _wide| {
        is!(e.fit(&Array2::<f64>::zeros((0, 4)), &y), Empty { argument: "x" });
        is!(e.fit(&Array2::<f64>::zeros((0, 0)), &y), Empty { argument: "x" });
        is!(e.fit(&Array2::<f64>::zeros((5, 0)), &Array1::zeros(5)), Empty { argument: "x" });
    });
    is!(MultiTaskLasso::new(0.1).fit(&data().0, &Array2::zeros((10, 0))), Empty { argument: "y" });
    is!(Dense::<f64>::from_columns(vec![], 0, 2), Empty { argument: "x" });
}

#[test]
fn lambda_is_a_finite_number_that_is_not_negative() {
    let (x, y) = data();
    for value in [-1e-300, -1.0, NAN, INF, -INF] {
        every_estimator!(value, |e, _wide| is!(
            e.fit(&x, &y),
            OutOfRange { argument: "lambda", index: [0usize; 0], value: value }
        ));
        is!(
            MultiTaskLasso::new(value).fit(&x, &Array2::zeros((10, 2))),
            OutOfRange { argument: "lambda", value: value }
        );
        is!(
            Penalized::new(value, L1::new(4)).multi_response().fit(&x, &Array2::zeros((10, 2))),
            OutOfRange { argument: "lambda", value: value }
        );
    }
}

#[test]
fn shares_are_in_the_unit_interval() {
    let (x, y) = data();
    let wide = Array2::zeros((10, 2));
    for value in [-0.1, 1.0 + 1e-15, NAN, INF] {
        is!(ElasticNet::new(0.1, value).fit(&x, &y), OutOfRange { argument: "rho", value: value });
        is!(MultiTaskElasticNet::new(0.1, value).fit(&x, &wide), OutOfRange { argument: "rho", value: value });
        is!(SparseGroupLasso::new(0.1, value, groups()).fit(&x, &y), OutOfRange { argument: "tau", value: value });
        is!(ElasticNetPenalty::new(Partition::singletons(2), value), OutOfRange { argument: "rho", value: value });
        is!(SparseGroup::new(Partition::singletons(2), value), OutOfRange { argument: "tau", value: value });
    }
}

#[test]
fn penalty_weights_are_not_negative() {
    let (x, y) = data();
    for value in [-1.0, NAN, -INF] {
        let four = vec![1.0, 1.0, value, 1.0];
        is!(
            Lasso::new(0.1).weights(four.clone()).fit(&x, &y),
            OutOfRange { argument: "weights", index: [2], value: value }
        );
        is!(
            ElasticNet::new(0.1, 0.5).weights(four.clone()).fit(&x, &y),
            OutOfRange { argument: "weights", index: [2], value: value }
        );
        is!(
            MultiTaskLasso::new(0.1).weights(four.clone()).fit(&x, &Array2::zeros((10, 2))),
            OutOfRange { argument: "weights", index: [2], value: value }
        );
        is!(
            MultiTaskElasticNet::new(0.1, 0.5).weights(four).fit(&x, &Array2::zeros((10, 2))),
            OutOfRange { argument: "weights", index: [2], value: value }
        );
        let two = vec![1.0, value];
        is!(
            GroupLasso::new(0.1, groups()).weights(two.clone()).fit(&x, &y),
            OutOfRange { argument: "weights", index: [1], value: value }
        );
        is!(
            SparseGroupLasso::new(0.1, 0.5, groups()).weights(two.clone()).fit(&x, &y),
            OutOfRange { argument: "weights", index: [1], value: value }
        );
        is!(
            LatentGroupLasso::new(0.1, groups()).weights(two.clone()).fit(&x, &y),
            OutOfRange { argument: "weights", index: [1], value: value }
        );
        is!(L1::new(2).with_weights(two.clone()), OutOfRange { argument: "weights", index: [1], value: value });
        is!(
            GroupL2::new(Partition::singletons(2)).with_weights(two.clone()),
            OutOfRange { argument: "weights", index: [1], value: value }
        );
        is!(
            LatentOverlap::new(groups()).with_weights(two),
            OutOfRange { argument: "weights", index: [1], value: value }
        );
    }
}

#[test]
fn sample_weights_are_finite_not_negative_and_not_all_zero() {
    let (x, y) = data();
    for value in [-1.0, NAN, INF] {
        let mut weights = vec![1.0; 10];
        weights[6] = value;
        every_estimator!(0.1, |e, _wide| {
            is!(
                e.sample_weights(weights.clone()).fit(&x, &y),
                OutOfRange { argument: "sample_weights", index: [6], value: value }
            );
        });
    }
    every_estimator!(0.1, |e, _wide| {
        is!(e.sample_weights(vec![0.0; 10]).fit(&x, &y), OutOfRange { argument: "sample_weights", value: 0.0 });
    });
}

#[test]
fn tolerances_are_finite_and_not_negative() {
    let (x, y) = data();
    for value in [-1e-6, NAN, INF] {
        every_estimator!(0.1, |e, _wide| is!(
            e.tolerance(value).fit(&x, &y),
            OutOfRange { argument: "tolerance", value: value }
        ));
        let solver = Fista { stopping: crate::common::stopping(value, 10), ..Fista::default() };
        is!(Lasso::new(0.1).solver(solver).fit(&x, &y), OutOfRange { argument: "tolerance", value: value });
    }
}

#[test]
fn groups_cover_everything_once() {
    is!(Groups::new::<Vec<usize>>(&[]), Empty { argument: "groups" });
    is!(Groups::new(&[vec![0], vec![]]), Empty { argument: "groups" });
    is!(Groups::from_sizes(&[]), Empty { argument: "groups" });
    is!(Groups::from_sizes(&[2, 0]), Empty { argument: "groups" });
    is!(Groups::from_labels::<u8>(&[]), Empty { argument: "groups" });
    is!(Groups::new(&[vec![0, 1], vec![2, 1]]), Overlap { feature: 1, first: 0, second: 1 });
    is!(Groups::new(&[vec![0, 0]]), Overlap { feature: 0, first: 0, second: 0 });
    is!(Groups::new(&[vec![1], vec![2]]), Index { argument: "groups", position: 1, index: 2, len: 2 });
    is!(Groups::new(&[vec![usize::MAX]]), Index { argument: "groups", index: usize::MAX, len: 1 });
    is!(Groups::overlapping(&[vec![0, 1], vec![3, 1]], 4), NotCovered { feature: 2 });
    is!(Groups::overlapping(&[vec![0, 1], vec![4, 1]], 4), Index { argument: "groups", position: 2, index: 4, len: 4 });
    is!(Groups::overlapping(&[vec![0], vec![1, 1]], 2), Overlap { feature: 1, first: 1, second: 1 });
    is!(Groups::overlapping::<Vec<usize>>(&[], 0), Empty { argument: "groups" });
    is!(Groups::overlapping::<Vec<usize>>(&[], 3), Empty { argument: "groups" });
    is!(Partition::from_sizes(&[1, 0, 2]), OutOfRange { argument: "sizes", index: [1] });
    let (x, y) = data();
    let overlap = Groups::overlapping(&[vec![0, 1, 2], vec![2, 3]], 4).expect("groups");
    is!(GroupLasso::new(0.1, overlap.clone()).fit(&x, &y), Unsupported { argument: "groups" });
    is!(SparseGroupLasso::new(0.1, 0.5, overlap).fit(&x, &y), Unsupported { argument: "groups" });
}

#[test]
fn predictions_need_the_columns_of_the_fit() {
    let (x, y) = data();
    let model = Lasso::new(0.1).fit(&x, &y).expect("a fit");
    for p in [1, 3, 5] {
        is!(model.predict(&Array2::<f64>::zeros((2, p))), Length { argument: "x columns", expected: 4, found: p });
        is!(
            model.score(&Array2::<f64>::zeros((2, p)), &array![0.0, 1.0]),
            Length { argument: "x columns", expected: 4, found: p }
        );
    }
    is!(model.predict(&Array2::<f64>::zeros((2, 0))), Empty { argument: "x" });
    is!(model.predict(&array![[0.0, 0.0, NAN, 0.0]]), NotFinite { argument: "x", index: [0, 2] });
    is!(model.score(&x, &Array1::zeros(3)), Length { argument: "y", expected: 10, found: 3 });
    let mut bad = y.clone();
    bad[3] = NAN;
    is!(model.score(&x, &bad), NotFinite { argument: "y", index: [3] });
    let several =
        MultiTaskLasso::new(0.1).fit(&x, &Array2::from_shape_fn((10, 2), |(i, t)| (i * t) as f64)).expect("a fit");
    is!(several.score(&x, &Array2::zeros((10, 3))), Length { argument: "y columns", expected: 2, found: 3 });
}

#[test]
fn sparse_matrices_are_built_from_good_parts_only() {
    let parts = |indptr: &[usize], indices: &[u32], values: &[f64]| {
        Csc::from_parts(3, 2, indptr.to_vec(), indices.to_vec(), values.to_vec())
    };
    assert!(parts(&[0, 2, 3], &[0, 2, 1], &[1.0, 2.0, 3.0]).is_ok());
    is!(parts(&[0, 2], &[0, 2], &[1.0, 2.0]), Length { argument: "indptr", expected: 3, found: 2 });
    is!(parts(&[0, 2, 3], &[0, 2], &[1.0, 2.0, 3.0]), Length { argument: "indices", expected: 3, found: 2 });
    is!(parts(&[0, 2, 4], &[0, 2, 1], &[1.0, 2.0, 3.0]), Length { argument: "values", expected: 4, found: 3 });
    is!(parts(&[0, 2, 2], &[0, 2, 1], &[1.0, 2.0, 3.0]), Length { argument: "values", expected: 2, found: 3 });
    is!(parts(&[1, 2, 3], &[0, 2, 1], &[1.0, 2.0, 3.0]), OutOfRange { argument: "indptr", index: [0], value: 1.0 });
    is!(parts(&[0, 4, 3], &[0, 2, 1], &[1.0, 2.0, 3.0]), OutOfRange { argument: "indptr", index: [2], value: 3.0 });
    is!(parts(&[0, 2, 3], &[0, 3, 1], &[1.0, 2.0, 3.0]), Index { argument: "indices", position: 1, index: 3, len: 3 });
    is!(parts(&[0, 2, 3], &[2, 0, 1], &[1.0, 2.0, 3.0]), OutOfRange { argument: "indices", index: [1] });
    is!(parts(&[0, 2, 3], &[2, 2, 1], &[1.0, 2.0, 3.0]), OutOfRange { argument: "indices", index: [1] });
    is!(parts(&[0, 2, 3], &[0, 2, 1], &[1.0, NAN, 3.0]), NotFinite { argument: "values", index: [1] });
    is!(Csc::from_parts(0, 2, vec![0, 0, 0], vec![], vec![]), Empty { argument: "x" });
    is!(Csc::from_parts(2, 0, vec![0], vec![], vec![]), Empty { argument: "x" });
    is!(
        Csc::from_triplets(2, 2, &[(0, 0, 1.0), (2, 0, 1.0)]),
        Index { argument: "entries", position: 1, index: 2, len: 2 }
    );
    is!(Csc::from_triplets(2, 2, &[(0, 2, 1.0)]), Index { argument: "entries", position: 0, index: 2, len: 2 });
    is!(Csc::from_triplets(2, 2, &[(0, 0, INF)]), NotFinite { argument: "entries", index: [0], value: INF });
    // Two entries of one place overflow although each of them is finite.
    is!(Csc::from_triplets(2, 2, &[(0, 0, f64::MAX), (0, 0, f64::MAX)]), NotFinite { value: INF });
}

#[test]
fn views_check_what_they_are_made_of() {
    let dense = || Dense::from_columns(vec![1.0, 2.0, 3.0, 4.0], 2, 2).expect("a matrix");
    is!(Dense::from_columns(vec![1.0, 2.0, 3.0], 2, 2), Length { expected: 4, found: 3 });
    is!(Dense::from_columns(vec![1.0, 2.0, 3.0, NAN], 2, 2), NotFinite { index: [1, 1] });
    is!(Columns::new(dense(), vec![0, 2]), Index { argument: "map", position: 1, index: 2, len: 2 });
    is!(RowScaled::new(dense(), vec![1.0]), Length { argument: "d", expected: 2, found: 1 });
    is!(RowScaled::new(dense(), vec![1.0, NAN]), NotFinite { argument: "d", index: [1] });
    is!(Standardized::new(dense(), Some(vec![1.0]), None), Length { argument: "center", expected: 2, found: 1 });
    is!(Standardized::new(dense(), Some(vec![1.0, INF]), None), NotFinite { argument: "center", index: [1] });
    is!(Standardized::new(dense(), None, Some(vec![1.0])), Length { argument: "scale", expected: 2, found: 1 });
    is!(Standardized::new(dense(), None, Some(vec![1.0, NAN])), NotFinite { argument: "scale", index: [1] });
    for value in [0.0, -1.0, -INF] {
        is!(
            Standardized::new(dense(), None, Some(vec![1.0, value])),
            OutOfRange { argument: "scale", index: [1], value: value }
        );
    }
}
