//! The graph of a precision matrix.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::layout::layout;
use super::theme::{self, Area, Drawn};
use super::truth::Truth;
use crate::error::Result;
use crate::estimator::{Edge, PrecisionModel};

/// Half the height of a box with a name.
const HALF_HEIGHT: f64 = 9.0;
/// Margin around the network, and room for title and legend above it.
const MARGIN: f64 = 24.0;
const HEAD: f64 = 66.0;
/// Width of the line of the largest partial correlation, in pixels.
const WIDEST: f64 = 7.0;
const NARROWEST_PICTURE: f64 = 620.0;

/// The network of a model as an SVG: a box with its name for each variable, a line for each edge, as wide as its |partial
/// correlation| `|θ_ij| / √(θ_ii θ_jj)` (no unit) relative to the largest.
///
/// Blue lines are positive partial correlations, vermillion ones negative. With a `truth`, the pairs of a known graph, the
/// colours say instead which edges are right (blue), wrong (orange) or missed (thin, grey).
///
/// Linked variables are drawn near each other; distances and directions mean nothing else. Boxes do not overlap; beyond a
/// hundred variables the picture becomes large rather than dense. One edge is one `polyline` element, one variable one
/// `text`. Names are cut after 24 characters.
///
/// # Errors
/// Pairs in `truth` with a variable that is not there ([`Error::Index`](crate::Error::Index)), or twice the same one.
///
/// ```
/// use ndarray::array;
/// use sparsereg::{plot, prelude::*};
/// let s = array![[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]];
/// let model = GraphicalLasso::new(0.1).variable_names(["rain", "river", "mill"]).fit_covariance(&s)?;
/// assert_eq!(plot::network(&model, None)?.matches("<polyline").count(), 2);
/// // Three true edges, of which the model misses one.
/// let beside = plot::network(&model, Some(&[(0, 1), (1, 2), (0, 2)]))?;
/// assert!(beside.contains("1 missed"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn network(model: &PrecisionModel, truth: Option<&[(usize, usize)]>) -> Result<String> {
    let p = model.precision().ncols();
    let truth = truth.map(|pairs| Truth::new(pairs, p)).transpose()?;
    let edges = model.edges();
    let pairs: Vec<(usize, usize)> = edges.iter().map(|e| (e.i, e.j)).collect();
    let names: Vec<String> = (0..p).map(|j| theme::printable(&model.variable_name(j))).collect();
    let half_width = |name: &String| (0.5 * theme::width(name, theme::NAME) + 4.0).max(12.0);
    let halves: Vec<(f64, f64)> = names.iter().map(|name| (half_width(name).ceil(), HALF_HEIGHT)).collect();
    let places = layout(&halves, &model.components(), &pairs);

    let (lines, legend) = match &truth {
        Some(truth) => judged(&edges, truth),
        None => signed(&edges),
    };
    let note =
        edges.first().map(|e| format!("width: |partial correlation|, largest {:.2}", e.partial_correlation.abs()));
    let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let (variables, edges) = (count(p, "variable", "variables"), count(edges.len(), "edge", "edges"));
    let title = format!("{variables}, {edges} at λ = {}", theme::number(model.lambda()));

    let low = extreme(&places, &halves, -1.0);
    let high = extreme(&places, &halves, 1.0);
    let width = (high.0 - low.0 + 2.0 * MARGIN).max(NARROWEST_PICTURE);
    let height = high.1 - low.1 + 2.0 * MARGIN + HEAD;
    // In the middle of the picture, below the head.
    let offset = (0.5 * (width - low.0 - high.0), HEAD + MARGIN - low.1);
    let at: Vec<(i32, i32)> =
        places.iter().map(|a| ((a.0 + offset.0).round() as i32, (a.1 + offset.1).round() as i32)).collect();

    theme::paint((width.ceil() as u32, height.ceil() as u32), |area| {
        head(area, &title, &legend, note.as_deref())?;
        for line in &lines {
            let style = line.colour.mix(line.opacity).stroke_width(line.width);
            area.draw(&PathElement::new(vec![at[line.pair.0], at[line.pair.1]], style))?;
        }
        let style = theme::letters(theme::NAME, theme::INK, HPos::Center, VPos::Center);
        for ((name, &(x, y)), half) in names.iter().zip(&at).zip(&halves) {
            let corners = [(x - half.0 as i32, y - half.1 as i32), (x + half.0 as i32, y + half.1 as i32)];
            area.draw(&Rectangle::new(corners, WHITE.filled()))?;
            area.draw(&Rectangle::new(corners, theme::GREY.stroke_width(1)))?;
            area.draw(&Text::new(name.as_str(), (x, y), style.clone()))?;
        }
        Ok(())
    })
}

/// One edge as it is drawn.
struct Line {
    pair: (usize, usize),
    colour: RGBColor,
    opacity: f64,
    width: u32,
}

type Legend = Vec<(RGBColor, String)>;

impl Line {
    fn of(edge: &Edge, largest: f64, colour: RGBColor) -> Self {
        let share = edge.partial_correlation.abs() / largest.max(f64::MIN_POSITIVE);
        Self { pair: (edge.i, edge.j), colour, opacity: 0.8, width: (WIDEST * share).round().max(1.0) as u32 }
    }
}

fn largest(edges: &[Edge]) -> f64 {
    edges.first().map_or(0.0, |e| e.partial_correlation.abs())
}

/// Colours by sign; the strongest edges last, above the others.
fn signed(edges: &[Edge]) -> (Vec<Line>, Legend) {
    let colour = |e: &Edge| if e.partial_correlation > 0.0 { theme::BLUE } else { theme::VERMILLION };
    let lines = edges.iter().rev().map(|e| Line::of(e, largest(edges), colour(e))).collect();
    let positive = edges.iter().filter(|e| e.partial_correlation > 0.0).count();
    let legend = vec![
        (theme::BLUE, format!("{positive} positive")),
        (theme::VERMILLION, format!("{} negative", edges.len() - positive)),
    ];
    (lines, legend)
}

/// Colours by what the known graph says; what is missed lies below.
fn judged(edges: &[Edge], truth: &Truth) -> (Vec<Line>, Legend) {
    let right = |e: &Edge| truth.0.contains(&(e.i, e.j));
    let missing = |&pair: &(usize, usize)| !edges.iter().any(|e| (e.i, e.j) == pair);
    let missed = truth.0.iter().copied().filter(missing);
    let mut lines: Vec<Line> = missed.map(|pair| Line { pair, colour: theme::GREY, opacity: 0.6, width: 1 }).collect();
    let hits = edges.iter().filter(|e| right(e)).count();
    let legend = vec![
        (theme::BLUE, format!("{hits} right")),
        (theme::ORANGE, format!("{} wrong", edges.len() - hits)),
        (theme::GREY, format!("{} missed", lines.len())),
    ];
    let colour = |e: &Edge| if right(e) { theme::BLUE } else { theme::ORANGE };
    lines.extend(edges.iter().rev().map(|e| Line::of(e, largest(edges), colour(e))));
    (lines, legend)
}

/// The corner of all boxes in the direction of the sign.
fn extreme(places: &[(f64, f64)], halves: &[(f64, f64)], sign: f64) -> (f64, f64) {
    let corner = places.iter().zip(halves).map(|(a, h)| (sign * a.0 + h.0, sign * a.1 + h.1));
    let most = corner.fold((f64::MIN, f64::MIN), |m, c| (m.0.max(c.0), m.1.max(c.1)));
    (sign * most.0, sign * most.1)
}

/// Title and legend. The dots of the legend are circles, so that lines are edges only.
fn head(area: &Area<'_>, title: &str, legend: &Legend, note: Option<&str>) -> Drawn {
    let left = |size, colour| theme::letters(size, colour, HPos::Left, VPos::Center);
    let mut x = MARGIN as i32;
    area.draw(&Text::new(title, (x, 24), left(theme::TITLE, theme::INK)))?;
    for (colour, label) in legend {
        area.draw(&Circle::new((x + 5, 50), 5, colour.filled()))?;
        area.draw(&Text::new(label.as_str(), (x + 16, 50), left(theme::TEXT, theme::INK)))?;
        x += 36 + theme::width(label, theme::TEXT) as i32;
    }
    match note {
        Some(note) => area.draw(&Text::new(note, (x, 50), left(theme::TEXT, theme::GREY))),
        None => Ok(()),
    }
}
