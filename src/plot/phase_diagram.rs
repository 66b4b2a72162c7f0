//! A rate over two parameters.

use ndarray::ArrayView2;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::theme;
use crate::error::{Error, Result, check_length};

/// Rates between 0 (white) and 1 (blue) as an SVG: one cell for each pair of the values, such as the share of exact recoveries over the
/// number of observations and of non-zeros. `rates` is `y.1.len()` × `x.1.len()`; an axis is its name and its values.
///
/// # Errors
/// No cells, lengths that do not fit, a rate outside [0, 1].
///
/// ```
/// use ndarray::array;
/// use sparsereg::plot;
/// let svg = plot::phase_diagram(("non-zeros", &[1.0, 5.0]), ("observations", &[10.0, 20.0]), array![[0.9, 0.0], [1.0, 0.4]].view())?;
/// assert!(svg.contains("non-zeros"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn phase_diagram(x: (&str, &[f64]), y: (&str, &[f64]), rates: ArrayView2<'_, f64>) -> Result<String> {
    check_length("rates", y.1.len(), rates.nrows())?;
    check_length("rates columns", x.1.len(), rates.ncols())?;
    if rates.is_empty() {
        return Err(Error::Empty { argument: "rates" });
    }
    if let Some(((i, j), &value)) = rates.indexed_iter().find(|(_, v)| !(0.0..=1.0).contains(*v)) {
        return Err(Error::OutOfRange { argument: "rates", index: vec![i, j], value, expected: "a number in [0, 1]" });
    }
    let shade = |rate: f64| {
        let mix = |low: u8, high: u8| (f64::from(low) + rate * (f64::from(high) - f64::from(low))).round() as u8;
        RGBColor(mix(255, theme::BLUE.0), mix(255, theme::BLUE.1), mix(255, theme::BLUE.2))
    };
    let (columns, rows) = (rates.ncols() as f64, rates.nrows() as f64);
    theme::paint(theme::CHART, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(24)
            .caption("rate: white 0, blue 1", theme::letters(theme::TITLE, theme::INK, HPos::Left, VPos::Top))
            .build_cartesian_2d(-0.14 * columns..columns, -0.16 * rows..rows)?;
        chart.draw_series(rates.indexed_iter().map(|((i, j), &rate)| {
            let (i, j) = (i as f64, j as f64);
            Rectangle::new([(j, i), (j + 1.0, i + 1.0)], shade(rate).filled())
        }))?;
        let style = theme::letters(theme::TEXT, theme::INK, HPos::Center, VPos::Center);
        let text = |text: String, x: f64, y: f64| Text::new(text, (x, y), style.clone());
        let below = x.1.iter().enumerate().map(|(j, v)| text(theme::number(*v), j as f64 + 0.5, -0.04 * rows));
        chart.draw_series(below.chain([text(theme::printable(x.0), 0.5 * columns, -0.11 * rows)]))?;
        let beside = y.1.iter().enumerate().map(|(i, v)| text(theme::number(*v), -0.03 * columns, i as f64 + 0.5));
        chart.draw_series(beside.chain([text(theme::printable(y.0), -0.07 * columns, -0.04 * rows)]))?;
        Ok(())
    })
}
