//! A chart over λ: lines, standard errors, marked λs.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::lambda_axis::{LambdaAxis, drawable};
use super::theme::{self, Area, Drawn};

/// A line; with a name that stands at its right end.
pub(super) struct Series {
    pub(super) name: Option<String>,
    pub(super) colour: RGBColor,
    /// (λ, value), λ falling.
    pub(super) points: Vec<(f64, f64)>,
}

/// What one chart shows.
pub(super) struct Panel {
    pub(super) title: String,
    /// With its unit.
    pub(super) y_label: String,
    pub(super) axis: LambdaAxis,
    pub(super) series: Vec<Series>,
    /// (λ, value, standard error)
    pub(super) bars: Vec<(f64, f64, f64)>,
    /// λs that are pointed out, and what is said about them.
    pub(super) marks: Vec<(f64, String)>,
    /// The range of the values if it is not theirs.
    pub(super) range: Option<(f64, f64)>,
    /// Whether lines have dots at the λs of the grid.
    pub(super) dots: bool,
}

const LINE: f64 = 16.0;

impl Panel {
    pub(super) fn draw(&self, area: &Area<'_>) -> Drawn {
        let (low, high) = self.range.unwrap_or_else(|| self.values());
        let names = self.series.iter().filter_map(|s| s.name.as_deref());
        let room = names.map(|name| theme::width(name, theme::TEXT)).fold(0.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(if room > 0.0 { 36 + room as i32 } else { 24 })
            .caption(&self.title, theme::letters(theme::TITLE, theme::INK, HPos::Left, VPos::Top))
            .x_label_area_size(46)
            .y_label_area_size(74)
            .build_cartesian_2d(self.axis.clone(), low..high)?;
        let text = theme::letters(theme::TEXT, theme::INK, HPos::Center, VPos::Top);
        chart
            .configure_mesh()
            .x_labels(10)
            .y_labels(6)
            .x_desc("penalty λ (logarithmic scale, falling)")
            .y_desc(&self.y_label)
            .x_label_formatter(&|v| theme::plain(*v, 6))
            .y_label_formatter(&|v| theme::plain(if v.abs() < 1e-6 * (high - low) { 0.0 } else { *v }, 6))
            .label_style(("sans-serif", theme::TEXT * 1.24).into_font().color(&theme::INK))
            .axis_desc_style(text)
            .axis_style(theme::GREY)
            .bold_line_style(theme::PALE)
            .light_line_style(TRANSPARENT)
            .draw()?;

        for (row, (lambda, label)) in self.marks.iter().enumerate().filter(|(_, m)| drawable(m.0)) {
            chart
                .draw_series([PathElement::new(vec![(*lambda, low), (*lambda, high)], theme::GREY.stroke_width(1))])?;
            let left = self.axis.is_left(*lambda);
            let side = if left { HPos::Left } else { HPos::Right };
            let (x, y) = chart.backend_coord(&(*lambda, high));
            let base = area.get_base_pixel();
            let place = (x - base.0 + if left { 6 } else { -6 }, y - base.1 + 4 + LINE as i32 * row as i32);
            area.draw(&Text::new(label.as_str(), place, theme::letters(theme::TEXT, theme::INK, side, VPos::Top)))?;
        }
        for &(lambda, value, error) in self.bars.iter().filter(|b| drawable(b.0)) {
            let ends = vec![(lambda, value - error), (lambda, value + error)];
            chart.draw_series([PathElement::new(ends, theme::SKY.stroke_width(2))])?;
        }
        for line in &self.series {
            // Between two gaps a line of its own.
            let there = |p: &(f64, f64)| drawable(p.0) && p.1.is_finite();
            for run in line.points.split(|p| !there(p)).filter(|run| !run.is_empty()) {
                chart.draw_series([PathElement::new(run.to_vec(), line.colour.stroke_width(2))])?;
                if self.dots || run.len() == 1 {
                    chart.draw_series(run.iter().map(|&p| Circle::new(p, 3, line.colour.filled())))?;
                }
            }
        }
        // The right end of each named line, and its name as near to it as the other names leave room.
        let base = area.get_base_pixel();
        let end = |s: &Series| s.points.iter().rev().find(|p| drawable(p.0) && p.1.is_finite()).copied();
        let mut ends: Vec<(&str, RGBColor, (i32, i32))> = Vec::new();
        for s in &self.series {
            if let (Some(name), Some(point)) = (&s.name, end(s)) {
                let (x, y) = chart.backend_coord(&point);
                ends.push((name, s.colour, (x - base.0, y - base.1)));
            }
        }
        ends.sort_by_key(|e| e.2.1);
        let wanted: Vec<f64> = ends.iter().map(|e| f64::from(e.2.1)).collect();
        let lowest = f64::from(area.dim_in_pixel().1) - 60.0;
        let right = ends.iter().map(|e| e.2.0).max().unwrap_or(0);
        for ((name, colour, (x, y)), row) in ends.into_iter().zip(spread(&wanted, LINE, lowest)) {
            let row = row.round() as i32;
            area.draw(&PathElement::new(vec![(x, y), (right + 14, row)], colour.stroke_width(1)))?;
            let style = theme::letters(theme::TEXT, colour, HPos::Left, VPos::Center);
            area.draw(&Text::new(name, (right + 18, row), style))?;
        }
        Ok(())
    }

    /// The range of all that is drawn, with a little room.
    fn values(&self) -> (f64, f64) {
        let points = self.series.iter().flat_map(|s| s.points.iter().copied());
        let ends = self.bars.iter().flat_map(|&(l, v, e)| [(l, v - e), (l, v + e)]);
        let shown = points.chain(ends).filter(|p| drawable(p.0) && p.1.is_finite()).map(|p| p.1);
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if low > high {
            return (0.0, 1.0);
        }
        // Labels of marks need a line each at the top.
        let above = 0.05 + 0.06 * self.marks.len() as f64;
        let size = low.abs().max(high.abs());
        let height = if high - low > 1e-9 * size { high - low } else { size.max(f64::MIN_POSITIVE) };
        (low - 0.05 * height, high + above * height)
    }
}

/// Moves rising positions apart by at least `gap`, none below `last`.
fn spread(wanted: &[f64], gap: f64, last: f64) -> Vec<f64> {
    let mut rows = wanted.to_vec();
    // Half of each overlap upwards and half downwards, until a sweep finds none.
    for _ in 0..200 {
        for i in 1..rows.len() {
            let missing = gap - (rows[i] - rows[i - 1]);
            if missing > 0.0 {
                rows[i - 1] -= 0.5 * missing;
                rows[i] += 0.5 * missing;
            }
        }
    }
    let below = rows.last().map_or(0.0, |r| (r - last).max(0.0));
    rows.iter_mut().for_each(|r| *r -= below);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_apart() {
        let rows = spread(&[10.0, 10.0, 11.0, 50.0], 16.0, 400.0);
        assert!(rows.windows(2).all(|w| w[1] - w[0] > 15.9), "{rows:?}");
        assert_eq!(rows[3], 50.0);
        assert_eq!(spread(&[500.0], 16.0, 400.0), [400.0]);
        assert!(spread(&[], 16.0, 400.0).is_empty());
    }
}
