//! Sizes, colours and letters of all pictures.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing an SVG into memory returns.
pub(super) type Drawn<T = ()> = std::result::Result<T, DrawingAreaErrorKind<std::io::Error>>;

// Okabe and Ito's palette.
pub(super) const BLUE: RGBColor = RGBColor(0, 114, 178);
pub(super) const VERMILLION: RGBColor = RGBColor(213, 94, 0);
pub(super) const GREEN: RGBColor = RGBColor(0, 158, 115);
pub(super) const ORANGE: RGBColor = RGBColor(230, 159, 0);
pub(super) const PURPLE: RGBColor = RGBColor(204, 121, 167);
pub(super) const SKY: RGBColor = RGBColor(86, 180, 233);
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const GREY: RGBColor = RGBColor(120, 120, 120);
pub(super) const PALE: RGBColor = RGBColor(225, 225, 225);
/// For lines that are told apart by colour, the most distinct first.
pub(super) const LINES: [RGBColor; 7] = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, INK];

/// Pixels: of titles, of everything else, of names in a network.
pub(super) const TITLE: f64 = 16.0;
pub(super) const TEXT: f64 = 13.0;
pub(super) const NAME: f64 = 11.0;
/// Width and height of a chart in pixels.
pub(super) const CHART: (u32, u32) = (760, 420);

/// Longest name that is shown, in characters.
const LONGEST: usize = 24;

/// An SVG on white ground.
pub(super) fn paint(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let all = area.fill(&WHITE).and_then(|()| draw(&area)).and_then(|()| area.present());
        all.map_err(|e| Error::Drawing { reason: e.to_string() })?;
    }
    Ok(svg)
}

/// Letters of `pixels` height.
pub(super) fn letters(pixels: f64, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    // Plotters takes the height of a line, which is 1.24 that of the letters.
    ("sans-serif", pixels * 1.24).into_font().color(&colour).pos(Pos::new(h, v))
}

/// Width of a text in pixels, on the safe side: without the fonts of the viewer nobody knows it.
pub(super) fn width(text: &str, pixels: f64) -> f64 {
    // Letters beyond Latin, Greek and Cyrillic are taken for square ones.
    text.chars().map(|c| if c < '\u{1100}' { 0.62 } else { 1.05 }).sum::<f64>() * pixels
}

/// A name as it can be shown: not too long, and without the control characters that XML forbids. (What XML reserves is
/// escaped when it is drawn.)
pub(super) fn printable(name: &str) -> String {
    let legal = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => '\u{FFFD}',
        c => c,
    };
    let mut shown: String = name.chars().take(LONGEST).map(legal).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// A number with three digits, without zeros at its end.
pub(super) fn number(value: f64) -> String {
    plain(value, 3)
}

/// The shortest decimal that is right to so many digits.
pub(super) fn plain(value: f64, digits: usize) -> String {
    let rounded = format!("{value:.*e}", digits - 1).parse().unwrap_or(value);
    let size = f64::abs(rounded);
    if size == 0.0 || (1e-4..1e6).contains(&size) { format!("{rounded}") } else { format!("{rounded:e}") }
}
