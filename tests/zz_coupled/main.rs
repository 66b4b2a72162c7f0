#[path = "../suite/common/mod.rs"]
#[allow(dead_code)]
mod common;
#[path = "../suite/coupled_penalties.rs"]
mod coupled_penalties;
