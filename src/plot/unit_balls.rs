//! Where penalties have corners and edges.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::theme;
use crate::error::Result;

/// Points on a closed line, a multiple of four so that corners are among them.
const POINTS: usize = 240;

type Norm = fn([f64; 3]) -> f64;

/// The unit balls of ℓ₁, ℓ₂ and ℓ₂,₁ in ℝ³ as an SVG, in parallel projection; for ℓ₂,₁ the groups are {x₁, x₂} and {x₃}. The octahedron
/// has corners on the axes, where two coordinates are zero; the double cone has an edge where x₃ = 0 and tips where
/// x₁ = x₂ = 0: whole groups are zero there, and single coordinates inside a group are nowhere special. The sphere has neither.
///
/// # Errors
/// What the plotting library says.
///
/// ```
/// assert!(sparsereg::plot::unit_balls()?.contains("ℓ2,1"));
/// # Ok::<(), sparsereg::Error>(())
/// ```
pub fn unit_balls() -> Result<String> {
    let balls: [(&str, Norm); 3] = [
        ("ℓ1: corners on the axes", |v| v.iter().map(|v| v.abs()).sum()),
        ("ℓ2: no corner, no edge", |v| v.iter().map(|v| v * v).sum::<f64>().sqrt()),
        ("ℓ2,1: an edge at x3 = 0, tips at x1 = x2 = 0", |v| v[0].hypot(v[1]) + v[2].abs()),
    ];
    let flat = |v: [f64; 3]| (0.90 * v[0] - 0.43 * v[1], 0.90 * v[2] - 0.18 * v[0] - 0.38 * v[1]);
    theme::paint((theme::CHART.0 + 240, theme::CHART.1 - 60), |area| {
        for (area, (title, norm)) in area.split_evenly((1, 3)).iter().zip(balls) {
            let mut chart = ChartBuilder::on(area)
                .margin(12)
                .caption(title, theme::letters(theme::TEXT, theme::INK, HPos::Left, VPos::Top))
                .build_cartesian_2d(-1.25..1.25, -1.25..1.25)?;
            let on = |v: [f64; 3]| {
                let size = norm(v);
                flat(v.map(|v| v / size))
            };
            let circle = |point: &dyn Fn(f64, f64) -> [f64; 3]| -> Vec<(f64, f64)> {
                let angle = |k: usize| k as f64 / POINTS as f64 * std::f64::consts::TAU;
                (0..=POINTS).map(|k| on(point(angle(k).cos(), angle(k).sin()))).collect()
            };
            let mut lines = Vec::new();
            for k in 1..6 {
                // parallels
                let height = (f64::from(k) / 3.0 - 1.0) * 0.8;
                lines.push(circle(&|c, s| [c * (1.0 - height.abs()), s * (1.0 - height.abs()), height]));
                // meridians
                let turn = f64::from(k) / 6.0 * std::f64::consts::PI;
                lines.push(circle(&|c, s| [c * turn.cos(), c * turn.sin(), s]));
            }
            for line in lines {
                chart.draw_series([PathElement::new(line, theme::SKY)])?;
            }
            for line in [circle(&|c, s| [c, s, 0.0]), circle(&|c, s| [c, 0.0, s]), circle(&|c, s| [0.0, c, s])] {
                chart.draw_series([PathElement::new(line, theme::BLUE.stroke_width(2))])?;
            }
            for (k, name) in ["x1", "x2", "x3"].into_iter().enumerate() {
                let mut end = [0.0; 3];
                end[k] = 1.2;
                let end = flat(end);
                chart.draw_series([PathElement::new(vec![(0.0, 0.0), end], theme::GREY)])?;
                let style = theme::letters(theme::NAME, theme::INK, HPos::Center, VPos::Bottom);
                chart.draw_series([Text::new(name, end, style)])?;
            }
        }
        Ok(())
    })
}
