//! Every loss against answers of independent libraries, polished in 50-digit arithmetic
//! (`tests/golden/make_loss_goldens.py`; columns are uncentred, some with means of 100 standard deviations).

use std::path::Path;

use ndarray::{Array, Array1, Array2, Ix1, Ix2};
use serde_json::Value;
use sparsereg::estimator::family::Shapes;
use sparsereg::loss::Ties;
use sparsereg::prelude::*;

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|v| v.as_f64().unwrap_or(f64::INFINITY)).collect()
}

fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = match v[0].is_array() {
        true => v.as_array().expect("rows").iter().map(numbers).collect(),
        false => numbers(v).into_iter().map(|v| vec![v]).collect(),
    };
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("loss_{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON")
}

fn optional(golden: &Value, key: &str) -> Option<Vec<f64>> {
    golden.get(key).filter(|v| !v.is_null()).map(numbers)
}

/// A solver, the relative gap that it is asked for, and how far off η may then be in any coefficient or intercept.
struct Route {
    name: &'static str,
    method: Method,
    tolerance: f64,
    error: f64,
}

fn routes() -> Vec<Route> {
    let descent = BlockDescent::default();
    let rows = BlockDescent { form: Form::Residual, screening: false, ..descent.clone() };
    let products = BlockDescent { form: Form::Gram, anderson: 0, ..descent.clone() };
    vec![
        Route { name: "descent", method: descent.into(), tolerance: 1e-13, error: 1e-7 },
        Route { name: "products", method: products.into(), tolerance: 1e-13, error: 1e-7 },
        Route { name: "rows", method: rows.into(), tolerance: 1e-13, error: 1e-7 },
        Route { name: "FISTA", method: Fista::default().into(), tolerance: 1e-9, error: 1e-3 },
    ]
}

/// The sum that is a column's part of the spread of η, and the intercept where the means are.
fn check_coefficients(label: &str, x: &Array2<f64>, model: &impl Model, w: &Array2<f64>, b: &[f64], error: f64) {
    let n = x.nrows() as f64;
    let mean: Vec<f64> = x.columns().into_iter().map(|c| c.sum() / n).collect();
    let sd: Vec<f64> = (x.columns().into_iter().zip(&mean))
        .map(|(c, m)| (c.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / n).sqrt())
        .collect();
    let found = model.coefficient_matrix();
    assert_eq!(found.dim(), w.dim(), "{label}");
    for ((j, t), w) in w.indexed_iter() {
        let off = (found[[j, t]] - w).abs() * sd[j];
        assert!(off <= error, "{label}: coefficient [{j}, {t}] is {}, not {w} ({off:e})", found[[j, t]]);
    }
    for (t, b) in b.iter().enumerate() {
        let size = 1.0 + (0..mean.len()).map(|j| (mean[j] * w[[j, t]]).abs()).sum::<f64>();
        let off = (model.intercepts()[t] - b).abs() / size;
        assert!(off <= error, "{label}: intercept {t} is {}, not {b} ({off:e})", model.intercepts()[t]);
    }
}

/// Fits with every solver that has a chance and compares.
fn compare<E>(name: &str, golden: &Value, y: &Array<f64, E::Response>, estimator: &dyn Fn(f64) -> E)
where
    E: Estimator,
{
    let x = matrix(&golden["X"]);
    let several = golden.get("lambdas").is_some_and(|l| !l.is_null());
    let lambdas = if several { numbers(&golden["lambdas"]) } else { vec![golden["lambda"].as_f64().expect("λ")] };
    let kinked = golden["loss"]["name"] == "quantile";
    for route in routes() {
        // Kinks: FISTA would take hundreds of thousands of steps, and gaps end at the root of the precision.
        let route = match kinked {
            true if route.name == "FISTA" => continue,
            true => Route { tolerance: 1e-7, error: 1e-5, ..route },
            false => route,
        };
        for (k, &lambda) in lambdas.iter().enumerate() {
            let label = format!("{name} λ {lambda} {}", route.name);
            let at = |key: &str| if several { golden[key][k].clone() } else { golden[key].clone() };
            let w = matrix(&at("coefficients"));
            let b = if at("intercept").is_array() {
                numbers(&at("intercept"))
            } else {
                vec![at("intercept").as_f64().expect("b")]
            };
            let mut estimator = estimator(lambda)
                .solver(route.method.clone())
                .tolerance(route.tolerance)
                .max_iterations(300_000)
                .accept_unconverged(true)
                .intercept(golden["fit_intercept"].as_bool().expect("a flag"))
                .standardize(golden["standardize"].as_bool().expect("a flag"));
            if let Some(s) = optional(golden, "sample_weights") {
                estimator = estimator.sample_weights(s);
            }
            if let Some(o) = optional(golden, "offset") {
                estimator = estimator.offset(Array1::from(o));
            }
            let model = estimator.fit(&x, y).expect("a fit");
            let objective = at("objective").as_f64().expect("P");
            let certificate = model.certificate();
            let allowed = route.tolerance.max(1e-11);
            assert!(
                (certificate.objective - objective).abs() <= allowed * certificate.scale,
                "{label}: objective {} is not {objective}: {certificate} {}",
                certificate.objective,
                model.status()
            );
            assert!(certificate.gap <= allowed * certificate.scale, "{label}: {certificate} {}", model.status());
            check_coefficients(&label, &x, &model, &w, &b, route.error);
            if k == 0 && route.name == "descent" {
                let lambda_max = golden["lambda_max"].as_f64().expect("λ_max");
                let found = estimator.lambda_max(&x, y).expect("λ_max");
                assert!((found / lambda_max - 1.0).abs() < 1e-8, "{label}: λ_max {found}, not {lambda_max}");
            }
        }
    }
}

/// The penalty that the file asks for, with the loss of a family.
fn with_family<F>(name: &str, golden: &Value, y: &Array<f64, F::Response>, family: F)
where
    F: Shapes<Ix1>,
{
    let p = golden["X"][0].as_array().expect("a row").len();
    let groups = || {
        let lists: Vec<Vec<usize>> = (golden["groups"].as_array().expect("groups").iter())
            .map(|g| g.as_array().expect("a group").iter().map(|j| j.as_u64().expect("a feature") as usize).collect())
            .collect();
        Groups::overlapping(&lists, p).expect("groups")
    };
    match golden["family"].as_str().expect("family") {
        "lasso" => compare(name, golden, y, &|lambda| {
            let mut lasso = Lasso::new(lambda).nonnegative(golden["nonnegative"].as_bool().unwrap_or(false));
            if let Some(weights) = optional(golden, "feature_weights") {
                lasso = lasso.weights(weights);
            }
            lasso.loss(family.clone())
        }),
        "elastic_net" => compare(name, golden, y, &|lambda| {
            ElasticNet::new(lambda, golden["l1_ratio"].as_f64().expect("ρ")).loss(family.clone())
        }),
        "group_lasso" => compare(name, golden, y, &|lambda| {
            let mut lasso = GroupLasso::new(lambda, groups());
            if let Some(weights) = optional(golden, "group_weights") {
                lasso = lasso.weights(weights);
            }
            lasso.loss(family.clone())
        }),
        "sparse_group_lasso" => compare(name, golden, y, &|lambda| {
            SparseGroupLasso::new(lambda, golden["tau"].as_f64().expect("τ"), groups()).loss(family.clone())
        }),
        other => panic!("{name}: {other}"),
    }
}

fn survival(golden: &Value) -> (Cox, Array2<f64>) {
    let columns: Vec<Vec<f64>> = ["start", "time", "status"].iter().filter_map(|key| optional(golden, key)).collect();
    let y = Array2::from_shape_fn((columns[0].len(), columns.len()), |(i, t)| columns[t][i]);
    let ties = if golden["loss"]["parameters"]["ties"] == "efron" { Ties::Efron } else { Ties::Breslow };
    let family = Cox::default().ties(ties);
    match optional(golden, "strata") {
        Some(strata) => (family.strata(strata.iter().map(|s| *s as usize).collect::<Vec<_>>()), y),
        None => (family, y),
    }
}

fn check(name: &str) {
    let golden = load(name);
    let parameter = |key: &str| golden["loss"]["parameters"][key].as_f64().expect("a parameter");
    let y: Array1<f64> = optional(&golden, "y").map_or_else(
        || Array1::from(Vec::new()),
        |y| if golden["y"][0].is_array() { Array1::from(Vec::new()) } else { Array1::from(y) },
    );
    match golden["loss"]["name"].as_str().expect("a loss") {
        "logistic" if name == "logistic_proportions" => with_family(name, &golden, &y, Logistic::proportions()),
        "logistic" => with_family(name, &golden, &y, Logistic::default()),
        "poisson" => with_family(name, &golden, &y, Poisson),
        "gamma" => with_family(name, &golden, &y, Gamma),
        "huber" => with_family(name, &golden, &y, Huber::new(parameter("delta"))),
        "quantile" => with_family(name, &golden, &y, Quantile::new(parameter("tau"))),
        "sqrt_lasso" => with_family(name, &golden, &y, SquareRoot),
        "squared_hinge" => with_family(name, &golden, &y, SquaredHinge),
        "multinomial" if golden["family"] == "multitask_lasso" => {
            compare(name, &golden, &y, &|lambda| MultiTaskLasso::new(lambda).loss(Multinomial));
        }
        "multinomial" => with_family(name, &golden, &y, Multinomial),
        "multitask_logistic" => {
            let y: Array<f64, Ix2> = matrix(&golden["y"]);
            compare(name, &golden, &y, &|lambda| MultiTaskLasso::new(lambda).loss(Logistic::default()));
        }
        "cox" => {
            let (family, y) = survival(&golden);
            with_family(name, &golden, &y, family);
        }
        other => panic!("{name}: {other}"),
    }
}

macro_rules! goldens {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*
        #[test]
        fn every_file_has_a_test() {
            let mut tested = vec![$(concat!("loss_", stringify!($name), ".json").to_string()),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
            let mut files: Vec<String> = std::fs::read_dir(folder).expect("the golden files")
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
                .filter(|name| name.starts_with("loss_") && name.ends_with(".json"))
                .collect();
            files.sort();
            tested.sort();
            assert_eq!(files, tested);
        }
    };
}

goldens! {
    cox_breslow, cox_breslow_ties_weights, cox_efron_path, cox_efron_ties, cox_efron_ties_weights, cox_start_stop,
    cox_start_stop_strata_efron, cox_strata, gamma_l1, gamma_offset_weights, huber_l1, huber_weights_p_gt_n,
    logistic_elastic_net, logistic_feature_weights, logistic_group, logistic_group_weights, logistic_l1,
    logistic_no_intercept, logistic_nonnegative, logistic_offset, logistic_p_gt_n, logistic_path, logistic_proportions,
    logistic_rare_far, logistic_sparse_group, logistic_standardize_weights, multinomial_grouped, multinomial_l1,
    multinomial_weights, multitask_logistic, poisson_group_weights, poisson_l1_offset, poisson_path, quantile_25_weights,
    quantile_50, quantile_90, sqrt_lasso, sqrt_lasso_weights_p_gt_n, squared_hinge_l1, squared_hinge_weights,
}
