//! Coefficients over λ.

use std::collections::BTreeMap;

use super::lambda_axis::LambdaAxis;
use super::panel::{Panel, Series};
use super::theme;
use crate::error::{Error, Result};
use crate::estimator::Model;
use crate::path::Path;

/// The path of a linear model as an SVG: one line over λ for each feature that is ever in, in the units of the data (those of
/// y, of η for another loss than the squared one, per unit of the feature). For several responses a line is the norm `‖W_j‖₂` of the feature's coefficients. The seven
/// that are largest at the smallest λ have colours and names, the others are grey.
///
/// # Errors
/// A path without a positive λ ([`Error::Empty`]).
///
/// ```
/// use ndarray::array;
/// use sparsereg::{plot, prelude::*};
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let lasso = Lasso::default().feature_names(["dose", "age"]);
/// let path = lasso.path(&x, &array![5.0, 7.0, 9.0, 11.0], Grid::auto(20))?;
/// assert!(plot::coefficient_path(&path)?.contains("dose"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn coefficient_path<M: Model>(path: &Path<M>) -> Result<String> {
    let models = path.models();
    let axis = LambdaAxis::of(models.iter().map(Model::lambda)).ok_or(Error::Empty { argument: "path" })?;
    let responses = models.first().map_or(1, |m| m.fitted().coefficients.dim().1);

    // Only features that are ever in: of a million, most never are.
    let mut values: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for (k, model) in models.iter().enumerate() {
        for (j, _, w) in model.fitted().coefficients.nonzero() {
            let row = values.entry(j).or_insert_with(|| vec![0.0; models.len()]);
            row[k] = if responses == 1 { w } else { row[k].hypot(w) };
        }
    }
    let last = models.iter().rposition(|m| m.lambda() > 0.0).unwrap_or(0);
    let mut order: Vec<(&usize, &Vec<f64>)> = values.iter().collect();
    order.sort_by(|a, b| b.1[last].abs().total_cmp(&a.1[last].abs()).then(a.0.cmp(b.0)));
    let series = order.iter().enumerate().map(|(rank, (j, row))| {
        let named = theme::LINES.get(rank).filter(|_| row[last] != 0.0);
        Series {
            name: named.map(|_| theme::printable(&name(&models[last], **j))),
            colour: named.copied().unwrap_or(theme::PALE),
            points: models.iter().zip(row.iter()).map(|(m, w)| (m.lambda(), *w)).collect(),
        }
    });
    // The named lines above the others.
    let mut series: Vec<Series> = series.collect();
    series.reverse();
    let (p, found) = (models.first().map_or(0, |m| m.fitted().coefficients.dim().0), values.len());
    let panel = Panel {
        title: format!("Coefficients: {found} of {p} features enter"),
        y_label: if responses == 1 {
            format!("coefficient ({} per unit of x)", M::PREDICTS)
        } else {
            format!("norm over the responses ({} per unit of x)", M::PREDICTS.to_uppercase())
        },
        axis,
        series,
        bars: vec![],
        marks: vec![],
        range: None,
        dots: false,
    };
    theme::paint(theme::CHART, |area| panel.draw(area))
}

fn name<M: Model>(model: &M, j: usize) -> String {
    let names = model.fitted().feature_names.as_deref();
    names.and_then(|names| names.get(j).cloned()).unwrap_or_else(|| format!("x{j}"))
}
