//! What happens to a graph as λ falls.

use super::lambda_axis::LambdaAxis;
use super::panel::{Panel, Series};
use super::theme;
use super::truth::Truth;
use crate::error::{Error, Result};
use crate::estimator::GraphicalPath;

/// The path of a graphical lasso as an SVG: the number of edges over λ. With a `truth`, the pairs of a known graph, a second
/// chart below has, for k estimated edges of which t are true, and T true ones,
///
/// ```text
/// precision = t / k      recall = t / T      F1 = 2t / (k + T)
/// ```
///
/// and marks the λ with the largest F1. Precision has no value where there is no edge.
///
/// # Errors
/// A path without a positive λ ([`Error::Empty`]); pairs in `truth` with a variable that is not there, or twice the same one.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{plot, prelude::*};
/// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
/// let path = GraphicalLasso::default().path_covariance(&s, Grid::auto(20))?;
/// assert!(plot::graphical_path(&path, None)?.contains("edges"));
/// assert!(plot::graphical_path(&path, Some(&[(0, 1), (1, 2)]))?.contains("best F1 1.00"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn graphical_path(path: &GraphicalPath, truth: Option<&[(usize, usize)]>) -> Result<String> {
    let models = path.models();
    let axis = LambdaAxis::of(models.iter().map(|m| m.lambda())).ok_or(Error::Empty { argument: "path" })?;
    let p = models.first().map_or(0, |m| m.precision().ncols());
    let truth = truth.map(|pairs| Truth::new(pairs, p)).transpose()?;
    let counts: Vec<usize> = models.iter().map(|m| m.edge_count()).collect();
    let line = |name: Option<&str>, colour, value: &dyn Fn(usize) -> f64| Series {
        name: name.map(str::to_owned),
        colour,
        points: models.iter().enumerate().map(|(k, m)| (m.lambda(), value(k))).collect(),
    };

    let most = counts.iter().max().copied().unwrap_or(0).max(1) as f64;
    let edges = Panel {
        title: format!("Edges among {p} variables"),
        y_label: "edges (number of pairs)".into(),
        axis: axis.clone(),
        series: vec![line(None, theme::BLUE, &|k| counts[k] as f64)],
        bars: vec![],
        marks: vec![],
        range: Some((0.0, 1.05 * most)),
        dots: true,
    };
    let (width, height) = theme::CHART;
    let Some(truth) = truth else { return theme::paint((width, height), |area| edges.draw(area)) };

    let known = truth.0.len() as f64;
    let hits: Vec<f64> = models.iter().map(|m| truth.hits(m) as f64).collect();
    let f1 = |k: usize| if known > 0.0 { 2.0 * hits[k] / (counts[k] as f64 + known) } else { f64::NAN };
    let best = (0..models.len()).fold(0, |best, k| if f1(k) > f1(best) { k } else { best });
    let (lambda, score) = (models[best].lambda(), f1(best));
    let said = format!("best F1 {score:.2} at λ = {}, {} edges", theme::number(lambda), counts[best]);
    let quality = Panel {
        title: format!("Against the {known} known edges"),
        y_label: "share (0 to 1)".into(),
        axis,
        series: vec![
            line(Some("precision"), theme::VERMILLION, &|k| hits[k] / counts[k] as f64),
            line(Some("recall"), theme::GREEN, &|k| hits[k] / known),
            line(Some("F1"), theme::BLUE, &f1),
        ],
        bars: vec![],
        marks: if score.is_finite() { vec![(lambda, said)] } else { vec![] },
        range: Some((0.0, 1.12)),
        dots: true,
    };
    // The same right margin, so that the λs of both charts stand above each other.
    theme::paint((width, 2 * height), |area| {
        let (above, below) = area.split_vertically(height);
        let room = theme::width("precision", theme::TEXT) as u32 + 12;
        let (above, _) = above.split_horizontally(width - room);
        edges.draw(&above)?;
        quality.draw(&below)
    })
}
