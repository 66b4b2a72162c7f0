//! Loss over penalty.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::theme;
use crate::constrained::ParetoCurve;
use crate::error::{Error, Result};

/// Places at which the lower bound is drawn.
const PLACES: usize = 400;

/// A Pareto curve as an SVG: the attained loss F over Ω (dots and chords, which the curve does not exceed), and below it the proven lower
/// bound, the highest of the lines with slope −λ. Both in the units of the objective.
///
/// # Errors
/// A curve of fewer than two points ([`Error::Empty`]).
///
/// ```
/// use ndarray::array;
/// use sparsereg::{plot, prelude::*};
/// let x = array![[1.0, 0.3], [2.0, -0.1], [3.0, 0.2], [4.0, -0.3]];
/// let curve = Lasso::default().pareto(&x, &array![5.0, 7.0, 9.0, 11.0], 20)?;
/// assert!(plot::pareto(&curve)?.contains("lower bound"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn pareto(curve: &ParetoCurve) -> Result<String> {
    let points: Vec<(f64, f64)> = curve.points().iter().map(|p| (p.penalty, p.loss)).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Err(Error::Empty { argument: "curve" });
    };
    let (right, top) = (last.0, first.1);
    if !(right > 0.0 && right.is_finite() && top.is_finite()) {
        return Err(Error::Empty { argument: "curve" });
    }
    let low = last.1.min(0.0);
    let high = if top > low { top + 0.05 * (top - low) } else { low + 1.0 };
    let below = (0..=PLACES).map(|k| k as f64 / PLACES as f64 * right).map(|t| (t, curve.lower_bound(t).max(low)));
    theme::paint(theme::CHART, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(24)
            .caption("Pareto curve", theme::letters(theme::TITLE, theme::INK, HPos::Left, VPos::Top))
            .x_label_area_size(46)
            .y_label_area_size(74)
            .build_cartesian_2d(0.0..1.02 * right, low..high)?;
        chart
            .configure_mesh()
            .x_labels(8)
            .y_labels(6)
            .x_desc("penalty Ω")
            .y_desc("loss F")
            .x_label_formatter(&|v| theme::plain(*v, 6))
            .y_label_formatter(&|v| theme::plain(*v, 6))
            .label_style(("sans-serif", theme::TEXT * 1.24).into_font().color(&theme::INK))
            .axis_desc_style(theme::letters(theme::TEXT, theme::INK, HPos::Center, VPos::Top))
            .axis_style(theme::GREY)
            .bold_line_style(theme::PALE)
            .light_line_style(WHITE)
            .draw()?;
        chart
            .draw_series([PathElement::new(below.collect::<Vec<_>>(), theme::VERMILLION)])?
            .label("proven lower bound")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], theme::VERMILLION));
        chart
            .draw_series([PathElement::new(points.clone(), theme::BLUE.stroke_width(2))])?
            .label("attained")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], theme::BLUE));
        chart.draw_series(points.iter().map(|&p| Circle::new(p, 3, theme::BLUE.filled())))?;
        chart
            .configure_series_labels()
            .label_font(("sans-serif", theme::TEXT * 1.24).into_font().color(&theme::INK))
            .background_style(WHITE)
            .draw()
    })
}
