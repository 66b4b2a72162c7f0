//! Which variables can be fitted apart: the connected components of `|S_ij| > λΛ_ij` are exactly those of the estimated
//! graph (Witten, Friedman and Simon 2011; Mazumder and Hastie 2012).

/// Connected components of the graph on p vertices with an edge wherever `linked(i, j)`, which is symmetric: each sorted,
/// ordered by their first vertex. It is asked for many i and one j after the other, as a matrix by columns is read.
pub(in crate::estimator) fn components(p: usize, linked: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    let mut component = vec![usize::MAX; p];
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut unseen: Vec<usize> = (0..p).collect();
    for start in 0..p {
        if component[start] != usize::MAX {
            continue;
        }
        // Breadth first, over the vertices that no component holds yet.
        let mut members = vec![start];
        component[start] = found.len();
        unseen.retain(|&v| v != start);
        let mut next = 0;
        while next < members.len() {
            let v = members[next];
            next += 1;
            unseen.retain(|&u| {
                let link = linked(u, v);
                if link {
                    component[u] = found.len();
                    members.push(u);
                }
                !link
            });
        }
        members.sort_unstable();
        found.push(members);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_a_small_graph() {
        let edges = [(0, 3), (3, 5), (1, 2)];
        let found = components(7, |i, j| edges.contains(&(i, j)) || edges.contains(&(j, i)));
        assert_eq!(found, [vec![0, 3, 5], vec![1, 2], vec![4], vec![6]]);
        assert!(components(0, |_, _| true).is_empty());
        assert_eq!(components(3, |_, _| true), [vec![0, 1, 2]]);
    }
}
