//! What the examples share: a CSV reader, a seeded random generator, a check that fails the program.

#![allow(dead_code)] // every example uses a part of it

use std::error::Error;

use ndarray::{Array2, ArrayView2, Axis};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Header and cells of a file in `examples/data`.
pub fn read_csv(name: &str) -> Outcome<(Vec<String>, Vec<Vec<String>>)> {
    read_table(&format!("{}/examples/data/{name}", env!("CARGO_MANIFEST_DIR")))
}

/// Header and cells of a file anywhere.
pub fn read_table(path: &str) -> Outcome<(Vec<String>, Vec<Vec<String>>)> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().ok_or("empty file")?;
    Ok((header, lines.collect()))
}

/// Header and numbers; `skip` leading columns are left out.
pub fn read_numbers(name: &str, skip: usize) -> Outcome<(Vec<String>, Array2<f64>)> {
    let (header, rows) = read_csv(name)?;
    let columns = header.len() - skip;
    let mut values = Vec::with_capacity(rows.len() * columns);
    for row in &rows {
        for cell in &row[skip..] {
            values.push(cell.parse()?);
        }
    }
    Ok((header[skip..].to_vec(), Array2::from_shape_vec((rows.len(), columns), values)?))
}

/// Columns minus their means.
pub fn centred(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let means = x.mean_axis(Axis(0)).expect("at least one row");
    &x - &means
}

/// Prints what was checked, or ends the example with an error (and a non-zero exit code).
pub fn check(ok: bool, what: impl AsRef<str>) -> Outcome {
    if ok {
        println!("  [ok] {}", what.as_ref());
        Ok(())
    } else {
        Err(format!("check failed: {}", what.as_ref()).into())
    }
}

/// Writes a picture to the directory that the command line names, or to `pictures` beside the folder of this build (in
/// `target`, unless cargo was told another place).
pub fn picture(name: &str, svg: &str) -> Outcome {
    let named = std::env::args().skip(1).find(|a| !a.starts_with("--")).map(std::path::PathBuf::from);
    let folder = match named {
        Some(folder) => folder,
        None => std::env::current_exe()?.ancestors().nth(3).ok_or("a program without a folder")?.join("pictures"),
    };
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{name}.svg"));
    std::fs::write(&file, svg)?;
    println!("picture: {}", file.display());
    Ok(())
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// splitmix64: the same numbers on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Below `n`.
    pub fn index(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn normals(&mut self, rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_simple_fn((rows, columns), || self.normal())
    }

    /// A count of this mean (Knuth).
    pub fn poisson(&mut self, mean: f64) -> f64 {
        let (mut count, mut product) = (0.0, self.uniform());
        while product > (-mean).exp() {
            count += 1.0;
            product *= self.uniform();
        }
        count
    }

    /// 0 … n − 1 in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.index(i + 1));
        }
        order
    }
}
