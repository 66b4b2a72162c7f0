//! Pictures: well-formed, complete, the same every time.

use ndarray::{Array1, Array2, array};
use roxmltree::Document;
use sparsereg::{Error, plot, prelude::*};

/// A chain with some noise, so that there are edges of both signs.
fn samples(p: usize) -> Array2<f64> {
    let noise = |i: usize, j: usize| (((i * 7919 + j * 104_729 + i * i * (j + 3)) % 1009) as f64 / 504.5) - 1.0;
    let mut x = Array2::from_shape_fn((60, p), |(i, j)| noise(i, j));
    for j in 1..p {
        let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
        for i in 0..60 {
            x[[i, j]] += sign * x[[i, j - 1]];
        }
    }
    x
}

fn count(svg: &str, tag: &str) -> usize {
    Document::parse(svg).unwrap().descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", tag))).count()
}

fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let text = |n: roxmltree::Node<'_, '_>| n.text().unwrap_or_default().trim().to_owned();
    document.descendants().filter(|n| n.has_tag_name("text")).map(text).collect()
}

fn says(svg: &str, what: &str) -> bool {
    texts(svg).iter().any(|t| t.contains(what))
}

#[test]
fn a_network_has_a_line_for_each_edge_and_a_box_for_each_variable() {
    for lambda in [0.02, 0.2, 0.5, 10.0] {
        let model = GraphicalLasso::new(lambda).correlation_scale(true).fit(&samples(30)).unwrap();
        let svg = plot::network(&model, None).unwrap();
        assert_eq!(count(&svg, "polyline"), model.edge_count());
        // The ground, and a face and a frame for each box.
        assert_eq!(count(&svg, "rect"), 1 + 2 * 30);
        assert!((0..30).all(|j| texts(&svg).contains(&format!("x{j}"))));
        let positive = model.edges().iter().filter(|e| e.partial_correlation > 0.0).count();
        assert!(says(&svg, &format!("{positive} positive")));
        assert!(says(&svg, &format!("{} negative", model.edge_count() - positive)));
        assert_eq!(svg, plot::network(&model, None).unwrap());
    }
}

#[test]
fn boxes_of_a_hundred_variables_do_not_overlap() {
    let names = (0..100).map(|j| "name".repeat(1 + j % 4));
    let model = GraphicalLasso::new(0.3).correlation_scale(true).variable_names(names).fit(&samples(100)).unwrap();
    let svg = plot::network(&model, None).unwrap();
    let document = Document::parse(&svg).unwrap();
    let number = |n: roxmltree::Node<'_, '_>, key| n.attribute(key).unwrap().parse::<i32>().unwrap();
    let size = document.root_element();
    let (width, height) = (number(size, "width"), number(size, "height"));
    let frames = document.descendants().filter(|n| n.has_tag_name("rect") && n.attribute("fill") == Some("none"));
    let boxes: Vec<[i32; 4]> = frames.map(|n| ["x", "y", "width", "height"].map(|key| number(n, key))).collect();
    assert_eq!(boxes.len(), 100);
    for (k, a) in boxes.iter().enumerate() {
        assert!(a[0] >= 0 && a[1] >= 60 && a[0] + a[2] <= width && a[1] + a[3] <= height);
        for b in &boxes[..k] {
            let beside = a[0] + a[2] < b[0] || b[0] + b[2] < a[0];
            assert!(beside || a[1] + a[3] < b[1] || b[1] + b[3] < a[1], "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_known_graph_marks_right_wrong_and_missed() {
    let s = array![[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.4, 0.0], [0.0, 0.4, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]];
    let model = GraphicalLasso::new(0.2).fit_covariance(&s).unwrap();
    assert_eq!(model.edge_count(), 2);
    let svg = plot::network(&model, Some(&[(1, 0), (0, 1), (2, 3), (3, 0)])).unwrap();
    assert_eq!(count(&svg, "polyline"), 4); // two estimated, two missed
    assert!(["1 right", "1 wrong", "2 missed"].iter().all(|what| says(&svg, what)));

    let wrong = plot::network(&model, Some(&[(0, 1), (1, 4)]));
    assert!(matches!(wrong, Err(Error::Index { argument: "truth", position: 1, index: 4, len: 4 })));
    let wrong = plot::network(&model, Some(&[(2, 2)]));
    assert!(matches!(wrong, Err(Error::OutOfRange { argument: "truth", .. })));
}

#[test]
fn names_are_escaped_and_cut() {
    let names = ["<&>\"'", "a\u{0}\u{8}\nb\u{FFFF}", "a name of more than twenty-four letters", "遺伝子"];
    let model = GraphicalLasso::new(0.1).variable_names(names).fit(&samples(4)).unwrap();
    let svg = plot::network(&model, None).unwrap();
    for shown in ["<&>\"'", "a\u{FFFD}\u{FFFD} b\u{FFFD}", "a name of more than twe…", "遺伝子"] {
        assert!(texts(&svg).contains(&shown.to_owned()), "{shown}");
    }
}

#[test]
fn one_variable_and_no_edge() {
    let one = GraphicalLasso::new(0.1).fit_covariance(&array![[2.0]]).unwrap();
    let svg = plot::network(&one, None).unwrap();
    assert_eq!((count(&svg, "polyline"), says(&svg, "1 variable, 0 edges")), (0, true));
    let svg = plot::network(&one, Some(&[])).unwrap();
    assert!(says(&svg, "0 missed"));
    let path = GraphicalLasso::default().path_covariance(&array![[2.0]], Grid::values([1.0, 0.5])).unwrap();
    assert!(count(&plot::graphical_path(&path, Some(&[])).unwrap(), "polyline") > 0);
}

#[test]
fn a_graphical_path_marks_the_best_f1() {
    let truth: Vec<(usize, usize)> = (1..10).map(|j| (j - 1, j)).collect();
    let path = GraphicalLasso::default().correlation_scale(true).path(&samples(10), Grid::auto(30)).unwrap();
    let alone = plot::graphical_path(&path, None).unwrap();
    assert!(says(&alone, "edges (number of pairs)") && says(&alone, "penalty λ") && !says(&alone, "recall"));
    assert_eq!(count(&alone, "circle"), 30);
    let beside = plot::graphical_path(&path, Some(&truth)).unwrap();
    assert!(["precision", "recall", "F1", "best F1"].iter().all(|what| says(&beside, what)));
    assert_eq!(beside, plot::graphical_path(&path, Some(&truth)).unwrap());
    assert!(plot::graphical_path(&path, Some(&[(0, 10)])).is_err());
    // λ = 0 has no place on a logarithmic axis; alone it leaves nothing to draw.
    let grid = |lambdas: &[f64]| GraphicalLasso::default().path(&samples(10), Grid::values(lambdas)).unwrap();
    assert_eq!(count(&plot::graphical_path(&grid(&[0.5, 0.1, 0.0]), None).unwrap(), "circle"), 2);
    assert_eq!(count(&plot::graphical_path(&grid(&[0.5]), None).unwrap(), "circle"), 1);
    assert!(matches!(plot::graphical_path(&grid(&[0.0]), None), Err(Error::Empty { argument: "path" })));
}

/// Ten features, of which every one is in at the end.
fn regression() -> (Array2<f64>, Array1<f64>) {
    let x = samples(10);
    let y = Array1::from_shape_fn(60, |i| (0..10).map(|j| (j as f64 - 4.5) * x[[i, j]]).sum::<f64>());
    (x, y)
}

#[test]
fn a_coefficient_path_names_the_largest() {
    let (x, y) = regression();
    let names = (0..10).map(|j| format!("<feature {j}>"));
    let path = Lasso::default().feature_names(names).path(&x, &y, Grid::auto(40).ratio(1e-4)).unwrap();
    let svg = plot::coefficient_path(&path).unwrap();
    assert!(says(&svg, "Coefficients: 10 of 10 features enter"));
    assert_eq!(texts(&svg).iter().filter(|t| t.starts_with("<feature")).count(), 7);
    assert!(says(&svg, "<feature 0>") && says(&svg, "<feature 9>") && !says(&svg, "<feature 4>"));
    assert_eq!(svg, plot::coefficient_path(&path).unwrap());

    let y = Array2::from_shape_fn((60, 2), |(i, t)| y[i] + t as f64 * x[[i, 0]]);
    let path = MultiTaskLasso::default().path(&x, &y, Grid::auto(10)).unwrap();
    assert!(says(&plot::coefficient_path(&path).unwrap(), "norm over the responses"));

    // A path on which nothing enters.
    let empty = Lasso::default().path(&x, &Array1::zeros(60), Grid::values([2.0, 1.0])).unwrap();
    assert!(says(&plot::coefficient_path(&empty).unwrap(), "0 of 10 features"));
}

#[test]
fn a_cross_validation_marks_both_choices() {
    let (x, y) = regression();
    let cv = Lasso::default().cross_validate_on(&x, &y, &KFold::new(5).seed(1), Grid::auto(20)).unwrap();
    let svg = plot::cross_validation(&cv).unwrap();
    let what = ["smallest error: λ", "one standard error: λ", "mean squared error", "5 folds"];
    assert!(what.iter().all(|what| says(&svg, what)));
    let cv = GraphicalLasso::default().cross_validate_on(&x, &KFold::new(5).seed(1), Grid::auto(10)).unwrap();
    let svg = plot::graphical_cross_validation(&cv).unwrap();
    assert!(says(&svg, "−log-likelihood") && says(&svg, "edges"));
}
