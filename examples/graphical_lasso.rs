//! Which brain regions are connected? The graphical lasso on fMRI time series (250 volumes, 28 regions).
//!
//! The nuisance columns (white matter, ventricles, whole brain) are dropped and the regions standardised. As λ falls, the
//! graph fills; the strongest edges are those between the left and the right half of the same region. The expected
//! figures are those of independent implementations; the program fails if it finds others.

use std::error::Error;

use ndarray::Array2;
use sparsereg::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    // Read the table: names in the first line, numbers in the others.
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/fmri_roi.csv"))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().ok_or("an empty file")?.split(',').skip(3).map(str::trim).collect();
    let mut values = Vec::new();
    for line in lines {
        for field in line.split(',').skip(3) {
            values.push(field.trim().parse::<f64>()?);
        }
    }
    let p = names.len();
    let samples = Array2::from_shape_vec((values.len() / p, p), values)?;

    // Left–right pairs: LPut and RPut; one name differs (LHip–RHip … are alike, APHG has no L).
    let homologous = |e: &Edge| names[e.i].strip_prefix('L').is_some_and(|l| names[e.j].strip_prefix('R') == Some(l));

    let mut ok = true;
    for (lambda, edges, pairs) in [(0.6, 16, 5), (0.5, 24, 6), (0.4, 40, 8), (0.3, 62, 11), (0.2, 96, 12)] {
        let model = GraphicalLasso::new(lambda)
            .correlation_scale(true) // as if the regions were z-scored
            .variable_names(names.iter().copied())
            .fit(&samples)?;
        let found = model.edges();
        let found_pairs = found.iter().filter(|e| homologous(e)).count();
        println!("λ {lambda}: {} edges, {found_pairs} left–right pairs; {}", found.len(), model.certificate());
        if lambda == 0.5 {
            println!("\n{model}");
        }
        if (found.len(), found_pairs) != (edges, pairs) {
            println!("expected {edges} edges and {pairs} left–right pairs");
            ok = false;
        }
    }
    if ok { Ok(()) } else { Err("the figures differ from the reference".into()) }
}
