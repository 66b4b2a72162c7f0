//! Fits from moments, by users and by the solver on tall data, against fits from the data.

use ndarray::{Array1, Array2, Axis, s};
use sparsereg::design::{AsDesign, Csc, Dense, LinearOperator};
use sparsereg::loss::Squared;
use sparsereg::moments::Moments;
use sparsereg::partition::Partition;
use sparsereg::penalty::{BlockPenalty, ElasticNetPenalty, GroupL2, L1};
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::{LinearPredictor, Smooth};
use sparsereg::solver::{Solver, Start};

struct Random(u64);

impl Random {
    fn normal(&mut self) -> f64 {
        let mut uniform = || {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
        };
        (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
    }
}

/// Columns with correlation ρ, in the units and at the means given.
fn data(n: usize, p: usize, rho: f64, unit: impl Fn(usize) -> f64, mean: impl Fn(usize) -> f64) -> Array2<f64> {
    let mut random = Random(n as u64 + 1000 * p as u64);
    let mut x = Array2::zeros((n, p));
    for mut row in x.axis_iter_mut(Axis(0)) {
        let common = random.normal();
        for (j, v) in row.iter_mut().enumerate() {
            *v = mean(j) + unit(j) * (rho.sqrt() * common + (1.0 - rho).sqrt() * random.normal());
        }
    }
    x
}

fn response(x: &Array2<f64>, q: usize) -> Array2<f64> {
    let (n, p) = x.dim();
    let mut random = Random(7);
    let mut y = Array2::from_shape_fn((n, q), |_| 3.0 + random.normal());
    for j in (0..p).step_by(3) {
        let sd = x.column(j).std(0.0).max(1e-300);
        let mean = x.column(j).mean().unwrap();
        for t in 0..q {
            let w = random.normal() / sd;
            for i in 0..n {
                y[[i, t]] += w * (x[[i, j]] - mean);
            }
        }
    }
    y
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64, what: &str) {
    let size = b.iter().fold(1e-300f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a} and {b}");
    }
}

#[test]
fn parts_add_up_wherever_their_means_are() {
    let mut x = data(700, 6, 0.3, |j| 10f64.powi(j as i32 - 3), |j| if j % 2 == 0 { 1e6 } else { 0.0 });
    // The second half lies elsewhere: the merge has to move it.
    x.slice_mut(s![350.., 1]).mapv_inplace(|v| v + 5.0);
    let y = response(&x, 1).column(0).to_owned();
    let whole = Moments::new(&x, &y).unwrap();
    let mut parts = Moments::new(&x.slice(s![..100, ..]), &y.slice(s![..100])).unwrap();
    for (from, to) in [(100, 101), (101, 350), (350, 700)] {
        parts.merge(&Moments::new(&x.slice(s![from..to, ..]), &y.slice(s![from..to])).unwrap()).unwrap();
    }
    assert_eq!((parts.nrows(), parts.weight(), parts.nfeatures(), parts.nresponses()), (700, 700.0, 6, 1));
    for (a, b) in parts.means().iter().zip(whole.means()) {
        assert!((a - b).abs() <= 1e-15 * b.abs().max(1.0));
    }
    let lasso = Lasso::new(0.05).standardize(true).tolerance(1e-12);
    let (a, b) = (lasso.fit_moments(&parts).unwrap(), lasso.fit(&x, &y).unwrap());
    close(&a.coefficient_matrix(), &b.coefficient_matrix(), 1e-8, "merged");
    let mut back = parts.clone();
    back.subtract(&Moments::new(&x.slice(s![350.., ..]), &y.slice(s![350..])).unwrap()).unwrap();
    let half = lasso.fit(&x.slice(s![..350, ..]), &y.slice(s![..350])).unwrap();
    close(&lasso.fit_moments(&back).unwrap().coefficient_matrix(), &half.coefficient_matrix(), 1e-7, "subtracted");
}

/// With every option, each storage, and means far from zero.
#[test]
fn every_estimator_fits_the_same_from_moments() {
    fn check<E: LeastSquares>(estimator: &E, x: &Array2<f64>, y: &ndarray::Array<f64, E::Response>, what: &str)
    where
        E::Response: ndarray::Dimension,
    {
        let weights: Vec<f64> = (0..x.nrows()).map(|i| (i % 4) as f64).collect();
        let y2 = y.view();
        for (intercept, standardize, weighted) in
            [(true, false, false), (true, true, true), (false, false, false), (false, true, false), (true, true, false)]
        {
            let e = estimator.clone().intercept(intercept).standardize(standardize).tolerance(1e-11);
            let what = format!("{what} {intercept} {standardize} {weighted}");
            let full = match weighted {
                true => e.clone().sample_weights(weights.clone()),
                false => e.clone(),
            };
            let moments = match weighted {
                true => Moments::weighted(x, &y2, &weights),
                false => Moments::new(x, &y2),
            };
            // λ as a share of the largest
            let lambda = 0.1 * full.lambda_max(x, &y2).unwrap();
            let full = full.with_lambda(lambda).fit(x, &y2).unwrap();
            let moments = e.with_lambda(lambda).fit_moments(&moments.unwrap()).unwrap();
            close(&moments.coefficient_matrix(), &full.coefficient_matrix(), 1e-5, &what);
            assert!((moments.deviance_explained() - full.deviance_explained()).abs() < 1e-8, "{what}");
            let (a, b) = (moments.certificate(), full.certificate());
            let allowed = a.gap + b.gap + a.rounding + b.rounding;
            assert!((a.objective - b.objective).abs() <= allowed, "{what}: {a} and {b}");
            assert!((a.scale / b.scale - 1.0).abs() < 1e-10, "{what}");
            for (a, b) in moments.intercepts().iter().zip(full.intercepts()) {
                assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{what}: intercepts {a} and {b}");
            }
        }
    }
    let x = data(400, 12, 0.5, |j| 1.0 + j as f64, |j| if j == 4 { 1e3 } else { j as f64 });
    let y = response(&x, 3);
    let one = y.column(0).to_owned();
    let groups = || Groups::from_sizes(&[3, 4, 5]).unwrap();
    let scattered = Groups::from_labels(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    check(&Lasso::default(), &x, &one, "lasso");
    check(&ElasticNet::new(0.0, 0.7), &x, &one, "elastic net");
    check(&GroupLasso::new(0.0, groups()), &x, &one, "group");
    if let Ok(groups) = scattered {
        check(&GroupLasso::new(0.0, groups), &x, &one, "scattered");
    }
    check(&SparseGroupLasso::new(0.0, 0.5, groups()), &x, &one, "sparse group");
    check(&MultiTaskLasso::new(0.0), &x, &y, "multi-task");
}

/// The certificate of a tall problem, which is solved on few rows, against the gap computed on the data.
#[test]
fn certificates_of_tall_problems_hold_on_the_data() {
    let plain = |_: usize| 1.0;
    let zero = |_: usize| 0.0;
    let n = 3000;
    let mut duplicated = data(n, 16, 0.0, plain, zero);
    for j in 8..14 {
        let column = duplicated.column(j - 8).to_owned();
        duplicated.column_mut(j).assign(&column);
    }
    duplicated.column_mut(14).fill(0.0);
    let nearly: Array1<f64> = &duplicated.column(3) + &(1e-7 * &duplicated.column(15));
    duplicated.column_mut(13).assign(&nearly);
    let cases = [
        ("random", data(n, 30, 0.0, plain, zero)),
        ("correlated", data(n, 30, 0.99, plain, zero)),
        ("nearly singular", data(n, 30, 1.0 - 1e-9, plain, zero)),
        ("units", data(n, 24, 0.3, |j| 10f64.powi(j as i32 % 7 - 3), zero)),
        ("means", data(n, 20, 0.3, plain, |_| 10.0)),
        ("duplicated", duplicated),
    ];
    for (name, x) in &cases {
        let p = x.ncols();
        for q in [1, 2] {
            let y: Vec<f64> = response(x, q).t().iter().copied().collect();
            let design = Dense::new(x.view()).unwrap().to_column_major();
            let smooth = LinearPredictor::new(&design, Squared::new(y, n));
            let weights: Vec<f64> = (0..p).map(|j| if j == 1 { 0.0 } else { 1.0 + j as f64 }).collect();
            let regular = !matches!(*name, "nearly singular" | "duplicated");
            check(&smooth, &L1::new(p), name, q == 1 || regular);
            check(&smooth, &L1::new(p).with_weights(weights).unwrap(), name, regular);
            let partition = |k: usize| Partition::from_sizes(&vec![k; p / k]).unwrap();
            check(&smooth, &ElasticNetPenalty::new(partition(1), 0.5).unwrap(), name, regular);
            check(&smooth, &GroupL2::new(partition(2)), name, regular);
        }
    }
    fn check<P: BlockPenalty>(smooth: &LinearPredictor<&Dense<'_>, Squared>, penalty: &P, name: &str, closes: bool) {
        let largest = Problem::new(smooth, penalty, 1.0).lambda_max();
        for tolerance in [1e-6, 1e-10, 1e-12] {
            let mut solver = BlockDescent::default();
            solver.stopping.tolerance = tolerance;
            solver.stopping.max_iterations = if closes { 50_000 } else { 2000 };
            let lambdas = [0.3 * largest, 0.03 * largest, 1e-3 * largest, 1e-5 * largest];
            let mut k = 0;
            let judge = |solution: sparsereg::solver::Solution, lambda: f64| {
                let problem = Problem::new(smooth, penalty, lambda);
                let at = smooth.point(&solution.coefficients);
                let mut g = vec![0.0; problem.len()];
                let (exact, _) = problem.certify(&solution.coefficients, &at, problem.scale(), &mut g);
                let stated = solution.certificate;
                let what = format!("{name}, λ {lambda:e}, tolerance {tolerance:e}, {:?}", solution.status);
                // Far from the optimum, where rounding does not matter, the bound holds up to what curved penalties add.
                let slack = if matches!(solution.status, Status::Converged | Status::Stalled) { 1.0 } else { 10.0 };
                assert!(
                    (exact.gap - stated.gap).abs() <= slack * (stated.rounding + exact.rounding),
                    "{what}: gap {:e} on the data, {:e} ± {:e}",
                    exact.gap,
                    stated.gap,
                    stated.rounding
                );
                assert!((exact.objective - stated.objective).abs() <= stated.rounding + exact.rounding, "{what}");
                // On nearly dependent columns descent may take more sweeps than its limit, on n rows, too, and 1e-12 may be below what
                // rounding allows; the certificate holds nevertheless.
                let closed = matches!(solution.status, Status::Converged | Status::Stalled);
                assert!(closed || !closes || tolerance < 1e-10, "{what}: {stated}");
                if solution.status == Status::Converged {
                    assert!(exact.gap <= 2.0 * tolerance * exact.scale + exact.rounding, "{what}: {exact}");
                }
            };
            let problem = Problem::new(smooth, penalty, largest);
            solver.solve_path(&problem, &lambdas, Start::Zero, &mut (), &mut |solution| {
                judge(solution, lambdas[k]);
                k += 1;
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!(k, lambdas.len());
            let problem = Problem::new(smooth, penalty, lambdas[1]);
            judge(solver.solve(&problem, Start::Zero, &mut ()), lambdas[1]);
        }
    }
}

#[test]
fn every_storage_takes_the_same_road() {
    let x = data(3000, 20, 0.2, |_| 1.0, |_| 2.0);
    let y = response(&x, 1).column(0).to_owned();
    let lasso = Lasso::new(0.05).tolerance(1e-11);
    let rows = lasso.fit(&x, &y).unwrap();
    let columns = x.t().as_standard_layout().reversed_axes().to_owned();
    assert!(!columns.is_standard_layout());
    let sparse = Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap();
    let residual = BlockDescent { form: Form::Residual, ..BlockDescent::default() };
    let plain = lasso.clone().solver(residual).tolerance(1e-11).fit(&x, &y).unwrap();
    for model in [lasso.fit(&columns, &y).unwrap(), lasso.fit(&sparse, &y).unwrap(), plain] {
        close(&model.coefficient_matrix(), &rows.coefficient_matrix(), 1e-6, "storage");
    }
    let custom = x.as_design().unwrap();
    assert_eq!(custom.ncols(), 20);
}

/// The cross-validation of tall data against the one that fits every fold from its rows.
#[test]
fn folds_from_moments_agree_with_folds_from_rows() {
    let x = data(2400, 15, 0.4, |j| 1.0 + j as f64, |j| if j == 2 { 1e4 } else { 3.0 });
    let y = response(&x, 2);
    let one = y.column(0).to_owned();
    let weights: Vec<f64> = (0..x.nrows()).map(|i| (i % 5) as f64 * 0.5).collect();
    let rows = BlockDescent { form: Form::Gram, ..BlockDescent::default() };
    let folds = KFold::new(5).seed(3);
    let grid = || Grid::auto(12).ratio(1e-2);
    for (standardize, intercept, weighted) in
        [(false, true, false), (true, true, true), (true, false, false), (false, false, true)]
    {
        let mut lasso = Lasso::default().standardize(standardize).intercept(intercept).tolerance(1e-11);
        let mut tasks = MultiTaskLasso::default().standardize(standardize).intercept(intercept).tolerance(1e-11);
        if weighted {
            lasso = lasso.sample_weights(weights.clone());
            tasks = tasks.sample_weights(weights.clone());
        }
        let a = lasso.cross_validate_on(&x, &one, &folds, grid()).unwrap();
        let b =
            lasso.clone().solver(rows.clone()).tolerance(1e-11).cross_validate_on(&x, &one, &folds, grid()).unwrap();
        same(&a, &b);
        let a = tasks.cross_validate_on(&x, &y, &folds, grid()).unwrap();
        let b = tasks.clone().solver(rows.clone()).tolerance(1e-11).cross_validate_on(&x, &y, &folds, grid()).unwrap();
        same(&a, &b);
    }
    fn same<M: Model>(
        a: &sparsereg::cross_validation::CrossValidation<M>,
        b: &sparsereg::cross_validation::CrossValidation<M>,
    ) {
        close(&a.curve().scores, &b.curve().scores, 1e-7, "scores");
        assert_eq!((a.curve().best, a.curve().one_standard_error), (b.curve().best, b.curve().one_standard_error));
        for (k, (a, b)) in a.path().models().iter().zip(b.path().models()).enumerate() {
            assert!((a.lambda() / b.lambda() - 1.0).abs() < 1e-9);
            close(&a.coefficient_matrix(), &b.coefficient_matrix(), 1e-5, &format!("model {k}"));
        }
        for k in [0, 6, 11] {
            close(&a.out_of_fold(k).to_owned(), &b.out_of_fold(k).to_owned(), 1e-5, "out of fold");
        }
    }
}

/// A feature that is constant in a training part but not in the whole, and one that is constant everywhere.
#[test]
fn features_that_are_constant_in_a_fold_do_not_break_it() {
    let mut x = data(2000, 17, 0.0, |_| 1.0, |_| 0.0);
    x.column_mut(4).fill(0.1);
    for i in 0..2000 {
        x[[i, 7]] = if (400..800).contains(&i) { (i % 7) as f64 } else { 0.3 };
    }
    let y = response(&x, 1).column(0).to_owned();
    let rows = BlockDescent { form: Form::Gram, ..BlockDescent::default() };
    for standardize in [false, true] {
        let lasso = Lasso::default().standardize(standardize).tolerance(1e-10);
        let folds = KFold::blocked(5);
        let grid = Grid::auto(10);
        let a = lasso.cross_validate_on(&x, &y, &folds, grid.clone()).unwrap();
        let b = lasso.solver(rows.clone()).tolerance(1e-10).cross_validate_on(&x, &y, &folds, grid).unwrap();
        close(&a.curve().scores, &b.curve().scores, 1e-7, "scores");
        assert!(a.path().models().iter().all(|m| m.coefficients()[4] == 0.0));
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let x = data(40_000, 20, 0.1, |_| 1.0, |_| 1.0);
    let y = response(&x, 1).column(0).to_owned();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fit = Lasso::new(0.01).fit(&x, &y).unwrap().coefficient_matrix();
            let moments = Moments::new(&x, &y).unwrap();
            let cv = Lasso::default().cross_validate_on(&x, &y, &KFold::new(4), Grid::auto(5)).unwrap();
            (fit, moments, cv.curve().scores.clone())
        })
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn what_cannot_be_is_said() {
    let x = data(10, 2, 0.0, |_| 1.0, |_| 0.0);
    let y = Array1::from_shape_fn(10, |i| i as f64);
    let mut moments = Moments::new(&x, &y).unwrap();
    assert!(matches!(Moments::new(&x, &y.slice(s![..9])), Err(Error::Length { argument: "y", .. })));
    assert!(matches!(Moments::weighted(&x, &y, &[1.0]), Err(Error::Length { argument: "sample_weights", .. })));
    assert!(matches!(Moments::weighted(&x, &y, &[0.0; 10]), Err(Error::OutOfRange { .. })));
    assert!(matches!(Moments::new(&(1e200 * &x), &y), Err(Error::OutOfRange { argument: "x", .. })));
    let mut bad = y.clone();
    bad[3] = f64::NAN;
    assert!(matches!(Moments::new(&x, &bad), Err(Error::NotFinite { argument: "y", index, .. }) if index == [3]));
    let narrow = Moments::new(&x.slice(s![.., ..1]), &y).unwrap();
    assert!(matches!(moments.merge(&narrow), Err(Error::Length { .. })));
    assert!(matches!(moments.clone().subtract(&moments), Err(Error::OutOfRange { argument: "moments", .. })));
    let weighted = Lasso::new(0.1).sample_weights(vec![1.0; 10]);
    assert!(matches!(weighted.fit_moments(&moments), Err(Error::Unsupported { argument: "sample_weights", .. })));
    let tasks = Moments::new(&x, &response(&x, 2)).unwrap();
    assert!(matches!(Lasso::new(0.1).fit_moments(&tasks), Err(Error::Length { argument: "y columns", .. })));
    assert!(MultiTaskLasso::new(0.1).fit_moments(&tasks).is_ok());
}
