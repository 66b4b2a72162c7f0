//! Where the variables of a network go: forces (Fruchterman and Reingold 1991), then boxes apart.

/// Room around each box in pixels.
const GAP: f64 = 10.0;

/// Centres of boxes with the given half sizes, `(width, height) / 2`, so that linked ones are near each other and none
/// overlap. `components` lists all vertices. Nothing but sums, products and roots: the same digits on every machine.
pub(super) fn layout(halves: &[(f64, f64)], components: &[Vec<usize>], edges: &[(usize, usize)]) -> Vec<(f64, f64)> {
    let p = halves.len();
    let mean_width = 2.0 * halves.iter().map(|h| h.0).sum::<f64>() / p.max(1) as f64;
    let spring = (1.5 * mean_width).max(70.0);
    let mut at = spiral(components, p, 0.7 * spring);

    let mut component = vec![0; p];
    for (c, members) in components.iter().enumerate() {
        members.iter().for_each(|&v| component[v] = c);
    }
    let mut degrees = vec![0.0f64; p];
    for &(i, j) in edges {
        degrees[i] += 1.0;
        degrees[j] += 1.0;
    }
    // Every step costs p²; large networks make do with fewer.
    let steps = (200_000_000 / (p * p).max(1)).clamp(30, 400);
    let mut push = vec![(0.0, 0.0); p];
    for step in 0..steps {
        // To the centre, or the components would fly apart.
        push.iter_mut().zip(&at).for_each(|(f, a)| *f = (-0.15 * a.0, -0.25 * a.1));
        for i in 0..p {
            for j in 0..i {
                let (x, y) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
                let square = (x * x + y * y).max(1.0);
                // Parts that nothing holds together stay next to each other.
                if component[i] != component[j] && square > 4.0 * spring * spring {
                    continue;
                }
                let force = spring * spring / square;
                shift(&mut push, (i, j), (force * x, force * y));
            }
        }
        for &(i, j) in edges {
            let (x, y) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
            // Weaker where there are many, or dense parts would be a knot.
            let force = -(x * x + y * y).sqrt() / (spring * (degrees[i] * degrees[j]).sqrt().sqrt());
            shift(&mut push, (i, j), (force * x, force * y));
        }
        let longest = spring * (1.0 - step as f64 / steps as f64);
        for (a, f) in at.iter_mut().zip(&push) {
            let length = (f.0 * f.0 + f.1 * f.1).sqrt();
            let scale = 0.5 * (longest / length.max(1e-9)).min(1.0);
            *a = (a.0 + scale * f.0, a.1 + scale * f.1);
        }
    }
    separate(&mut at, halves);
    at
}

/// Moves i by `by` and j the other way.
fn shift(at: &mut [(f64, f64)], (i, j): (usize, usize), by: (f64, f64)) {
    at[i] = (at[i].0 + by.0, at[i].1 + by.1);
    at[j] = (at[j].0 - by.0, at[j].1 - by.1);
}

/// A sunflower, the largest component in its middle.
fn spiral(components: &[Vec<usize>], p: usize, step: f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<&Vec<usize>> = components.iter().collect();
    sorted.sort_by_key(|members| std::cmp::Reverse(members.len()));
    let mut at = vec![(0.0, 0.0); p];
    let (mut c, mut s) = (1.0, 0.0);
    for (place, &v) in sorted.into_iter().flatten().enumerate() {
        let radius = step * (place as f64 + 0.5).sqrt();
        at[v] = (radius * c, radius * s);
        // Once more by the golden angle.
        (c, s) =
            (-0.737_368_878_078_32 * c - 0.675_490_294_261_52 * s, 0.675_490_294_261_52 * c - 0.737_368_878_078_32 * s);
    }
    at
}

/// Pushes boxes apart until none overlap.
fn separate(at: &mut [(f64, f64)], halves: &[(f64, f64)]) {
    for _ in 0..1000 {
        let mut apart = true;
        for i in 0..at.len() {
            for j in 0..i {
                let (x, y) = (at[i].0 - at[j].0, at[i].1 - at[j].1);
                let over_x = halves[i].0 + halves[j].0 + GAP - x.abs();
                let over_y = halves[i].1 + halves[j].1 + GAP - y.abs();
                if over_x > 0.0 && over_y > 0.0 {
                    apart = false;
                    let by = if over_x < over_y { (x.signum() * over_x, 0.0) } else { (0.0, y.signum() * over_y) };
                    shift(at, (i, j), (0.5 * by.0, 0.5 * by.1));
                }
            }
        }
        if apart {
            return;
        }
        // A little more room each time, so that a crowd cannot push in circles.
        at.iter_mut().for_each(|a| *a = (1.01 * a.0, 1.01 * a.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlaps(at: &[(f64, f64)], halves: &[(f64, f64)]) -> usize {
        let apart = |i: usize, j: usize| {
            (at[i].0 - at[j].0).abs() >= halves[i].0 + halves[j].0
                || (at[i].1 - at[j].1).abs() >= halves[i].1 + halves[j].1
        };
        (0..at.len()).map(|i| (0..i).filter(|&j| !apart(i, j)).count()).sum()
    }

    #[test]
    fn boxes_do_not_overlap() {
        for p in [1, 2, 3, 30, 120] {
            let halves: Vec<(f64, f64)> = (0..p).map(|i| (10.0 + (i * 7 % 60) as f64, 9.0)).collect();
            let all = vec![(0..p).collect::<Vec<_>>()];
            let alone: Vec<Vec<usize>> = (0..p).map(|i| vec![i]).collect();
            let star: Vec<(usize, usize)> = (1..p).map(|i| (0, i)).collect();
            let complete: Vec<(usize, usize)> = (0..p).flat_map(|i| (0..i).map(move |j| (i, j))).collect();
            for (components, edges) in [(&alone, &vec![]), (&all, &star), (&all, &complete)] {
                let at = layout(&halves, components, edges);
                assert_eq!(overlaps(&at, &halves), 0, "{p} boxes, {} edges", edges.len());
                assert!(at.iter().all(|a| a.0.is_finite() && a.1.is_finite()));
            }
        }
    }

    #[test]
    fn linked_boxes_are_nearer() {
        let halves = vec![(15.0, 9.0); 8];
        let edges = [(0, 1), (1, 2), (2, 3), (0, 3), (4, 5), (5, 6), (6, 7), (4, 7)];
        let at = layout(&halves, &[vec![0, 1, 2, 3], vec![4, 5, 6, 7]], &edges);
        let d = |i: usize, j: usize| ((at[i].0 - at[j].0).powi(2) + (at[i].1 - at[j].1).powi(2)).sqrt();
        let linked = edges.iter().map(|&(i, j)| d(i, j)).sum::<f64>() / 8.0;
        let others = (0..4).flat_map(|i| (4..8).map(move |j| (i, j))).map(|(i, j)| d(i, j)).sum::<f64>() / 16.0;
        assert!(linked < 0.7 * others, "{linked} {others}");
    }
}
