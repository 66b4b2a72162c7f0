//! Designs that form their columns: each against the matrix that it stands for, as a design and in fits.

use ndarray::{Array1, Array2, Axis, ShapeBuilder, array};
use sparsereg::Error;
use sparsereg::design::{
    AsDesign, Boundary, ByOperator, Concatenated, Convolution, Csc, Dense, Design, Interactions, Kronecker, Library,
    LinearOperator, OneHot, Stacked, Terms, WalshHadamard, Wavelet, Wavelets, check_adjoint,
};
use sparsereg::prelude::*;

use crate::design_laws::{Formula, Numbers, obeys, views_obey};

/// The products of columns, by definition.
fn products(base: &Array2<f64>, terms: &Terms) -> Array2<f64> {
    let list: Vec<Vec<usize>> = terms.iter().collect();
    Array2::from_shape_fn((base.nrows(), list.len()), |(i, k)| list[k].iter().map(|&j| base[[i, j]]).product())
}

fn sparse(x: &Array2<f64>) -> Csc {
    Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap()
}

#[test]
fn interactions_are_products_over_every_base() {
    let base = Numbers(31).sparse(11, 5);
    let mut thin = base.clone();
    thin.indexed_iter_mut().for_each(|((i, j), v)| *v = if (i + 2 * j) % 5 == 0 { *v + 0.5 } else { 0.0 });
    let lists = [
        Terms::pairs(5).unwrap(),
        Terms::pairs(5).unwrap().with_squares(),
        Terms::up_to(5, 4).unwrap(),
        Terms::among(5, 3, &[4, 1, 2]).unwrap(),
        Terms::new(5, &[vec![3, 0], vec![4, 4, 1], vec![2], vec![0, 1, 2, 3]]).unwrap(),
    ];
    for (k, terms) in lists.into_iter().enumerate() {
        let truth = products(&base, &terms);
        let x = Interactions::new(&base, terms.clone()).unwrap();
        if k == 1 {
            views_obey("pairs of rows", &x, &truth);
        }
        obeys(&format!("terms {k}"), &x, &truth);
        let mut columns = Array2::zeros(base.dim().f());
        columns.assign(&base);
        obeys("column-major", &Interactions::new(&columns, terms.clone()).unwrap(), &truth);
        let narrow = base.mapv(|v| v as f32);
        obeys("f32", &Interactions::new(&narrow, terms.clone()).unwrap(), &truth);
        obeys("formula", &Interactions::new(&Formula(base.clone()), terms.clone()).unwrap(), &truth);
        obeys("other rows", &x.on(&(&base + 1.0)).unwrap(), &products(&(&base + 1.0), &terms));
        let few = sparse(&thin);
        assert!(few.column_cost() * 4.0 <= 11.0);
        let x = Interactions::new(&few, terms.clone()).unwrap();
        assert!(!x.prefers_gather() && x.column_cost() < 4.0);
        obeys("sparse", &x, &products(&thin, &terms));
        if k == 2 {
            views_obey("up to four of sparse", &x, &products(&thin, &terms));
        }
    }
}

#[test]
fn interactions_beyond_every_tile() {
    // several tiles of left columns, blocks of rows, and holes
    let mut numbers = Numbers(4);
    let base = Array2::from_shape_fn((1100, 37), |_| numbers.next());
    let holes = Terms::pairs(37).unwrap().retain(|t| t.len() == 1 || (t[0] * 7 + t[1]) % 11 < 2).unwrap();
    for terms in [Terms::pairs(37).unwrap(), holes] {
        let truth = products(&base, &terms);
        let x = Interactions::new(&base, terms).unwrap();
        let p = x.ncols();
        let (r, w) = (numbers.vec(2200), numbers.vec(2 * p));
        let dense = Dense::new(truth.view()).unwrap();
        let (mut a, mut b) = (vec![f64::NAN; 2 * p], vec![f64::NAN; 2 * p]);
        x.transpose_apply(&r, &mut a);
        dense.transpose_apply(&r, &mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-11));
        let (mut a, mut b) = (vec![f64::NAN; 2200], vec![f64::NAN; 2200]);
        x.apply(&w, &mut a);
        dense.apply(&w, &mut b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-10));
        let norms = x.sq_norms().unwrap();
        assert!((0..p).all(|j| (norms[j] - dense.sq_norm(j)).abs() < 1e-10));
    }
}

#[test]
fn constant_products_are_seen_as_constants() {
    // x₀x₁ is constant although neither factor is, x₂ is constant and far from zero
    let base = Array2::from_shape_fn((40, 4), |(i, j)| match j {
        0 => {
            if i % 3 == 0 {
                0.3
            } else {
                -0.3
            }
        }
        1 => {
            if i % 3 == 0 {
                1.0 / 0.3
            } else {
                -1.0 / 0.3
            }
        }
        2 => 1e6 / 3.0,
        _ => ((i * i) % 17) as f64,
    });
    let y = Array1::from_shape_fn(40, |i| base[[i, 3]] * base[[i, 0]] + (i % 5) as f64);
    for lasso in [Lasso::new(1e-3), Lasso::new(1e-3).standardize(true), Lasso::new(1e-3).sample_weights(vec![0.5; 40])]
    {
        let model = lasso.accept_unconverged(true).fit(&Interactions::pairs(&base).unwrap(), &y).unwrap();
        let w = model.coefficients();
        assert_eq!((w[2], w[4]), (0.0, 0.0)); // x₂ and x₀x₁
        assert!(w[6] != 0.0 || w[8] != 0.0); // x₀x₃, of which x₁x₃ is a multiple
    }
}

#[test]
fn categories_side_by_side_and_stacked() {
    let mut numbers = Numbers(8);
    let measured = Array2::from_shape_fn((9, 3), |_| numbers.next());
    let colour = ["r", "g", "b", "r", "b", "g", "g", "r", "b"];
    let coding = OneHot::new(&[("colour", vec!["r", "g", "b"])]).unwrap();
    let hot = coding.encode(&[&colour]).unwrap();
    let indicator = Array2::from_shape_fn((9, 3), |(i, j)| f64::from(u8::from(colour[i] == ["r", "g", "b"][j])));
    obeys("one hot", &hot, &indicator);
    let reference = coding.clone().drop_first();
    obeys("without the first", &reference.encode(&[&colour]).unwrap(), &indicator.select(Axis(1), &[1, 2]));

    let formula = Formula(measured.clone());
    let parts = || vec![measured.as_design().unwrap(), hot.as_design().unwrap(), formula.as_design().unwrap()];
    let plain = ndarray::concatenate![Axis(1), measured, indicator, measured];
    views_obey("side by side", &Concatenated::new(parts()).unwrap(), &plain);
    let plain = ndarray::concatenate![Axis(0), measured, indicator, measured];
    views_obey("stacked", &Stacked::new(parts()).unwrap(), &plain);
    assert!(matches!(Concatenated::new(vec![]), Err(Error::Empty { argument: "parts" })));
    let wrong = vec![measured.as_design().unwrap(), plain.as_design().unwrap()];
    assert!(matches!(Concatenated::new(wrong), Err(Error::Length { expected: 9, found: 27, .. })));
    let wide = Array2::<f64>::zeros((2, 4));
    let wrong = vec![measured.as_design().unwrap(), wide.as_design().unwrap()];
    assert!(matches!(Stacked::new(wrong), Err(Error::Length { expected: 3, found: 4, .. })));
}

#[test]
fn categories_that_are_wrong_are_named() {
    let coding = OneHot::new(&[("dose", vec!["low", "high"]), ("arm", vec!["a", "b"])]).unwrap();
    let wrong = coding.encode(&[&["low", "high", "none"], &["a", "b", "a"]]);
    match wrong {
        Err(Error::UnknownLevel { factor, row, level }) => {
            assert_eq!((&*factor, row, &*level), ("dose", 2, "none"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(coding.encode::<&str>(&[&["low"]]), Err(Error::Length { expected: 2, found: 1, .. })));
    assert!(matches!(coding.encode::<&str>(&[&["low"], &["a", "b"]]), Err(Error::Length { .. })));
    assert!(matches!(coding.encode::<&str>(&[&[], &[]]), Err(Error::Empty { .. })));
    assert!(matches!(OneHot::new::<&str, &str>(&[]), Err(Error::Empty { .. })));
    assert!(matches!(OneHot::new::<&str, &str>(&[("x", vec![])]), Err(Error::Empty { .. })));
    let twice = OneHot::new(&[("x", vec!["a", "b", "a"])]);
    assert!(matches!(twice, Err(Error::OutOfRange { index, .. }) if index == [0, 2]));
}

#[test]
fn kronecker_products_with_the_identity() {
    let x = Numbers(12).sparse(5, 3);
    for m in [1, 2, 3] {
        let blocks =
            Array2::from_shape_fn((5 * m, 3 * m), |(i, j)| if i / 5 == j / 3 { x[[i % 5, j % 3]] } else { 0.0 });
        views_obey("I ⊗ X", &Kronecker::blocks(x.as_design().unwrap(), m).unwrap(), &blocks);
        let interleaved =
            Array2::from_shape_fn((5 * m, 3 * m), |(i, j)| if i % m == j % m { x[[i / m, j / m]] } else { 0.0 });
        views_obey("X ⊗ I", &Kronecker::interleaved(&sparse(&x), m).unwrap(), &interleaved);
    }
    for m in [0, usize::MAX] {
        assert!(matches!(Kronecker::blocks(x.as_design().unwrap(), m), Err(Error::OutOfRange { argument: "m", .. })));
    }
}

#[test]
fn a_multi_task_fit_is_a_group_lasso_of_one_response() {
    let mut numbers = Numbers(2);
    let x = Array2::from_shape_fn((30, 6), |_| numbers.next());
    let y = Array2::from_shape_fn((30, 2), |(i, t)| (t as f64 + 1.0) * x[[i, 1]] - x[[i, 4]] + 0.1 * numbers.next());
    let joint = MultiTaskLasso::new(0.1).intercept(false).tolerance(1e-12).fit(&x, &y).unwrap();
    let one = Kronecker::interleaved(x.as_design().unwrap(), 2).unwrap();
    // rows i·2 + t; the mean is over twice as many values
    let stacked: Array1<f64> = y.iter().copied().collect();
    let groups = Groups::from_sizes(&[2; 6]).unwrap();
    let group = GroupLasso::new(0.05 / 2f64.sqrt(), groups).intercept(false).tolerance(1e-12);
    let group = group.fit(&one, &stacked).unwrap();
    for (a, b) in joint.coefficients().iter().zip(group.coefficients()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn convolutions_are_shifted_kernels() {
    let mut numbers = Numbers(6);
    for (k, len) in [(1, 4), (3, 7), (4, 7), (5, 3), (7, 7)] {
        let kernel = numbers.vec(k);
        let full = Array2::from_shape_fn((len + k - 1, len), |(i, j)| {
            i.checked_sub(j).and_then(|at| kernel.get(at)).copied().unwrap_or(0.0)
        });
        let make = |boundary| Convolution::new(kernel.clone(), len, boundary);
        views_obey("full", &make(Boundary::Full).unwrap(), &full);
        let from = (k - 1) / 2;
        views_obey("same", &make(Boundary::Same).unwrap(), &full.slice(ndarray::s![from..from + len, ..]).to_owned());
        if len >= k {
            views_obey("valid", &make(Boundary::Valid).unwrap(), &full.slice(ndarray::s![k - 1..len, ..]).to_owned());
        } else {
            assert!(matches!(make(Boundary::Valid), Err(Error::Length { .. })));
        }
    }
    assert!(matches!(Convolution::new(vec![], 3, Boundary::Full), Err(Error::Empty { argument: "kernel" })));
    assert!(matches!(Convolution::new(vec![1.0], 0, Boundary::Full), Err(Error::Empty { argument: "signal" })));
    assert!(matches!(Convolution::new(vec![f64::NAN], 3, Boundary::Full), Err(Error::NotFinite { .. })));
}

#[test]
fn walsh_hadamard_by_definition() {
    let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
    let rows = vec![3, 0, 15, 9, 3, 6, 12, 1, 8];
    for sets in [vec![1, 2, 8, 3, 11, 15], vec![0, 5], (0..16).collect()] {
        let plain = Array2::from_shape_fn((rows.len(), sets.len()), |(i, j)| sign(rows[i], sets[j]));
        views_obey("Walsh–Hadamard", &WalshHadamard::new(4, rows.clone(), sets).unwrap(), &plain);
    }
    let x = WalshHadamard::up_to_order(4, rows.clone(), 2).unwrap();
    assert_eq!(x.ncols(), 4 + 6);
    // many rows, where the transform pays
    let many: Vec<usize> = (0..600).map(|i| (i * 37) % 256).collect();
    let x = WalshHadamard::up_to_order(8, many.clone(), 2).unwrap();
    let plain = Array2::from_shape_fn((600, x.ncols()), |(i, j)| sign(many[i], x.sets()[j] as usize));
    obeys("transformed", &x, &plain);
}

#[test]
fn wavelets_equal_their_matrix() {
    for (wavelet, n, levels) in [(Wavelet::Haar, 8, 3), (Wavelet::Daubechies4, 12, 2), (Wavelet::Daubechies8, 16, 1)] {
        let x = Wavelets::new(wavelet, n, levels).unwrap();
        let mut plain = Array2::zeros((n, n));
        for j in 0..n {
            let mut column = vec![0.0; n];
            x.column(j, &mut column);
            plain.column_mut(j).assign(&Array1::from_vec(column));
        }
        views_obey("wavelets", &x, &plain);
    }
    // by definition: the finest Haar detail is a difference of neighbours
    let mut column = [0.0; 4];
    Wavelets::new(Wavelet::Haar, 4, 2).unwrap().column(3, &mut column);
    let half = 0.5f64.sqrt();
    assert!(column.iter().zip([0.0, 0.0, half, -half]).all(|(a, b)| (a - b).abs() < 1e-15));
}

#[test]
fn a_library_is_what_its_names_say() {
    let mut numbers = Numbers(41);
    let x = Array2::from_shape_fn((9, 2), |_| 2.0 * numbers.next());
    let library = Library::new(2).polynomial(2).trigonometric(2);
    let names = library.names(&["x", "y"]).unwrap();
    assert_eq!(names.len(), 2 + 8 + 3);
    let value = |name: &str, i: usize| -> f64 {
        let (x, y) = (x[[i, 0]], x[[i, 1]]);
        match name {
            "x" => x,
            "y" => y,
            "x^2" => x * x,
            "x·y" => x * y,
            "y^2" => y * y,
            "sin(x)" => x.sin(),
            "cos(x)" => x.cos(),
            "sin(y)" => y.sin(),
            "cos(y)" => y.cos(),
            "sin(2 x)" => (2.0 * x).sin(),
            "cos(2 x)" => (2.0 * x).cos(),
            "sin(2 y)" => (2.0 * y).sin(),
            "cos(2 y)" => (2.0 * y).cos(),
            other => panic!("{other}"),
        }
    };
    let plain = Array2::from_shape_fn((9, names.len()), |(i, j)| value(&names[j], i));
    obeys("library", &library.on(&x).unwrap(), &plain);
    assert!(matches!(Library::new(0).on(&x), Err(Error::Length { .. })));
    assert!(matches!(Library::new(2).polynomial(0).on(&x), Err(Error::OutOfRange { argument: "degree", .. })));
    assert!(matches!(library.names(&["x"]), Err(Error::Length { .. })));
    let high = Library::new(2).powers(usize::MAX).on(&x);
    assert!(matches!(high, Err(Error::OutOfRange { argument: "degree", .. })));
}

/// Every fit on the design is that on its matrix: weights, units, losses, folds and new rows.
fn fits_like_its_matrix(name: &str, x: &impl AsDesign, y: &Array1<f64>) {
    let design = x.as_design().unwrap();
    let (n, p) = (design.nrows(), design.ncols());
    let mut plain = Array2::zeros((n, p).f());
    for j in 0..p {
        design.column(j, plain.column_mut(j).as_slice_mut().unwrap());
    }
    let weights: Vec<f64> = (0..n).map(|i| 1.0 + (i % 3) as f64).collect();
    let lasso = Lasso::default().tolerance(1e-9);
    let all = [
        lasso.clone(),
        lasso.clone().intercept(false),
        lasso.clone().standardize(true),
        lasso.clone().standardize(true).sample_weights(weights),
        lasso.clone().solver(Fista::default()),
    ];
    for (k, lasso) in all.into_iter().enumerate() {
        let lambda = 0.2 * lasso.lambda_max(&plain, y).unwrap();
        let (a, b) = (lasso.with_lambda(lambda).fit(x, y).unwrap(), lasso.with_lambda(lambda).fit(&plain, y).unwrap());
        assert!(!b.support().is_empty(), "{name} {k}");
        // the predictions, as coefficients need not be unique
        let difference = (&a.predict(x).unwrap() - &b.predict(&plain).unwrap()).fold(0.0f64, |m, d| m.max(d.abs()));
        assert!(difference < 1e-3 * y.fold(1.0f64, |m, v| m.max(v.abs())), "{name} {k}: {difference}");
        let gap = (a.certificate().objective - b.certificate().objective).abs();
        assert!(gap <= 2e-9 * b.certificate().scale + 1e-12, "{name} {k}: {gap:e}");
    }
    let class = y.mapv(|v| f64::from(u8::from(v > y.mean().unwrap())));
    let logistic = Lasso::default().loss(Logistic::default()).tolerance(1e-8);
    let lambda = 0.3 * logistic.lambda_max(&plain, &class).unwrap();
    let (a, b) = (
        logistic.with_lambda(lambda).fit(x, &class).unwrap(),
        logistic.with_lambda(lambda).fit(&plain, &class).unwrap(),
    );
    let gap = (a.certificate().objective - b.certificate().objective).abs();
    assert!(gap <= 2e-8 * b.certificate().scale, "{name} logistic: {gap:e}");
    let folds = KFold::new(3).seed(5);
    let grid = || Grid::auto(6);
    let (a, b) = (
        lasso.cross_validate_on(x, y, &folds, grid()).unwrap(),
        lasso.cross_validate_on(&plain, y, &folds, grid()).unwrap(),
    );
    for (a, b) in a.curve().mean.iter().zip(&b.curve().mean) {
        assert!((a - b).abs() < 1e-4 * b.abs(), "{name} folds: {a} {b}");
    }
}

#[test]
fn every_fit_is_that_of_the_matrix() {
    let mut numbers = Numbers(19);
    let n = 32;
    let base = Array2::from_shape_fn((n, 5), |_| numbers.next());
    let y = Array1::from_shape_fn(n, |i| {
        2.0 * base[[i, 0]] * base[[i, 3]] - base[[i, 2]] + 3.0 + (i / 8) as f64 + 0.2 * numbers.next()
    });
    fits_like_its_matrix("pairs", &Interactions::pairs(&base).unwrap(), &y);
    let thin = base.mapv(|v| if v > 0.6 { v } else { 0.0 }); // no two columns alike, also of few rows
    fits_like_its_matrix("pairs of sparse", &Interactions::pairs(&sparse(&thin)).unwrap(), &y);
    fits_like_its_matrix("formula", &Formula(base.clone()), &y); // without select_rows
    let hot = sparse(&thin);
    let both = Concatenated::new(vec![base.as_design().unwrap(), hot.as_design().unwrap()]).unwrap();
    fits_like_its_matrix("side by side", &both, &y);
    let halves = (base.slice(ndarray::s![..10, ..]), base.slice(ndarray::s![10.., ..]));
    let stacked = Stacked::new(vec![halves.0.as_design().unwrap(), halves.1.as_design().unwrap()]).unwrap();
    fits_like_its_matrix("stacked", &stacked, &y);
    let half = base.slice(ndarray::s![..16, ..]);
    fits_like_its_matrix("Kronecker", &Kronecker::interleaved(half.as_design().unwrap(), 2).unwrap(), &y);
    fits_like_its_matrix("wavelets", &Wavelets::new(Wavelet::Daubechies4, n, 3).unwrap(), &y);
    let kernel = vec![1.0, 0.7, 0.4, 0.1];
    fits_like_its_matrix("convolution", &Convolution::new(kernel, n, Boundary::Same).unwrap(), &y);
    let genotypes = (0..n).map(|i| (i * 11) % 64).collect();
    fits_like_its_matrix("Walsh–Hadamard", &WalshHadamard::up_to_order(6, genotypes, 2).unwrap(), &y);
    fits_like_its_matrix("operator", &ByOperator::new(Formula(base.clone())), &y);
}

/// An operator whose adjoint forgets, doubles or leaves out something.
struct Wrong(Array2<f64>, u8);

impl LinearOperator for Wrong {
    fn nrows(&self) -> usize {
        self.0.nrows()
    }
    fn ncols(&self) -> usize {
        self.0.ncols()
    }
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        Formula(self.0.clone()).apply(w, eta);
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        let last = if self.1 == 3 { out[out.len() - 1] } else { 0.0 };
        Formula(self.0.clone()).transpose_apply(r, out);
        match self.1 {
            0 => {}
            1 => out[0] *= 1.0 + 1e-6,
            2 if r.len() > self.nrows() => out.swap(0, 1), // wrong for several right-hand sides alone
            3 => *out.last_mut().unwrap() = last,          // not written
            4 => out[0] = f64::NAN,
            _ => {}
        }
    }
}

#[test]
fn an_adjoint_that_is_none_is_refused() {
    let x = Numbers(3).sparse(8, 6);
    let check = |how| check_adjoint(&Wrong(x.clone() + 0.1, how), 7, 1e-10);
    assert!(check(0).is_ok());
    for how in 1..=3 {
        match check(how) {
            Err(Error::NotAdjoint { forward, backward }) => assert!(!(forward == backward)),
            other => panic!("{how}: {other:?}"),
        }
    }
    for tolerance in [f64::NAN, -1.0] {
        let found = check_adjoint(&Wrong(x.clone(), 1), 7, tolerance);
        assert!(matches!(found, Err(Error::OutOfRange { argument: "tolerance", .. })));
    }
    for seed in 0..20 {
        check_adjoint(&Wavelets::new(Wavelet::Daubechies6, 48, 4).unwrap(), seed, 1e-13).unwrap();
        check_adjoint(&Interactions::pairs(&x).unwrap(), seed, 1e-13).unwrap();
    }
}

#[test]
fn an_operator_that_breaks_down_ends_the_fit() {
    let x = Numbers(3).sparse(8, 6) + 0.1;
    let y = Array1::from_shape_fn(8, |i| (i * i % 5) as f64);
    let lasso = Lasso::new(0.1).solver(Fista::default()).intercept(false);
    match lasso.fit(&ByOperator::new(Wrong(x, 4)), &y) {
        Err(Error::NotConverged(partial)) => {
            assert!(partial.iterations < 100 && !partial.certificate.kkt.is_finite(), "{partial:?}");
        }
        other => assert!(matches!(other, Err(Error::NotFinite { .. })), "{other:?}"),
    }
}

#[test]
fn a_design_that_is_not_finite_is_an_error_with_the_place() {
    let mut x = Numbers(3).sparse(8, 3);
    x[[5, 0]] = f64::NAN;
    let y = Array1::from_shape_fn(8, |i| i as f64);
    match Lasso::new(0.1).fit(&Formula(x), &y) {
        Err(Error::NotFinite { argument: "x", index, .. }) => assert_eq!(index, [5, 0]),
        other => panic!("{other:?}"),
    }
    let products = Interactions::pairs(&array![[1.0, 1e200], [2.0, 3e200], [4.0, 1e200]]).map(|x| {
        let error = Lasso::new(0.1).fit(&x, &array![1.0, 2.0, 4.0]).unwrap_err();
        error.to_string()
    });
    assert!(products.unwrap().len() < 150); // no number of 200 digits
}

#[test]
fn new_rows_must_have_the_features_of_the_old() {
    let base = array![[1.0, 2.0, 3.0], [0.0, 1.0, 5.0], [2.0, 2.0, 1.0]];
    let x = Interactions::pairs(&base).unwrap();
    assert!(matches!(
        x.on(&array![[1.0, 2.0]]),
        Err(Error::Length { argument: "base columns", expected: 3, found: 2 })
    ));
    assert!(matches!(Interactions::pairs(&array![[f64::NAN]]), Err(Error::NotFinite { .. })));
    let model = Lasso::new(0.1).fit(&x, &array![1.0, 2.0, 3.0]).unwrap();
    assert!(matches!(model.predict(&base), Err(Error::Length { expected: 6, found: 3, .. })));
}
