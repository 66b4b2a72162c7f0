//! The same problem said in two ways has the same answer.

use std::ops::Range;

use crate::common::*;
use ndarray::{Array1, Array2, ShapeBuilder, concatenate, s};
use sparsereg::design::{AsDesign, Columns, Csc, Dense, Design, LinearOperator};
use sparsereg::estimator::Method;
use sparsereg::loss::Squared;
use sparsereg::partition::Partition;
use sparsereg::penalty::{GroupL2, L1, LatentOverlap};
use sparsereg::prelude::*;
use sparsereg::problem::Problem;
use sparsereg::smooth::LinearPredictor;
use sparsereg::solver::{Solver, Start};

const N: usize = 30;
const P: usize = 10;

/// Solved until rounding has the last word, so that coefficients can be compared to many digits.
fn exact<E: Configure>(estimator: E) -> E {
    estimator.tolerance(0.0)
}

/// Same coefficients, intercepts and objective.
#[track_caller]
fn assert_same(label: &str, a: &impl Model, b: &impl Model, tolerance: f64) {
    assert!(!a.support().is_empty(), "{label}: nothing to compare");
    assert_close(label, &a.coefficient_matrix(), &b.coefficient_matrix(), tolerance);
    assert_close(label, &a.intercepts(), &b.intercepts(), 10.0 * tolerance);
    let (ca, cb) = (a.certificate(), b.certificate());
    assert!((ca.objective - cb.objective).abs() <= 1e-10 * ca.scale, "{label}: {ca} {cb}");
}

/// For λ at 0.3 and 0.03 of λ_max and each kind of solver.
fn settings(x: &Array2<f64>, y: &Array1<f64>, mut law: impl FnMut(&str, f64, Method)) {
    let max = Lasso::new(0.0).lambda_max(x, y).expect("λ_max");
    for share in [0.3, 0.03] {
        for (name, method) in main_solvers() {
            law(&format!("{name} at {share} λ_max"), share * max, method);
        }
    }
}

#[test]
fn groups_of_one_are_the_lasso() {
    for (n, p) in [(N, P), (8, 15)] {
        let (x, y) = single(1, n, p);
        settings(&x, &y, |label, lambda, method| {
            let fit = |groups| exact(GroupLasso::new(lambda, groups).solver(method.clone())).fit(&x, &y).unwrap();
            let lasso = exact(Lasso::new(lambda).solver(method.clone())).fit(&x, &y).unwrap();
            assert_same(label, &lasso, &fit(Groups::from_sizes(&vec![1; p]).unwrap()), 1e-9);
            let backwards: Vec<Vec<usize>> = (0..p).rev().map(|j| vec![j]).collect();
            assert_same(label, &lasso, &fit(Groups::new(&backwards).unwrap()), 1e-9);
        });
    }
}

#[test]
fn sparse_groups_end_in_the_lasso_and_in_the_group_lasso() {
    for (n, p) in [(N, P), (8, 15)] {
        let (x, y) = single(2, n, p);
        let sizes = [vec![1, 4, 2], vec![1; p - 7]].concat();
        let groups = || Groups::from_sizes(&sizes).unwrap();
        settings(&x, &y, |label, lambda, method| {
            let sparse =
                |tau| exact(SparseGroupLasso::new(lambda, tau, groups()).solver(method.clone())).fit(&x, &y).unwrap();
            let lasso = exact(Lasso::new(lambda).solver(method.clone())).fit(&x, &y).unwrap();
            assert_same(&format!("{label} τ 1"), &lasso, &sparse(1.0), 1e-8);
            let group = exact(GroupLasso::new(lambda, groups()).solver(method.clone())).fit(&x, &y).unwrap();
            assert_same(&format!("{label} τ 0"), &group, &sparse(0.0), 1e-8);
        });
    }
}

#[test]
fn elastic_nets_end_in_the_lasso_and_in_ridge_regression() {
    for (n, p) in [(N, P), (8, 15)] {
        let (x, y) = single(3, n, p);
        settings(&x, &y, |label, lambda, method| {
            let net = |rho| exact(ElasticNet::new(lambda, rho).solver(method.clone())).fit(&x, &y).unwrap();
            let lasso = exact(Lasso::new(lambda).solver(method.clone())).fit(&x, &y).unwrap();
            assert_same(&format!("{label} ρ 1"), &lasso, &net(1.0), 1e-8);

            // Ridge: (X̃ᵀX̃/n + λ) w = X̃ᵀỹ/n.
            let nf = n as f64;
            let centred = &x - &x.mean_axis(ndarray::Axis(0)).unwrap();
            let gram = centred.t().dot(&centred) / nf + lambda * Array2::<f64>::eye(p);
            let right = centred.t().dot(&(&y - y.sum() / nf)) / nf;
            let w = gaussian_elimination(gram, right);
            assert_close(&format!("{label} ρ 0"), net(0.0).coefficients(), &w, 1e-7);
        });
    }
}

fn gaussian_elimination(mut a: Array2<f64>, mut b: Array1<f64>) -> Array1<f64> {
    let p = b.len();
    for k in 0..p {
        let pivot = (k..p).max_by(|&i, &j| a[[i, k]].abs().total_cmp(&a[[j, k]].abs())).unwrap();
        for j in 0..p {
            a.swap([k, j], [pivot, j]);
        }
        b.swap(k, pivot);
        for i in k + 1..p {
            let f = a[[i, k]] / a[[k, k]];
            for j in k..p {
                a[[i, j]] -= f * a[[k, j]];
            }
            b[i] -= f * b[k];
        }
    }
    for k in (0..p).rev() {
        let sum: f64 = (k + 1..p).map(|j| a[[k, j]] * b[j]).sum();
        b[k] = (b[k] - sum) / a[[k, k]];
    }
    b
}

#[test]
fn one_task_is_no_task() {
    let (x, y) = single(4, N, P);
    let wide = y.clone().insert_axis(ndarray::Axis(1));
    settings(&x, &y, |label, lambda, method| {
        let lasso = exact(Lasso::new(lambda).solver(method.clone())).fit(&x, &y).unwrap();
        let multi = exact(MultiTaskLasso::new(lambda).solver(method.clone())).fit(&x, &wide).unwrap();
        assert_same(label, &lasso, &multi, 1e-9);
        let net = exact(ElasticNet::new(lambda, 0.4).solver(method.clone())).fit(&x, &y).unwrap();
        let multi = exact(MultiTaskElasticNet::new(lambda, 0.4).solver(method.clone())).fit(&x, &wide).unwrap();
        assert_same(label, &net, &multi, 1e-9);
        let own = exact(Penalized::new(lambda, L1::new(P)).multi_response().solver(method)).fit(&x, &wide).unwrap();
        assert_same(label, &lasso, &own, 1e-9);
    });
}

/// `Y = XW` is one regression on I ⊗ X in which the copies of a feature form a group.
#[test]
fn tasks_are_groups_of_a_kronecker_product() {
    let (n, p, q) = (20, 7, 3);
    let (x, y) = regression(5, n, p, q);
    let mut big = Array2::zeros((n * q, p * q));
    for t in 0..q {
        big.slice_mut(s![t * n..(t + 1) * n, t * p..(t + 1) * p]).assign(&x);
    }
    let stacked: Array1<f64> = y.t().iter().copied().collect();
    let groups: Vec<Vec<usize>> = (0..p).map(|j| (0..q).map(|t| t * p + j).collect()).collect();
    for lambda in [2.0, 0.2, 0.02] {
        for (name, method) in main_solvers() {
            let multi = exact(MultiTaskLasso::new(lambda).solver(method.clone())).intercept(false).fit(&x, &y).unwrap();
            // The mean runs over n·q observations there.
            let group = GroupLasso::new(lambda / q as f64, Groups::new(&groups).unwrap()).weights(vec![1.0; p]);
            let group = exact(group.solver(method)).intercept(false).fit(&big, &stacked).unwrap();
            let found = group.coefficients().to_owned().into_shape_with_order((q, p)).unwrap();
            assert_close(&format!("{name} λ {lambda}"), multi.coefficients().t(), &found, 1e-8);
            assert!(lambda > 1.0 || multi.support().len() > 2);
        }
    }
}

#[test]
fn latent_groups_without_overlap_are_groups() {
    let (x, y) = single(6, N, P);
    let groups = || Groups::new(&[vec![0, 5, 2], vec![1], vec![9, 8], vec![3, 4, 6, 7]]).unwrap();
    settings(&x, &y, |label, lambda, method| {
        let group = exact(GroupLasso::new(lambda, groups()).solver(method.clone())).fit(&x, &y).unwrap();
        let latent = exact(LatentGroupLasso::new(lambda, groups()).solver(method)).fit(&x, &y).unwrap();
        assert_same(label, &group, &latent, 1e-9);
    });
}

/// Overlapping groups by repeated columns and descent, and by the prox of the latent norm and FISTA.
#[test]
fn latent_groups_by_columns_and_by_prox() {
    for (n, p, seed) in [(N, P, 7), (12, 14, 8)] {
        let (x, y) = single(seed, n, p);
        let lists = vec![vec![0, 1, 2, 3], vec![3, 4, 5], vec![5, 0], (6..p).collect(), vec![2, 9, 7]];
        for weights in [vec![2.0, 3f64.sqrt(), 2f64.sqrt(), 2.0, 3f64.sqrt()], vec![1.0, 2.0, 0.5, INF, 0.7]] {
            // Features of an excluded group only cannot be fitted; both sides must agree on that, too.
            let groups = Groups::overlapping(&lists, p).unwrap();
            let penalty = LatentOverlap::new(groups.clone()).with_weights(weights.clone()).unwrap();
            let f = smooth(&x, &y.clone().insert_axis(ndarray::Axis(1)));
            for share in [0.5, 0.1] {
                let lambda = some_lambda(&f, &penalty, share);
                let fista = Fista { stopping: stopping(1e-12, 100_000), ..Fista::default() };
                let by_prox = fista.solve(&Problem::new(&f, &penalty, lambda), Start::Zero, &mut ());
                assert!(by_prox.certificate.relative_gap() <= 1e-10, "{} {}", by_prox.status, by_prox.certificate);
                for (name, method) in main_solvers() {
                    let label = format!("{name} weights {weights:?} λ {lambda}");
                    let estimator = LatentGroupLasso::new(lambda, groups.clone()).weights(weights.clone());
                    let model = exact(estimator.solver(method)).intercept(false).fit(&x, &y).unwrap();
                    let (a, b) = (model.certificate(), by_prox.certificate);
                    assert!((a.objective - b.objective).abs() <= 1e-10 * a.scale, "{label}: {a} {b}");
                    assert_close(&label, model.coefficients(), &by_prox.coefficients, 2e-5);
                    assert!((a.scale - b.scale).abs() <= 1e-12 * a.scale);
                }
            }
        }
    }
}

/// The plainest design that a user could write: four verbs over columns in a list.
struct Own {
    columns: Vec<Vec<f64>>,
}

impl LinearOperator for Own {
    fn nrows(&self) -> usize {
        self.columns[0].len()
    }
    fn ncols(&self) -> usize {
        self.columns.len()
    }
    fn apply(&self, w: &[f64], eta: &mut [f64]) {
        sparsereg::design::apply_by_columns(self, w, eta);
    }
    fn transpose_apply(&self, r: &[f64], out: &mut [f64]) {
        self.dot(0..self.ncols(), r, out);
    }
}

impl Design for Own {
    fn dot(&self, cols: Range<usize>, r: &[f64], out: &mut [f64]) {
        let n = self.nrows();
        let q = r.len() / n;
        for (x, out) in self.columns[cols].iter().zip(out.chunks_exact_mut(q)) {
            for (r, out) in r.chunks_exact(n).zip(out) {
                *out = x.iter().zip(r).map(|(x, r)| x * r).sum();
            }
        }
    }
    fn axpy(&self, cols: Range<usize>, delta: &[f64], eta: &mut [f64]) {
        let n = self.nrows();
        let q = eta.len() / n;
        for (x, delta) in self.columns[cols].iter().zip(delta.chunks_exact(q)) {
            for (eta, d) in eta.chunks_exact_mut(n).zip(delta) {
                eta.iter_mut().zip(x).for_each(|(e, x)| *e += d * x);
            }
        }
    }
    fn sq_norm(&self, col: usize) -> f64 {
        self.columns[col].iter().map(|x| x * x).sum()
    }
}

/// Fits with every combination of the options that change the way of the data, on one design.
fn all_options<X: AsDesign + ?Sized>(
    x: &X,
    y: &Array1<f64>,
    wide: &Array2<f64>,
    p: usize,
) -> Vec<(String, Array2<f64>)> {
    let mut rng = Rng::new(99);
    let weights: Vec<f64> = (0..y.len()).map(|i| if i % 5 == 0 { 0.0 } else { rng.uniform() }).collect();
    let groups = || Groups::new(&[(0..p).step_by(2).collect::<Vec<_>>(), (1..p).step_by(2).collect()]).unwrap();
    let mut all = Vec::new();
    for (name, method) in main_solvers() {
        for intercept in [false, true] {
            for standardize in [false, true] {
                for weighted in [false, true] {
                    let label = format!("{name} intercept {intercept} standardize {standardize} weighted {weighted}");
                    macro_rules! fit {
                        ($estimator:expr, $y:expr) => {{
                            let mut e =
                                exact($estimator.solver(method.clone())).intercept(intercept).standardize(standardize);
                            if weighted {
                                e = e.sample_weights(weights.clone());
                            }
                            let model = e.fit(x, $y).unwrap_or_else(|e| panic!("{label}: {e}"));
                            all.push((label.clone(), model.coefficient_matrix()));
                            all.push((label.clone(), model.intercepts().insert_axis(ndarray::Axis(1))));
                            all.push((label.clone(), model.predict_matrix(x).unwrap()));
                        }};
                    }
                    fit!(Lasso::new(0.1), y);
                    fit!(GroupLasso::new(0.05, groups()), y);
                    fit!(MultiTaskLasso::new(0.1), wide);
                }
            }
        }
    }
    all
}

/// Every storage of one matrix, for every option: sparse data with an empty column and values that f32 holds exactly.
#[test]
fn storages_do_not_matter() {
    let (n, p) = (25, 9);
    let (x, wide) = regression(9, n, p, 2);
    let mut x = x.mapv(|v| if v.abs() < 0.7 { 0.0 } else { f64::from(v as f32) });
    x.column_mut(4).fill(0.0);
    x.column_mut(7).fill(3.0);
    let y = wide.column(0).to_owned();
    let reference = all_options(&x, &y, &wide, p);
    let compare = |label: &str, other: Vec<(String, Array2<f64>)>| {
        for ((name, a), (_, b)) in reference.iter().zip(&other) {
            assert_close(&format!("{label} {name}"), a, b, 2e-8);
        }
    };
    let mut fortran = Array2::zeros((n, p).f());
    fortran.assign(&x);
    compare("column-major", all_options(&fortran, &y, &wide, p));
    compare("f32", all_options(&x.mapv(|v| v as f32), &y, &wide, p));
    let mut padded = Array2::from_elem((2 * n, 3 * p), f64::MAX);
    padded.slice_mut(s![..;2, ..;3]).assign(&x);
    compare("strided", all_options(&padded.slice(s![..;2, ..;3]), &y, &wide, p));
    let mirrored = x.slice(s![..;-1, ..]).to_owned();
    compare("reversed rows", all_options(&mirrored.slice(s![..;-1, ..]), &y, &wide, p));
    compare("dense", all_options(&Dense::new(x.view()).unwrap(), &y, &wide, p));
    let csc = Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap();
    compare("csc", all_options(&csc, &y, &wide, p));
    let order = Rng::new(3).permutation(p);
    let mut shuffled = Array2::from_elem((n, p + 1), 77.0);
    for (j, &to) in order.iter().enumerate() {
        shuffled.column_mut(to).assign(&x.column(j));
    }
    compare(
        "columns",
        all_options(&Columns::new(Dense::new(shuffled.view()).unwrap(), order.clone()).unwrap(), &y, &wide, p),
    );
    let csc = Csc::from_dense(&Dense::new(shuffled.view()).unwrap()).unwrap();
    compare("columns of csc", all_options(&Columns::new(csc, order).unwrap(), &y, &wide, p));
    let own = Own { columns: x.columns().into_iter().map(|c| c.to_vec()).collect() };
    compare("own", all_options(&own, &y, &wide, p));
}

/// Every solver of the registry finds the same coefficients where they are unique.
#[test]
fn solvers_agree() {
    for (n, p, q, seed) in [(40, 12, 1, 10), (15, 11, 1, 11), (30, 10, 2, 12)] {
        let (x, y) = regression(seed, n, p, q);
        let f = smooth(&x, &y);
        for entry in entries(p) {
            let penalty = entry.build();
            let lambda = some_lambda(&f, &penalty, 0.1);
            let problem = Problem::new(&f, &penalty, lambda);
            let reference = solve(&solvers()[0].1, stopping(0.0, 10_000), &problem);
            for (name, method) in solvers() {
                let found = solve(&method, stopping(1e-14, 100_000), &problem);
                let label = format!("{name} on {} n {n}: {} {}", entry.name, found.status, found.certificate);
                assert_close(&label, &found.coefficients, &reference.coefficients, 1e-6);
                let (a, b) = (found.certificate, reference.certificate);
                assert!((a.objective - b.objective).abs() <= 1e-12 * a.scale, "{label}");
            }
        }
    }
}

#[test]
fn whole_weights_are_repeated_rows_and_weight_zero_is_none() {
    let (x, y) = single(13, N, P);
    let counts: Vec<usize> = (0..N).map(|i| [1, 0, 3, 2][i % 4]).collect();
    let rows: Vec<usize> = counts.iter().enumerate().flat_map(|(i, &c)| vec![i; c]).collect();
    let (x_long, y_long) = (x.select(ndarray::Axis(0), &rows), y.select(ndarray::Axis(0), &rows));
    let weights: Vec<f64> = counts.iter().map(|&c| 1e-3 * c as f64).collect();
    // What stands in a row of weight 0 must not matter at all.
    let (mut x_wild, mut y_wild) = (x.clone(), y.clone());
    for i in (0..N).filter(|&i| counts[i] == 0) {
        x_wild.row_mut(i).fill(1e6);
        y_wild[i] = -1e7;
    }
    settings(&x, &y, |label, lambda, method| {
        for (intercept, standardize) in [(true, false), (true, true), (false, false), (false, true)] {
            macro_rules! compare {
                ($estimator:expr) => {{
                    let e = exact($estimator.solver(method.clone())).intercept(intercept).standardize(standardize);
                    let long = e.fit(&x_long, &y_long).unwrap();
                    let weighted = e.clone().sample_weights(weights.clone());
                    let label = format!("{label} intercept {intercept} standardize {standardize}");
                    let short = weighted.fit(&x, &y).unwrap();
                    assert_same(&label, &long, &short, 1e-8);
                    assert!((long.r_squared() - short.r_squared()).abs() < 1e-9, "{label}");
                    assert!((long.certificate().scale / short.certificate().scale - 1.0).abs() < 1e-9, "{label}");
                    assert_same(&format!("{label} wild"), &long, &weighted.fit(&x_wild, &y_wild).unwrap(), 1e-7);
                    let csc = Csc::from_dense(&Dense::new(x.view()).unwrap()).unwrap();
                    assert_same(&format!("{label} csc"), &long, &weighted.fit(&csc, &y).unwrap(), 1e-8);
                }};
            }
            compare!(Lasso::new(lambda));
            compare!(ElasticNet::new(lambda, 0.5));
            compare!(GroupLasso::new(lambda, Groups::from_sizes(&[3, 2, 5]).unwrap()));
        }
    });
}

/// The estimator's problem is the low-level one on centred data.
#[test]
fn an_intercept_is_centring_and_a_column_of_ones() {
    let (x, y) = single(14, N, P);
    let ones = concatenate![ndarray::Axis(1), x, Array2::ones((N, 1))];
    let mut weights = vec![1.0; P + 1];
    weights[P] = 0.0;
    settings(&x, &y, |label, lambda, method| {
        let with = exact(Lasso::new(lambda).solver(method.clone())).fit(&x, &y).unwrap();
        let without =
            exact(Lasso::new(lambda).weights(weights.clone()).solver(method)).intercept(false).fit(&ones, &y).unwrap();
        assert_close(label, with.coefficients(), without.coefficients().slice(s![..P]), 1e-8);
        assert!((with.intercept() - without.coefficients()[P]).abs() < 1e-7, "{label}");
        assert!((with.certificate().objective - without.certificate().objective).abs() < 1e-10, "{label}");
    });
}

/// A path is what its λs are one by one.
#[test]
fn a_path_is_its_points() {
    for (n, p) in [(N, P), (10, 18)] {
        let (x, y) = single(15, n, p);
        let f = smooth(&x, &y.clone().insert_axis(ndarray::Axis(1)));
        let sizes = [vec![3, 2, 4], vec![1; p - 9]].concat();
        let penalty = GroupL2::new(Partition::from_sizes(&sizes).unwrap());
        let max = some_lambda(&f, &penalty, 1.0);
        let lambdas: Vec<f64> = (0..12).map(|k| max * 0.6f64.powi(k)).collect();
        let problem: Problem<'_, LinearPredictor<Dense<'static, f64>, Squared>, _> = Problem::new(&f, &penalty, max);
        for form in [Form::Auto, Form::Gram, Form::Residual] {
            let solver = BlockDescent { stopping: stopping(1e-13, 100_000), form, ..BlockDescent::default() };
            let mut path = Vec::new();
            solver.solve_path(&problem, &lambdas, Start::Zero, &mut (), &mut |s| {
                path.push(s);
                std::ops::ControlFlow::Continue(())
            });
            assert_eq!(path.len(), lambdas.len());
            for (solution, &lambda) in path.iter().zip(&lambdas) {
                let alone = solver.solve(&Problem { lambda, ..problem }, Start::Zero, &mut ());
                assert_close(&format!("{form:?} λ {lambda}"), &solution.coefficients, &alone.coefficients, 1e-5);
                assert!(
                    (solution.certificate.objective - alone.certificate.objective).abs()
                        <= 1e-12 * alone.certificate.scale
                );
                assert!(solution.certificate.gap <= 1e-12 * alone.certificate.scale, "{}", solution.certificate);
            }
        }
    }
}
