//! Why ℓ₁ zeroes single coefficients, ℓ₂,₁ zeroes groups and ℓ₂ none: Gaussian points of ℝ⁴ projected onto the unit balls, the groups of ℓ₂,₁
//! being {x₁, x₂} and {x₃, x₄}.
//!
//! cargo run --release --features plot --example geometry -- [folder]
//!
//! With the feature `plot` the balls are drawn, into the folder or into target/pictures.

mod support;

use sparsereg::prox::{project_l1_ball, project_l2_ball, project_l21_ball};
use support::{Outcome, Random, check};

type Point = [f64; 4];

fn main() -> Outcome {
    let n = 100_000;
    // What the references are good for; three standard errors of a share of so many points are as much.
    let error = 0.005;
    let l1 = |v: &Point| v.iter().map(|v| v.abs()).sum::<f64>();
    let l2 = |v: &Point| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let l21 = |v: &Point| v[0].hypot(v[1]) + v[2].hypot(v[3]);

    let mut random = Random::new(7);
    let points: Vec<Point> = (0..n).map(|_| std::array::from_fn(|_| random.normal())).collect();
    let zeros = |v: &Point| v.iter().filter(|v| **v == 0.0).count();
    let share = |yes: usize, of: usize| yes as f64 / of as f64;

    let one = project(&points, l1, |v| project_l1_ball(v, 1.0, &mut [0.0; 4]))?;
    let some = share(one.iter().filter(|v| zeros(v) > 0).count(), one.len());
    let corner = share(one.iter().filter(|v| zeros(v) == 3).count(), one.len());
    println!(
        "ℓ1   : {:.1}% have a zero, {:.1}% land on a corner (reference 90.2%, 16.4%, both ± 0.5%)",
        100.0 * some,
        100.0 * corner
    );
    check((some - 0.902).abs() < error && (corner - 0.164).abs() < error, "the octahedron has corners and edges")?;

    let groups = project(&points, l21, |v| project_l21_ball(v, &[2, 2], 1.0, &mut [0.0; 4]))?;
    let plane = |v: &Point| (v[0] == 0.0 && v[1] == 0.0) || (v[2] == 0.0 && v[3] == 0.0);
    let planes = share(groups.iter().filter(|v| plane(v)).count(), groups.len());
    let single = groups.iter().filter(|v| zeros(v) != if plane(v) { 2 } else { 0 }).count();
    println!(
        "ℓ2,1 : {:.1}% land in a plane of one group (reference 28.6% ± 0.5%), {single} have a zero inside a group",
        100.0 * planes
    );
    check((planes - 0.286).abs() < error, "the ball of ℓ2,1 is sharp along the planes of the groups")?;
    check(single == 0, "and nowhere else")?;

    let round = project(&points, l2, |v| project_l2_ball(v, 1.0))?;
    let some = round.iter().filter(|v| zeros(v) > 0).count();
    println!("ℓ2   : {some} have a zero (baseline: the ball without corners)");
    check(some == 0, "the round ball zeroes nothing")?;
    #[cfg(feature = "plot")]
    support::picture("unit_balls", &sparsereg::plot::unit_balls()?)?;
    Ok(())
}

/// The points outside of the ball, projected; each has norm 1 and ⟨v − Πv, z − Πv⟩ ≤ 0 for z in the ball, of which the points of norm
/// 1 in 32 directions are tried, and the corners.
fn project(points: &[Point], norm: impl Fn(&Point) -> f64, onto: impl Fn(&mut Point)) -> Outcome<Vec<Point>> {
    let mut random = Random::new(8);
    let mut inside: Vec<Point> = (0..32).map(|_| std::array::from_fn(|_| random.normal())).collect();
    inside.extend((0..8).map(|k| std::array::from_fn(|j| if j == k / 2 { 1.0 - 2.0 * (k % 2) as f64 } else { 0.0 })));
    for v in &mut inside {
        let size = norm(v);
        v.iter_mut().for_each(|v| *v /= size);
    }
    let (mut off, mut worst) = (0.0f64, 0.0f64);
    let mut all = Vec::new();
    for v in points.iter().filter(|v| norm(v) > 1.0) {
        let mut image = *v;
        onto(&mut image);
        off = off.max((norm(&image) - 1.0).abs());
        for z in &inside {
            worst = worst.max((0..4).map(|j| (v[j] - image[j]) * (z[j] - image[j])).sum());
        }
        all.push(image);
    }
    check(off < 1e-10 && worst < 1e-10, format!("norm 1 to {off:.0e}, variational inequality to {worst:.0e}"))?;
    Ok(all)
}
