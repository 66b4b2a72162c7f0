//! Every loss against answers of independent libraries, polished in 50-digit arithmetic
//! (`tests/golden/make_loss_goldens.py`).

use crate::common::{INF, stopping};
use ndarray::{Array1, Array2, Axis};
use serde_json::Value;
use sparsereg::estimator::Method;
use sparsereg::estimator::family::Shapes;
use sparsereg::loss::Ties;
use sparsereg::prelude::*;

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|v| v.as_f64().unwrap_or(INF)).collect()
}

/// Rows, or one column.
fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = (v.as_array().expect("rows").iter())
        .map(|row| if row.is_array() { numbers(row) } else { vec![row.as_f64().expect("a number")] })
        .collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

struct Golden {
    name: String,
    value: Value,
    x: Array2<f64>,
    y: Array2<f64>,
    method: Method,
    tolerance: f64,
}

impl Golden {
    fn list(&self, key: &str) -> Option<Vec<f64>> {
        self.value.get(key).map(numbers)
    }

    fn lambdas(&self) -> Vec<f64> {
        self.list("lambdas").unwrap_or_else(|| vec![self.value["lambda"].as_f64().expect("λ")])
    }

    /// With the options and one of the penalties, fits and compares.
    fn check<F: Shapes<ndarray::Ix1>>(&self, family: F) {
        let groups = || {
            let groups = self.value["groups"].as_array().expect("groups");
            let groups: Vec<Vec<usize>> =
                groups.iter().map(|g| numbers(g).into_iter().map(|j| j as usize).collect()).collect();
            Groups::new(&groups).expect("disjoint groups")
        };
        match self.value["family"].as_str().expect("a penalty") {
            "lasso" => {
                let mut lasso = Lasso::default().nonnegative(self.value["nonnegative"] == true);
                if let Some(weights) = self.list("feature_weights") {
                    lasso = lasso.weights(weights);
                }
                self.fit(lasso.loss(family));
            }
            "elastic_net" => self.fit(ElasticNet::new(0.0, self.value["l1_ratio"].as_f64().unwrap()).loss(family)),
            "group_lasso" => {
                let mut lasso = GroupLasso::new(0.0, groups());
                if let Some(weights) = self.list("group_weights") {
                    lasso = lasso.weights(weights);
                }
                self.fit(lasso.loss(family));
            }
            "sparse_group_lasso" => {
                let tau = self.value["tau"].as_f64().unwrap();
                self.fit(SparseGroupLasso::new(0.0, tau, groups()).loss(family));
            }
            other => panic!("{other}"),
        }
    }

    fn fit<E: Estimator>(&self, mut estimator: E) {
        estimator = estimator
            .intercept(self.value["fit_intercept"] == true)
            .standardize(self.value["standardize"] == true)
            .solver(self.method.clone())
            .accept_unconverged(true);
        if let Some(weights) = self.list("sample_weights") {
            estimator = estimator.sample_weights(weights);
        }
        if let Some(offset) = self.list("offset") {
            estimator = estimator.offset(offset);
        }
        let y = E::Response::of_matrix(self.y.clone());
        let max = estimator.lambda_max(&self.x, &y).unwrap();
        let known = self.value["lambda_max"].as_f64().unwrap();
        assert!((max / known - 1.0).abs() < self.tolerance.max(1e-7), "{}: λ_max {max}, not {known}", self.name);
        let path = estimator.path(&self.x, &y, Grid::values(self.lambdas())).unwrap();
        for (k, model) in path.models().iter().enumerate() {
            let at = |key: &str| {
                let v = &self.value[key];
                if self.value.get("lambdas").is_some() { v[k].clone() } else { v.clone() }
            };
            let (w, found) = (matrix(&at("coefficients")), model.coefficient_matrix());
            let objective = at("objective").as_f64().unwrap();
            let c = model.certificate();
            let label =
                format!("{} at {}: {} after {}, {c}", self.name, model.lambda(), model.status(), model.iterations());
            let apart = (c.objective - objective).abs() / c.scale;
            assert!(apart <= self.tolerance.max(1e-11), "{label}: objective {}, not {objective}", c.objective);
            let size = w.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            let tolerance = self.tolerance.max(1e-6);
            for ((j, t), w) in w.indexed_iter() {
                let error = (found[[j, t]] - w).abs();
                assert!(error <= tolerance * size, "{label}: [{j}, {t}] is {}, not {w}", found[[j, t]]);
                assert!(self.tolerance > 0.0 || (*w == 0.0) == (found[[j, t]] == 0.0), "{label}: support at {j}");
            }
            let b = match at("intercept") {
                Value::Array(b) => b.iter().map(|b| b.as_f64().unwrap()).collect(),
                b => vec![b.as_f64().unwrap()],
            };
            let mean: f64 = self.x.mean_axis(Axis(0)).unwrap().iter().map(|m| m.abs() * size).sum();
            for (found, b) in model.intercepts().iter().zip(&b) {
                assert!((found - b).abs() <= tolerance * (1.0 + mean + b.abs()), "{label}: intercept {found}, not {b}");
            }
        }
    }
}

fn each(kind: &str, mut check: impl FnMut(&Golden)) {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut names: Vec<String> = std::fs::read_dir(&directory)
        .expect("the golden files")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("loss_") && name.ends_with(".json"))
        .collect();
    names.sort();
    let mut count = 0;
    for name in names {
        let text = std::fs::read_to_string(directory.join(&name)).expect("a golden file");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        if value["loss"]["name"] != kind {
            continue;
        }
        count += 1;
        let x = matrix(&value["X"]);
        let column = |key: &str| value.get(key).map(matrix);
        let y = column("y").unwrap_or_else(|| {
            let columns = [column("start"), column("time"), column("status")];
            let views: Vec<_> = columns.iter().flatten().map(|c| c.view()).collect();
            ndarray::concatenate(Axis(1), &views).expect("columns of one length")
        });
        for (solver, method) in [
            ("descent", Method::from(BlockDescent { stopping: stopping(1e-14, 100_000), ..BlockDescent::default() })),
            ("FISTA", Method::from(Fista { stopping: stopping(1e-12, 100_000), ..Fista::default() })),
        ] {
            let (x, y, value) = (x.clone(), y.clone(), value.clone());
            let tolerance = if solver == "FISTA" { 1e-4 } else { 0.0 };
            check(&Golden { name: format!("{name} by {solver}"), value, x, y, method, tolerance });
        }
    }
    assert!(count > 0, "no golden file of {kind}");
}

#[test]
fn glm_logistic() {
    each("logistic", |golden| {
        let shares = golden.y.iter().any(|y| *y != 0.0 && *y != 1.0 && *y != -1.0);
        golden.check(if shares { Logistic::proportions() } else { Logistic::default() });
    });
    each("multitask_logistic", |golden| golden.fit(MultiTaskLogisticLasso::default()));
}

#[test]
fn glm_multinomial() {
    each("multinomial", |golden| match golden.value["family"].as_str() {
        Some("multitask_lasso") => golden.fit(GroupedMultinomialLasso::default()),
        _ => golden.fit(MultinomialLasso::default()),
    });
}

#[test]
fn glm_counts_and_positive_numbers() {
    each("poisson", |golden| golden.check(Poisson));
    each("gamma", |golden| golden.check(Gamma));
}

#[test]
fn glm_margins_and_outliers() {
    each("squared_hinge", |golden| golden.check(SquaredHinge));
    each("huber", |golden| golden.check(Huber::new(golden.value["loss"]["parameters"]["delta"].as_f64().unwrap())));
}

#[test]
fn glm_square_root() {
    each("sqrt_lasso", |golden| golden.check(SquareRoot));
}

#[test]
fn glm_cox() {
    each("cox", |golden| {
        let ties = if golden.value["loss"]["parameters"]["ties"] == "efron" { Ties::Efron } else { Ties::Breslow };
        let mut family = Cox::default().ties(ties);
        if let Some(strata) = golden.list("strata") {
            family = family.strata(strata.into_iter().map(|s| s as usize).collect::<Vec<_>>());
        }
        golden.check(family);
    });
}

/// The kink is rounded: what is compared is the objective with the kink, which may be off by what the width says.
#[test]
fn glm_quantiles() {
    each("quantile", |golden| {
        let tau = golden.value["loss"]["parameters"]["tau"].as_f64().unwrap();
        let lambda = golden.lambdas()[0];
        let weights = golden.list("sample_weights").unwrap_or_else(|| vec![1.0; golden.x.nrows()]);
        let standardize = golden.value["standardize"] == true;
        let lasso = QuantileLasso::new(lambda, tau).standardize(standardize).solver(golden.method.clone());
        let lasso = lasso.sample_weights(weights.clone()).tolerance(1e-6);
        let y: Array1<f64> = golden.y.column(0).to_owned();
        let model = lasso.fit(&golden.x, &y).unwrap();
        let eta = model.decision_function(&golden.x).unwrap();
        let total: f64 = weights.iter().sum();
        let loss: f64 = (y.iter().zip(&eta).zip(&weights))
            .map(|((y, eta), s)| s * if y > eta { tau * (y - eta) } else { (tau - 1.0) * (y - eta) })
            .sum();
        let scale = |j: usize| {
            let column = golden.x.column(j);
            let mean = column.iter().zip(&weights).map(|(x, s)| x * s).sum::<f64>() / total;
            let variance = column.iter().zip(&weights).map(|(x, s)| s * (x - mean) * (x - mean)).sum::<f64>() / total;
            if standardize { variance.sqrt() } else { 1.0 }
        };
        let penalty: f64 = model.coefficients().iter().enumerate().map(|(j, w)| w.abs() * scale(j)).sum();
        let (found, known) = (loss / total + lambda * penalty, golden.value["objective"].as_f64().unwrap());
        assert!(found >= known * (1.0 - 1e-9) && found <= 1.005 * known, "{}: {found}, not {known}", golden.name);
    });
}
