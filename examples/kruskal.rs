//! How many rows can be told apart: k < (krank A + rank Y)/2. Monomials at 10 Chebyshev nodes (6 × 10); all supports that explain
//! Y are counted.
//!
//! cargo run --release --example kruskal

mod support;

use ndarray::{Array1, Array2, Axis, concatenate, s};
use sparsereg::diagnostics::{numeric_rank, spark};
use support::{Outcome, Random, check};

/// All sets of `size` out of `of`.
fn subsets(of: usize, size: usize) -> Vec<Vec<usize>> {
    (0..1usize << of)
        .filter(|m| m.count_ones() as usize == size)
        .map(|m| (0..of).filter(|j| m >> j & 1 == 1).collect())
        .collect()
}

/// The supports of k columns whose span holds Y.
fn explanations(a: &Array2<f64>, y: &Array2<f64>, k: usize) -> Outcome<Vec<Vec<usize>>> {
    let mut found = Vec::new();
    for set in subsets(a.ncols(), k) {
        let chosen = a.select(Axis(1), &set);
        let both = concatenate![Axis(1), chosen, y.view()];
        if numeric_rank(&both, Some(1e-9))?.rank == numeric_rank(&chosen, Some(1e-9))?.rank {
            found.push(set);
        }
    }
    Ok(found)
}

fn main() -> Outcome {
    let mut a = Array2::from_shape_fn((6, 10), |(power, node)| {
        ((2 * node + 1) as f64 * std::f64::consts::PI / 20.0).cos().powi(power as i32)
    });
    a.columns_mut().into_iter().for_each(|mut c| c /= c.dot(&c).sqrt());
    let found = spark(&a)?;
    let krank = found.spark().map_or(10, |spark| spark - 1);
    println!("monomials 1 … t⁵ at 10 Chebyshev nodes: spark {}, Kruskal rank {krank}", krank + 1);
    check(krank == 6, "any 6 columns are independent, any 7 are not")?;
    for rank in 1..=6 {
        let bound = found.joint_uniqueness_bound(rank)?;
        println!("  rank Y = {rank}: unique for k < {:.1}, so up to {}", bound.bound, bound.largest);
    }

    println!("\nrank 1, k = 4: the weights that take columns 1–7 to zero (Lagrange), cut in two");
    // Divided differences of 7 nodes take powers up to 5 to zero: v_j = ‖column j‖ / Π_{i≠j} (t_j − t_i).
    let node = |j: usize| ((2 * j + 1) as f64 * std::f64::consts::PI / 20.0).cos();
    let size = |j: usize| (0..6).map(|power| node(j).powi(2 * power)).sum::<f64>().sqrt();
    let v: Array1<f64> =
        (0..7).map(|j| size(j) / (0..7).filter(|&i| i != j).map(|i| node(j) - node(i)).product::<f64>()).collect();
    let v = &v / v.mapv(f64::abs).sum();
    let left = a.slice(s![.., ..4]).dot(&v.slice(s![..4]));
    let right = a.slice(s![.., 4..7]).dot(&v.slice(s![4..]));
    let rest = (&left + &right).mapv(f64::abs).sum();
    println!("  columns 1–4 and columns 5–7 give the same y up to {rest:.0e}");
    check(rest < 1e-14, "y has two explanations")?;
    let y = left.insert_axis(Axis(1));
    let all = explanations(&a, &y, 4)?;
    check(
        all.contains(&vec![0, 1, 2, 3])
            && all.iter().any(|s| s.ends_with(&[4, 5, 6]) || s.windows(3).any(|w| w == [4, 5, 6])),
        format!("k = 4 is not unique at rank 1: {} supports of 210 explain y", all.len()),
    )?;

    println!("\nrank 5, k = 5: Gaussian coefficients on columns 2 3 5 8 9");
    let truth = [1, 2, 4, 7, 8];
    let mut random = Random::new(3);
    let y = a.select(Axis(1), &truth).dot(&random.normals(5, 5));
    let all = explanations(&a, &y, 5)?;
    check(all == [truth.to_vec()], format!("exactly one support of {} explains Y", subsets(10, 5).len()))?;
    let one = y.slice(s![.., ..1]).to_owned();
    println!("  of one of its measurements alone: {} supports", explanations(&a, &one, 5)?.len());

    println!("\nk = 6 = the number of rows of A");
    for l in [1, 3, 6, 12] {
        let y = a.select(Axis(1), &[0, 2, 3, 5, 7, 9]).dot(&random.normals(6, l));
        let all = explanations(&a, &y, 6)?.len();
        check(all == 210, format!("L = {l}: all {all} supports explain Y"))?;
    }
    Ok(())
}
