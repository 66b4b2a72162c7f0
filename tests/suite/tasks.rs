//! Several tasks with data of their own: against one design and several responses, block-diagonal stacks, conic solvers
//! (`tests/golden/make_task_goldens.py`), and the optimality conditions written down from the objective.

use std::path::Path as File;

use ndarray::{Array1, Array2, Axis, s};
use serde_json::Value;
use sparsereg::design::Csc;
use sparsereg::prelude::*;

use crate::common::{Rng, regression};

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = v.as_array().expect("rows").iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

fn load(name: &str) -> Value {
    let path = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("tasks_{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

fn sparse(x: &Array2<f64>) -> Csc {
    let entries: Vec<_> = x.indexed_iter().map(|((i, j), &v)| (i, j, v)).filter(|e| e.2 != 0.0).collect();
    Csc::from_triplets(x.nrows(), x.ncols(), &entries).unwrap()
}

fn largest(difference: Array2<f64>) -> f64 {
    difference.fold(0.0, |m: f64, d| m.max(d.abs()))
}

/// T tasks of these sizes with features 1 and 4 in common.
fn simulated(seed: u64, sizes: &[usize], p: usize) -> Vec<(Array2<f64>, Array1<f64>)> {
    let mut rng = Rng::new(seed);
    let each = sizes.iter().map(|&n| {
        let x = Array2::from_shape_simple_fn((n, p), || rng.normal() + 0.5);
        let (a, b) = (1.0 + rng.uniform(), -1.0 - rng.uniform());
        let y = Array1::from_shape_fn(n, |i| a * x[[i, 1]] + b * x[[i, 4]] + 0.5 * rng.normal() + 2.0);
        (x, y)
    });
    each.collect()
}

fn tasks(data: &[(Array2<f64>, Array1<f64>)]) -> Tasks<'_> {
    let mut tasks = Tasks::new();
    for (t, (x, y)) in data.iter().enumerate() {
        tasks = tasks.task(format!("task {t}"), x, y).unwrap();
    }
    tasks
}

/// The data of a golden file, dense or sparse.
struct Golden {
    value: Value,
    dense: Vec<Array2<f64>>,
    sparse: Vec<Csc>,
}

impl Golden {
    fn new(name: &str) -> Self {
        let value = load(name);
        let dense: Vec<Array2<f64>> =
            value["tasks"].as_array().unwrap().iter().map(|task| matrix(&task["x"])).collect();
        let sparse = dense.iter().map(sparse).collect();
        Self { value, dense, sparse }
    }

    fn lambda(&self) -> f64 {
        self.value["lambda"].as_f64().unwrap()
    }

    fn tasks(&self, from_sparse: bool) -> Tasks<'_> {
        let mut tasks = Tasks::new();
        for (t, golden) in self.value["tasks"].as_array().unwrap().iter().enumerate() {
            let y = Array1::from(numbers(&golden["y"]));
            let name = format!("task {t}");
            let mut task = match (golden["family"].as_str().unwrap(), from_sparse) {
                ("squared", false) => Task::new(name, &self.dense[t], &y),
                ("squared", true) => Task::new(name, &self.sparse[t], &y),
                ("poisson", false) => Task::with_family(name, &self.dense[t], &y, Poisson),
                ("poisson", true) => Task::with_family(name, &self.sparse[t], &y, Poisson),
                (_, false) => Task::with_family(name, &self.dense[t], &y, Logistic::default()),
                (_, true) => Task::with_family(name, &self.sparse[t], &y, Logistic::default()),
            }
            .unwrap()
            .weight(golden["weight"].as_f64().unwrap());
            let features: Vec<usize> = numbers(&golden["features"]).iter().map(|j| *j as usize).collect();
            if features.len() < 8 {
                task = task.features(&features);
            }
            if golden["sample_weights"].is_array() {
                task = task.sample_weights(numbers(&golden["sample_weights"]));
            }
            if golden["offset"].is_array() {
                task = task.offset(numbers(&golden["offset"]));
            }
            tasks = tasks.with(task);
        }
        tasks
    }

    fn check<E: FitTasks>(&self, estimator: E) {
        // What an interior-point method leaves of coefficients where the objective is flat.
        for (method, tolerance, error) in [
            (Method::from(BlockDescent::default()), 1e-12, 1e-5),
            (BlockDescent { form: Form::Residual, ..BlockDescent::default() }.into(), 1e-12, 1e-5),
            (BlockDescent { form: Form::Gram, ..BlockDescent::default() }.into(), 1e-12, 1e-5),
            (Fista::default().into(), 1e-8, 2e-3),
        ] {
            for from_sparse in [false, true] {
                let estimator = estimator
                    .clone()
                    .intercept(self.value["intercept"].as_bool().unwrap())
                    .solver(method.clone())
                    .tolerance(tolerance);
                let model = estimator.fit_tasks(&self.tasks(from_sparse)).unwrap();
                let off = largest(&model.coefficients() - &matrix(&self.value["coefficients"]));
                assert!(off < error, "coefficients are off by {off:e}");
                let intercepts = Array1::from(numbers(&self.value["intercepts"]));
                let off = (&model.intercept() - &intercepts).fold(0.0f64, |m, d| m.max(d.abs()));
                assert!(off < error, "intercepts are off by {off:e}");
                let golden = self.value["objective"].as_f64().unwrap();
                let objective = model.certificate().objective;
                // The conic solver is an interior-point method: its answer is above the optimum.
                assert!((objective - golden).abs() < 1e-7 + model.certificate().gap, "{objective} for {golden}");
            }
        }
    }
}

#[test]
fn squared_tasks_with_weights_and_offsets_agree_with_a_conic_solver() {
    let golden = Golden::new("squared");
    golden.check(MultiTaskLasso::new(golden.lambda()));
}

#[test]
fn the_elastic_net_without_intercepts_agrees_with_a_conic_solver() {
    let golden = Golden::new("elastic_net_no_intercept");
    golden.check(MultiTaskElasticNet::new(golden.lambda(), 0.6));
}

#[test]
fn a_count_task_beside_a_gaussian_one_agrees_with_a_conic_solver() {
    let golden = Golden::new("gaussian_poisson");
    golden.check(MultiTaskLasso::new(golden.lambda()));
}

#[test]
fn logistic_tasks_with_their_own_intercepts_agree_with_a_conic_solver() {
    let golden = Golden::new("logistic");
    golden.check(MultiTaskLasso::new(golden.lambda()));
}

#[test]
fn tasks_that_lack_features_agree_with_a_conic_solver() {
    let golden = Golden::new("missing_features");
    golden.check(MultiTaskLasso::new(golden.lambda()));
    let model = MultiTaskLasso::new(golden.lambda()).fit_tasks(&golden.tasks(false)).unwrap();
    for (j, t) in [(2, 0), (5, 0), (0, 2), (4, 2)] {
        assert_eq!(model.coefficients()[[j, t]], 0.0);
    }
    // Predictions take x as the task has it.
    let w = model.coefficients();
    let own: Array1<f64> = [0, 1, 3, 4, 6, 7].iter().map(|&j| w[[j, 0]]).collect();
    let by_hand = golden.dense[0].dot(&own) + model.intercept()[0];
    assert!((model.predict(0, &golden.dense[0]).unwrap() - by_hand).iter().all(|d| d.abs() < 1e-12));
}

#[test]
fn groups_and_single_coefficients_over_mixed_tasks_agree_with_a_conic_solver() {
    let golden = Golden::new("sparse_group");
    let groups = Groups::new(&[vec![0, 3], vec![1, 4, 5], vec![2, 6, 7]]).unwrap();
    golden.check(SparseGroupLasso::new(golden.lambda(), 0.4, groups));
    let golden = Golden::new("lasso");
    golden.check(Lasso::new(golden.lambda()));
}

#[test]
fn one_design_and_equal_sizes_are_several_responses() {
    for (n, p, standardize, intercept) in [(30, 12, false, true), (30, 50, true, true), (40, 10, false, false)] {
        let (x, y) = regression(3, n, p, 4);
        let columns: Vec<Array1<f64>> = y.columns().into_iter().map(|c| c.to_owned()).collect();
        let mut tasks = Tasks::new();
        for (t, y) in columns.iter().enumerate() {
            tasks = tasks.task(t.to_string(), &x, y).unwrap();
        }
        let lasso = MultiTaskLasso::new(0.0).standardize(standardize).intercept(intercept).tolerance(1e-12);
        let largest_lambda = lasso.lambda_max(&x, &y).unwrap();
        let of_tasks = lasso.lambda_max_tasks(&tasks).unwrap();
        assert!((of_tasks / largest_lambda - 1.0).abs() < 1e-12);
        for share in [0.5, 0.05] {
            let lasso = MultiTaskLasso::new(share * largest_lambda)
                .standardize(standardize)
                .intercept(intercept)
                .tolerance(1e-12);
            let (one, many) = (lasso.fit(&x, &y).unwrap(), lasso.fit_tasks(&tasks).unwrap());
            assert!(largest(&many.coefficients() - &one.coefficients()) < 1e-6);
            assert!((&many.intercept() - &one.intercept()).iter().all(|d| d.abs() < 1e-6));
            let (a, b) = (one.certificate(), many.certificate());
            assert!((a.objective - b.objective).abs() <= a.gap + b.gap + a.rounding + b.rounding);
            assert!((a.scale / b.scale - 1.0).abs() < 1e-12);
            assert!((one.r_squared() - many.deviance_explained()).abs() < 1e-9);
        }
    }
}

#[test]
fn a_block_diagonal_stack_with_groups_is_the_same_problem() {
    let data = simulated(5, &[25, 18, 31], 10);
    let (lambda, ntasks) = (0.3, data.len());
    let total: usize = data.iter().map(|(x, _)| x.nrows()).sum();
    let mut x = Array2::zeros((total, 10 * ntasks));
    let mut y = Array1::zeros(total);
    let mut start = 0;
    for (t, (own, own_y)) in data.iter().enumerate() {
        let n = own.nrows();
        // 1/(2N) ‖f (y − Xw)‖² is 1/(2n) ‖y − Xw‖² for f² = N/n
        let f = (total as f64 / n as f64).sqrt();
        for j in 0..10 {
            x.slice_mut(s![start..start + n, j * ntasks + t]).assign(&(&own.column(j) * f));
        }
        y.slice_mut(s![start..start + n]).assign(&(own_y * f));
        start += n;
    }
    let groups = Groups::from_sizes(&[ntasks; 10]).unwrap();
    let group = GroupLasso::new(lambda, groups).weights(vec![1.0; 10]).intercept(false).tolerance(1e-13);
    let stacked = group.fit(&x, &y).unwrap();
    let model = MultiTaskLasso::new(lambda).intercept(false).tolerance(1e-13).fit_tasks(&tasks(&data)).unwrap();
    assert!((stacked.certificate().objective - model.certificate().objective).abs() < 1e-12);
    for (j, row) in model.coefficients().outer_iter().enumerate() {
        for (t, w) in row.iter().enumerate() {
            assert!((w - stacked.coefficients()[j * ntasks + t]).abs() < 1e-7);
        }
    }
}

/// The objective and the largest violation of its optimality conditions, from the definition.
fn objective(data: &[(Array2<f64>, Array1<f64>)], weights: &[f64], lambda: f64, model: &TasksModel) -> (f64, f64) {
    let (w, b) = (model.coefficients(), model.intercept());
    let mut gradient = Array2::zeros(w.dim());
    let (mut value, mut worst) = (0.0, 0.0f64);
    for (t, ((x, y), c)) in data.iter().zip(weights).enumerate() {
        let n = x.nrows() as f64;
        let r = x.dot(&w.column(t)) + b[t] - y;
        value += c / (2.0 * n) * r.dot(&r);
        worst = worst.max((c * r.sum() / n).abs());
        gradient.column_mut(t).assign(&(x.t().dot(&r) * (c / n)));
    }
    for (w, g) in w.outer_iter().zip(gradient.outer_iter()) {
        let norm = w.dot(&w).sqrt();
        value += lambda * norm;
        let violation = if norm > 0.0 {
            let d = &g + &(&w * (lambda / norm));
            d.dot(&d).sqrt()
        } else {
            (g.dot(&g).sqrt() - lambda).max(0.0)
        };
        worst = worst.max(violation);
    }
    (value, worst)
}

#[test]
fn the_answer_satisfies_the_conditions_of_the_documented_objective() {
    let data = simulated(7, &[40, 25, 90, 33], 60);
    let weights = [1.0, 3.0, 0.2, 0.7];
    let with_weights = || {
        let mut all = Tasks::new();
        for (t, ((x, y), c)) in data.iter().zip(weights).enumerate() {
            all = all.with(Task::new(t.to_string(), x, y).unwrap().weight(c));
        }
        all
    };
    for lambda in [1.0, 0.2, 0.02] {
        let model = MultiTaskLasso::new(lambda).tolerance(1e-12).fit_tasks(&with_weights()).unwrap();
        let (value, worst) = objective(&data, &weights, lambda, &model);
        assert!((value - model.certificate().objective).abs() < 1e-12 * (1.0 + value), "{value}");
        assert!(worst < 1e-5, "λ {lambda}: {worst:e}");
        assert!(model.certificate().relative_gap() <= 1e-12);
    }
}

#[test]
fn the_order_of_tasks_does_not_matter_and_a_task_of_weight_0_is_not_there() {
    let data = simulated(11, &[30, 20, 25], 15);
    let lasso = MultiTaskLasso::new(0.2).tolerance(1e-12);
    let model = lasso.fit_tasks(&tasks(&data)).unwrap();
    let turned: Vec<_> = [2, 0, 1].iter().map(|&t| data[t].clone()).collect();
    let other = lasso.fit_tasks(&tasks(&turned)).unwrap();
    assert!(largest(&other.coefficients() - &model.coefficients().select(Axis(1), &[2, 0, 1])) < 1e-7);

    let two = lasso.fit_tasks(&tasks(&data[..2])).unwrap();
    let silent = Task::new("silent", &data[2].0, &data[2].1).unwrap().weight(0.0);
    let three = lasso.fit_tasks(&tasks(&data[..2]).with(silent)).unwrap();
    assert_eq!(three.coefficients().slice(s![.., ..2]), two.coefficients());
    assert!(three.coefficients().column(2).iter().all(|&w| w == 0.0) && three.intercept()[2] == 0.0);
    assert_eq!(three.names(), ["task 0", "task 1", "silent"]);
}

#[test]
fn a_repeated_row_is_a_weight_of_2_and_pooling_weights_by_size() {
    let data = simulated(13, &[20, 30], 8);
    let (x, y) = &data[0];
    let twice: Vec<usize> = (0..20).chain([3, 7]).collect();
    let repeated = (x.select(Axis(0), &twice), y.select(Axis(0), &twice));
    let weights: Vec<f64> = (0..20).map(|i| if i == 3 || i == 7 { 2.0 } else { 1.0 }).collect();
    let lasso = MultiTaskLasso::new(0.1).tolerance(1e-12);
    let long = lasso.fit_tasks(&tasks(&[repeated, data[1].clone()])).unwrap();
    let weighted = Tasks::new()
        .with(Task::new("a", x, y).unwrap().sample_weights(weights))
        .task("b", &data[1].0, &data[1].1)
        .unwrap();
    let short = lasso.fit_tasks(&weighted).unwrap();
    assert!(largest(&long.coefficients() - &short.coefficients()) < 1e-7);

    let pooled = tasks(&data).pooled();
    assert_eq!(pooled.weights().unwrap(), [0.4, 0.6]);
    let model = lasso.fit_tasks(&pooled).unwrap();
    let (value, worst) = objective(&data, &[0.4, 0.6], 0.1, &model);
    assert!(worst < 1e-6 && (value - model.certificate().objective).abs() < 1e-12);
}

#[test]
fn dense_and_sparse_storages_and_views_may_differ_between_tasks() {
    let data = simulated(17, &[30, 26, 22], 20);
    let thin: Vec<(Array2<f64>, Array1<f64>)> = data
        .iter()
        .map(|(x, y)| (x.mapv(|v| if v.abs() < 1.0 { 0.0 } else { f64::from(v as f32) }), y.clone()))
        .collect();
    let csc = sparse(&thin[0].0);
    let narrow = thin[1].0.mapv(|v| v as f32);
    for standardize in [false, true] {
        let lasso = MultiTaskLasso::new(0.1).standardize(standardize).tolerance(1e-12);
        let dense = lasso.fit_tasks(&tasks(&thin)).unwrap();
        let mixed = Tasks::new()
            .task("sparse", &csc, &thin[0].1)
            .unwrap()
            .task("f32", &narrow, &thin[1].1)
            .unwrap()
            .task("rows", &thin[2].0, &thin[2].1)
            .unwrap();
        let mixed = lasso.fit_tasks(&mixed).unwrap();
        assert!(dense.support().len() >= 2);
        assert!(largest(&dense.coefficients() - &mixed.coefficients()) < 1e-7);
    }
}

#[test]
fn every_point_of_a_path_is_the_fit_at_its_lambda() {
    let data = simulated(19, &[25, 30], 40);
    let all = tasks(&data);
    let path = MultiTaskLasso::default().tolerance(1e-10).path_tasks(&all, Grid::auto(12)).unwrap();
    assert_eq!(path.len(), 12);
    assert!(path.models()[0].support().is_empty() && !path.models()[1].support().is_empty());
    for model in path.models() {
        assert!(model.certificate().relative_gap() <= 1e-10);
        let alone = MultiTaskLasso::new(model.lambda()).tolerance(1e-10).fit_tasks(&all).unwrap();
        let (a, b) = (model.certificate(), alone.certificate());
        assert!((a.objective - b.objective).abs() <= a.gap.abs() + b.gap.abs() + a.rounding + b.rounding);
        let (_, worst) = objective(&data, &[1.0; 2], model.lambda(), model);
        assert!(worst < 1e-4 * path.models()[0].lambda());
    }
}

#[test]
fn cross_validation_leaves_out_a_part_of_every_task() {
    let data = simulated(23, &[24, 40], 12);
    let all = tasks(&data);
    let lasso = MultiTaskLasso::default().tolerance(1e-9);
    let cv = lasso.cross_validate_tasks_on(&all, &KFold::new(4).seed(3), Grid::auto(6)).unwrap();
    assert_eq!((cv.curve().scores.dim(), cv.unconverged(3)), ((6, 4), 0));
    // One fold by hand.
    let splits: Vec<Split> =
        [24, 40].iter().map(|&n| KFold::new(4).seed(3).splits(n).unwrap().swap_remove(2)).collect();
    let part: Vec<_> = data
        .iter()
        .zip(&splits)
        .map(|((x, y), split)| (x.select(Axis(0), &split.train), y.select(Axis(0), &split.train)))
        .collect();
    let k = 4;
    let lambda = cv.path().models()[k].lambda();
    let model = MultiTaskLasso::new(lambda).tolerance(1e-9).fit_tasks(&tasks(&part)).unwrap();
    let mut mean = 0.0;
    for (t, ((x, y), split)) in data.iter().zip(&splits).enumerate() {
        let errors = model.predict(t, &x.select(Axis(0), &split.test)).unwrap() - y.select(Axis(0), &split.test);
        let mse = errors.dot(&errors) / errors.len() as f64;
        assert!((cv.curve_of(t).unwrap().scores[[k, 2]] - mse).abs() < 1e-4 * mse);
        mean += mse / 2.0;
        let kept = cv.out_of_fold(t, k).unwrap();
        for (&i, e) in split.test.iter().zip(&errors) {
            assert!((kept[i] - (e + y[i])).abs() < 1e-3);
        }
    }
    assert!((cv.curve().scores[[k, 2]] - mean).abs() < 1e-4 * mean);
    assert!(cv.one_standard_error().support().len() <= cv.best().support().len());
    assert!([1, 4].iter().all(|j| cv.best().support().contains(j)));
    assert!(cv.to_string().contains("best"));
}

#[test]
fn classes_need_folds_of_their_own() {
    let (x, y) = &simulated(29, &[40], 5)[0];
    let rare = Array1::from_shape_fn(40, |i| if i < 4 { 1.0 } else { 0.0 });
    let stratified = StratifiedKFold::new(4, &rare);
    let classes = Task::with_family("rare", x, &rare, Logistic::default()).unwrap().folds(&stratified).unwrap();
    let all = Tasks::new().task("plain", x, y).unwrap().with(classes);
    let lasso = MultiTaskLasso::default();
    let cv = lasso.cross_validate_tasks_on(&all, &KFold::new(4), Grid::auto(5)).unwrap();
    assert!(cv.curve_of("rare").unwrap().mean.iter().all(|e| e.is_finite()));
    let error = lasso.cross_validate_tasks_on(&all, &KFold::new(5), Grid::auto(5)).unwrap_err();
    assert!(error.to_string().contains("`rare`") && error.to_string().contains("4 folds"), "{error}");
    let auc = MultiTaskLasso::default().scoring(Scoring::Auc).cross_validate_tasks(&all, &KFold::new(4));
    assert!(auc.unwrap_err().to_string().contains("`plain`"));
}

#[test]
fn noise_is_estimated_and_weights_the_tasks() {
    let mut data = simulated(31, &[120, 120], 10);
    let mut rng = Rng::new(1);
    data[1].1.iter_mut().for_each(|y| *y += 3.0 * rng.normal());
    let weights = tasks(&data).noise_weighted().unwrap().weights().unwrap();
    // 0.5² and 0.5² + 3²
    assert!((0.25 * weights[0] - 1.0).abs() < 0.4, "{weights:?}");
    assert!((9.25 * weights[1] - 1.0).abs() < 0.4, "{weights:?}");
    // Counts have no noise level of their own.
    let counts = data[0].1.mapv(|y| y.abs().round());
    let mixed = tasks(&data).task_with_family("counts", &data[0].0, &counts, Poisson).unwrap();
    assert_eq!(mixed.noise_weighted().unwrap().weights().unwrap()[2], 1.0);
    let exact = data[0].0.column(1).to_owned();
    let error = Tasks::new().task("exact", &data[0].0, &exact).unwrap().noise_weighted();
    // A lasso has some residual from its shrinkage; whatever it is, the weight is large or refused.
    assert!(error.is_err() || error.unwrap().weights().unwrap()[0] > 1e3);
}

#[test]
fn every_loss_has_its_place_beside_the_others() {
    let data = simulated(37, &[50, 45, 40, 45, 40, 42, 44, 46], 6);
    let x: Vec<&Array2<f64>> = data.iter().map(|(x, _)| x).collect();
    let y: Vec<&Array1<f64>> = data.iter().map(|(_, y)| y).collect();
    let times =
        Array2::from_shape_fn(
            (42, 2),
            |(i, c)| if c == 0 { (-0.3 * y[5][i]).exp() } else { f64::from(u8::from(i % 3 > 0)) },
        );
    let labels = |y: &Array1<f64>| y.mapv(|v| if v > 1.5 { 1.0 } else { 0.0 });
    let all = Tasks::new()
        .task("squared", x[0], y[0])
        .unwrap()
        .task_with_family("huber", x[1], y[1], Huber::new(1.0))
        .unwrap()
        .task_with_family("hinge", x[2], &labels(y[2]), SquaredHinge)
        .unwrap()
        .task_with_family("counts", x[3], &y[3].mapv(|v| v.abs().round()), Poisson)
        .unwrap()
        .task_with_family("classes", x[4], &labels(y[4]), Logistic::default())
        .unwrap()
        .task_with_family("survival", x[5], &times, Cox::default())
        .unwrap()
        .task_with_family("median", x[6], y[6], Quantile::new(0.5))
        .unwrap()
        .task_with_family("root", x[7], y[7], SquareRoot)
        .unwrap();
    let largest = MultiTaskLasso::default().lambda_max_tasks(&all).unwrap();
    let none = MultiTaskLasso::new(1.001 * largest).fit_tasks(&all).unwrap();
    assert!(none.support().is_empty());
    let model = MultiTaskLasso::new(0.2 * largest).tolerance(1e-5).fit_tasks(&all).unwrap();
    assert!(model.certificate().relative_gap() <= 1e-5);
    assert!(model.support().starts_with(&[1, 4]) || model.support().contains(&1));
    assert_eq!(model.intercept()[5], 0.0);
    for (t, name) in ["squared", "huber", "hinge", "counts", "classes", "median"].iter().enumerate() {
        let t = if t == 5 { 6 } else { t };
        let y = match *name {
            "hinge" | "classes" => labels(y[t]),
            "counts" => y[t].mapv(|v| v.abs().round()),
            _ => y[t].clone(),
        };
        assert!(model.score(*name, x[t], &y).unwrap() > 0.0, "{name}");
    }
    assert!(model.score("survival", x[5], &times).unwrap() > 0.6);
}

#[test]
fn a_single_task_is_the_estimator_alone() {
    let (x, y) = &simulated(41, &[35], 12)[0];
    let one = Tasks::new().task("only", x, y).unwrap();
    let alone = Lasso::new(0.2).tolerance(1e-12).fit(x, y).unwrap();
    for model in [
        Lasso::new(0.2).tolerance(1e-12).fit_tasks(&one).unwrap(),
        MultiTaskLasso::new(0.2).tolerance(1e-12).fit_tasks(&one).unwrap(),
    ] {
        assert!((&model.coefficients().column(0) - &alone.coefficients()).iter().all(|d| d.abs() < 1e-7));
        assert!((model.score("only", x, y).unwrap() - alone.score(x, y).unwrap()).abs() < 1e-9);
    }
    let counts = y.mapv(|v| v.abs().round());
    let poisson = PoissonLasso::new(0.1).tolerance(1e-11).fit(x, &counts).unwrap();
    let task = Tasks::new().task_with_family("only", x, &counts, Poisson).unwrap();
    let model = MultiTaskLasso::new(0.1).tolerance(1e-11).fit_tasks(&task).unwrap();
    assert!((&model.coefficients().column(0) - &poisson.coefficients()).iter().all(|d| d.abs() < 1e-5));
    assert!((model.predict(0, x).unwrap() - poisson.predict(x).unwrap()).iter().all(|d| d.abs() < 1e-4));
}

#[test]
fn overlapping_groups_and_free_and_excluded_features_go_through() {
    let data = simulated(43, &[30, 35], 6);
    let all = tasks(&data);
    let groups = Groups::overlapping(&[vec![0, 1, 2], vec![1, 4], vec![3, 5]], 6).unwrap();
    let model = LatentGroupLasso::new(0.3, groups).fit_tasks(&all).unwrap();
    assert!(model.support().contains(&4) && !model.support().contains(&3));
    let weights = vec![0.0, 1.0, 1.0, 1.0, f64::INFINITY, 1.0];
    let model = MultiTaskLasso::new(0.5).weights(weights).tolerance(1e-10).fit_tasks(&all).unwrap();
    assert!(model.coefficients().row(0).iter().all(|&w| w != 0.0));
    assert!(model.coefficients().row(4).iter().all(|&w| w == 0.0));
}

#[test]
fn constant_columns_and_features_that_no_task_has_are_zero() {
    let mut data = simulated(47, &[30, 25], 6);
    data[0].0.column_mut(1).fill(7.0);
    let model = MultiTaskLasso::new(0.1).fit_tasks(&tasks(&data)).unwrap();
    assert_eq!(model.coefficients()[[1, 0]], 0.0);
    assert!(model.coefficients()[[1, 1]] != 0.0);
    let (a, b) = (data[0].0.slice(s![.., ..2]).to_owned(), data[1].0.slice(s![.., ..2]).to_owned());
    let lists = Tasks::new()
        .with(Task::new("a", &a, &data[0].1).unwrap().features(&[0, 4]))
        .with(Task::new("b", &b, &data[1].1).unwrap().features(&[4, 1]));
    let model = MultiTaskLasso::new(0.01).fit_tasks(&lists).unwrap();
    assert_eq!(model.coefficients().dim(), (5, 2));
    assert!(model.coefficients().row(3).iter().all(|&w| w == 0.0));
    let constant = Array2::from_elem((4, 2), 3.0);
    let y = Array1::from(vec![1.0, 2.0, 3.0, 4.0]);
    let flat = Tasks::new().task("flat", &constant, &y).unwrap();
    let model = MultiTaskLasso::new(0.1).fit_tasks(&flat).unwrap();
    assert!(model.support().is_empty() && (model.intercept()[0] - 2.5).abs() < 1e-12);
}

#[test]
fn bad_input_is_said_to_be_that_of_a_task() {
    let data = simulated(53, &[10, 12], 5);
    let (x, y) = &data[0];
    let lasso = MultiTaskLasso::new(0.1);
    let message = |result: Result<TasksModel, Error>| result.unwrap_err().to_string();
    let wide = Array2::<f64>::zeros((12, 6));
    let unequal = tasks(&data[..1]).task("wide", &wide, &data[1].1).unwrap();
    assert_eq!(message(lasso.fit_tasks(&unequal)), "task `wide`: `x columns` has length 6, expected 5");
    let nothing = Array2::<f64>::zeros((0, 5));
    let error = Task::new("empty", &nothing, &Array1::zeros(0)).unwrap_err();
    assert_eq!(error.to_string(), "task `empty`: `x` is empty");
    let error = Task::new("short", x, &Array1::zeros(9)).unwrap_err();
    assert_eq!(error.to_string(), "task `short`: `y` has length 9, expected 10");
    let mut bad = x.clone();
    bad[[3, 2]] = f64::NAN;
    let error = Task::new("nan", &bad, y).unwrap_err();
    assert_eq!(error.to_string(), "task `nan`: `x`[3, 2] is NaN, which is not finite");
    let mut bad = y.clone();
    bad[7] = f64::INFINITY;
    let error = Task::new("inf", x, &bad).unwrap_err();
    assert_eq!(error.to_string(), "task `inf`: `y`[7] is inf, which is not finite");
    assert_eq!(message(lasso.fit_tasks(&Tasks::new())), "`tasks` is empty");
    let with = |task: Task<'_>| message(lasso.fit_tasks(&tasks(&data).with(task)));
    let own = || Task::new("own", x, y).unwrap();
    assert!(with(own().features(&[0, 1, 2])).contains("`own`: `features` has length 3, expected 5"));
    assert!(with(own().features(&[0, 1, 2, 2, 3])).contains("`own`: `features`[3] is 2"));
    assert!(with(own().features(&[0, 1, 2, 5, 3])).contains("`own`: `features`[3] is 5, but there are only 5"));
    assert!(with(own().weight(f64::NAN)).contains("`own`: `weight` is NaN"));
    assert!(with(own().weight(-1.0)).contains("`own`: `weight` is -1"));
    assert!(with(own().sample_weights(vec![1.0; 9])).contains("`own`: `sample_weights` has length 9"));
    assert!(with(own().sample_weights(vec![0.0; 10])).contains("`own`: `sample_weights` is 0"));
    assert!(with(own().offset(vec![0.0; 11])).contains("`own`: `offset` has length 11"));
    let silent = Tasks::new().with(own().weight(0.0));
    assert!(message(lasso.fit_tasks(&silent)).contains("at least one task of weight > 0"));
    let negative = Task::with_family("counts", x, &y.mapv(|v| -v.abs()), Poisson).unwrap();
    assert!(with(negative).contains("`counts`: `y`[0]"));
    let groups = GroupLasso::new(0.1, Groups::from_sizes(&[2, 4]).unwrap());
    assert!(groups.fit_tasks(&tasks(&data)).is_err());
    let own_weights = MultiTaskLasso::new(0.1).sample_weights(vec![1.0; 10]);
    assert!(message(own_weights.fit_tasks(&tasks(&data))).contains("give it to each Task"));
    let model = lasso.fit_tasks(&tasks(&data)).unwrap();
    assert!(model.predict(2, x).unwrap_err().to_string().contains("there are only 2"));
    assert!(model.predict("none", x).unwrap_err().to_string().contains("no task `none`: there are task 0, task 1"));
    assert!(model.predict(1, &wide).unwrap_err().to_string().contains("task `task 1`"));
    assert!(model.score(0, x, &Array1::zeros(9)).is_err() && model.score(0, x, &Array2::zeros((10, 2))).is_err());
}
