//! SLOPE, fused lasso, trees and their kin against answers of CVXPY (`tests/golden/make_convex_goldens.py`), with sample
//! weights and intercepts.

use std::path::Path;

use ndarray::{Array1, Array2};
use serde_json::Value;
use sparsereg::penalty::Simplex;
use sparsereg::prelude::*;

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn matrix(v: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = v.as_array().expect("rows").iter().map(numbers).collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("a matrix")
}

fn sets(v: &Value) -> Vec<Vec<usize>> {
    v.as_array().expect("sets").iter().map(|g| numbers(g).iter().map(|&j| j as usize).collect()).collect()
}

struct Goldens {
    file: Value,
    x: Array2<f64>,
}

impl Goldens {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convex_penalties.json");
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("JSON");
        let x = matrix(&file["x"]);
        Self { file, x }
    }

    /// Fits and compares: the objective to 1e-9, the coefficients and intercepts to `digits`.
    #[track_caller]
    fn check<E: Estimator>(&self, name: &str, estimator: &E, y: &ndarray::Array<f64, E::Response>, digits: f64) {
        let answer = &self.file["answers"][name];
        let lambda = answer["lambda"].as_f64().expect("a λ");
        let model =
            estimator.with_lambda(lambda).tolerance(1e-11).fit(&self.x, y).unwrap_or_else(|e| panic!("{name}: {e}"));
        let objective = answer["objective"].as_f64().expect("an objective");
        let found = model.certificate().objective;
        assert!((found - objective).abs() <= 1e-9 * objective, "{name}: {found} {objective}");
        let coefficients = match &answer["coefficients"][0] {
            Value::Array(_) => matrix(&answer["coefficients"]).into_iter().collect(),
            _ => numbers(&answer["coefficients"]),
        };
        let all = model.coefficient_matrix();
        for (a, b) in all.iter().zip(&coefficients).chain(model.intercepts().iter().zip(&numbers(&answer["intercept"])))
        {
            assert!((a - b).abs() <= digits, "{name}: {a} {b}\n{all}\n{coefficients:?}");
        }
    }
}

#[test]
fn answers_are_those_of_another_solver() {
    let goldens = Goldens::load();
    let file = &goldens.file;
    let y = Array1::from(numbers(&file["y"]));
    let labels = Array1::from(numbers(&file["labels"]));
    let weights = numbers(&file["sample_weights"]);
    let groups = Groups::new(&sets(&file["groups"])).unwrap();
    let tree = Groups::overlapping(&sets(&file["tree"]), 12).unwrap();

    let slope = Slope::default().benjamini_hochberg(0.2).sample_weights(weights.clone());
    goldens.check("slope_bh", &slope, &y, 1e-7);
    goldens.check("slope_oscar", &slope.clone().oscar(1.0, 0.25), &y, 1e-7);
    let logistic = Slope::default().oscar(1.0, 0.25).loss(Logistic::default());
    goldens.check("slope_oscar_logistic", &logistic, &labels, 1e-6);

    let fused = FusedLasso::new(0.0, 0.0).sample_weights(weights.clone());
    goldens.check("fused", &fused, &y, 1e-7);
    let sparse = FusedLasso::new(0.0, 0.25).edge_weights(numbers(&file["edges"])).sample_weights(weights.clone());
    goldens.check("fused_sparse_edges", &sparse, &y, 1e-7);
    goldens.check("fused_logistic", &FusedLasso::new(0.0, 0.0).loss(Logistic::default()), &labels, 1e-6);

    let edges: Vec<(usize, usize)> = sets(&file["graph"]).iter().map(|e| (e[0], e[1])).collect();
    let graph = |tau| GraphFusedLasso::new(0.0, tau, edges.clone()).edge_weights(numbers(&file["graph_weights"]));
    goldens.check("graph", &graph(0.0).sample_weights(weights.clone()), &y, 1e-7);
    goldens.check("graph_sparse", &graph(0.3).sample_weights(weights.clone()), &y, 1e-7);

    let tree = TreeGroupLasso::new(0.0, tree).weights(numbers(&file["tree_weights"]));
    goldens.check("tree", &tree.sample_weights(weights.clone()), &y, 1e-6);
    let max = GroupMaxLasso::new(0.0, groups.clone()).sample_weights(weights.clone());
    goldens.check("group_max", &max, &y, 1e-5);
    let bounded = BoxLasso::default().bounds(-0.5, 1.0).sample_weights(weights.clone());
    goldens.check("box", &bounded, &y, 1e-6);
    let simplex = Penalized::new(0.0, Simplex::new(12, 3.0).unwrap()).sample_weights(weights.clone());
    goldens.check("simplex", &simplex, &y, 1e-7);
    let nonnegative = SparseGroupLasso::new(0.0, 0.4, groups).nonnegative(true).sample_weights(weights.clone());
    goldens.check("sparse_group_nonnegative", &nonnegative, &y, 1e-6);

    let several = matrix(&file["Y"]);
    goldens.check("multitask_max", &MultiTaskMaxLasso::default().sample_weights(weights.clone()), &several, 1e-5);
    goldens.check("trace_norm", &TraceNormRegression::default().sample_weights(weights), &several, 1e-5);
}
