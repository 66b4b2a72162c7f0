#[path = "../suite/common/mod.rs"]
#[allow(dead_code)]
mod common;
#[path = "../suite/convex_goldens.rs"]
mod convex_goldens;
#[path = "../suite/coupled_penalties.rs"]
mod coupled_penalties;
#[path = "../suite/penalty_laws.rs"]
mod penalty_laws;
#[path = "../suite/prox_laws.rs"]
mod prox_laws;

#[test]
fn slope_speed() {
    use ndarray::{Array1, Array2, ShapeBuilder};
    use sparsereg::prelude::*;
    let read = |name: &str| -> Vec<f64> {
        let bytes = std::fs::read(format!("/tmp/slope-b/{name}")).unwrap();
        bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    };
    let x = Array2::from_shape_vec((200, 20_000).f(), read("wide.x")).unwrap();
    let y = Array1::from(read("wide.y"));
    for tolerance in [1e-4, 1e-6, 1e-10] {
        let now = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let start = now();
        let path = Slope::default().tolerance(tolerance).path(&x, &y, Grid::auto(60).ratio(0.05)).unwrap();
        let end = now();
        let cpu = (end.tv_sec - start.tv_sec) as f64 + 1e-9 * (end.tv_nsec - start.tv_nsec) as f64;
        let gap = path.models().iter().map(|m| m.certificate().relative_gap()).fold(0.0, f64::max);
        let iterations: usize = path.models().iter().map(|m| m.iterations()).sum();
        let [half, last] = [29, 59].map(|k: usize| path.models()[k].certificate().objective);
        eprintln!(
            "{tolerance:e}: CPU {cpu:.3} gap {gap:.1e} iterations {iterations} objectives {half:.10} {last:.10} {:?} features {}",
            path.models().iter().map(|m| m.iterations()).collect::<Vec<_>>(),
            path.models()[59].support().len()
        );
    }
}
