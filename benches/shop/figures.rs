//! What is measured of one thing: several runs, and their middle.
use std::time::{Duration, Instant};

use crate::{
    load::{Load, Run},
    process,
};

/// One run of one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    /// CPU time of the shop's processes for each, in µs.
    pub(crate) server_micros: f64,
    /// CPU time of PostgreSQL for each, in µs.
    pub(crate) database_micros: f64,
    /// How long it takes in the middle and for one of a hundred, in ms, as fast as can be.
    pub(crate) busy_millis: [f64; 2],
    /// The same for who comes at their own time, at half that speed.
    pub(crate) calm_millis: [f64; 2],
}

/// Whose time counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Processes {
    pub(crate) servers: Vec<u32>,
    pub(crate) database: Option<u32>,
}

/// How long, how often, and on how many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) runs: usize,
}

impl Processes {
    fn spent(&self) -> [Duration; 2] {
        [process::cpu(&self.servers), self.database.map(process::family_cpu).unwrap_or_default()]
    }
}

impl Figures {
    fn of(run: &Run, spent: [Duration; 2]) -> Self {
        let count = f64::from(u32::try_from(run.times.len().max(1)).expect("fewer than 2^32"));
        let [server_micros, database_micros] = spent.map(|spent| spent.as_secs_f64() * 1e6 / count);
        let (per_second, busy_millis) = (count / run.elapsed.as_secs_f64(), millis(run));
        Self { per_second, server_micros, database_micros, busy_millis, calm_millis: busy_millis }
    }
}

/// The middle, and what one of a hundred takes longer than, in ms.
fn millis(run: &Run) -> [f64; 2] {
    let mut times = run.times.clone();
    times.sort_unstable();
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
    [50, 99].map(|hundredth| at(hundredth).as_secs_f64() * 1e3)
}

/// The middle run by throughput, and how far the others are from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    /// The slowest and the fastest run, as shares of the middle one.
    pub(crate) spread: (f64, f64),
}

/// Measures what `run` does, several times.
pub(crate) async fn measure(effort: Effort, processes: &Processes, run: impl AsyncFn(Duration) -> Run) -> Measured {
    run(effort.time / 3).await;
    let mut all = Vec::new();
    for _ in 0..effort.runs {
        let before = processes.spent();
        let done = run(effort.time).await;
        let after = processes.spent();
        let spent = [0, 1].map(|which: usize| after[which].saturating_sub(before[which]));
        all.push(Figures::of(&done, spent));
    }
    all.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let figures = all[all.len() / 2];
    let share = |other: &Figures| other.per_second / figures.per_second;
    Measured { figures, spread: (share(&all[0]), share(&all[all.len() - 1])) }
}

/// How fast `load` can be done on so many connections, and how long it takes at half that speed.
pub(crate) async fn of_load(effort: Effort, processes: &Processes, load: &Load, connections: usize) -> Measured {
    let mut measured = measure(effort, processes, async |time| load.closed(connections, time).await).await;
    if connections > 1 {
        let run = load.open(4 * connections, measured.figures.per_second / 2.0, effort.time).await;
        measured.figures.calm_millis = millis(&run);
    }
    measured
}

/// The middle of several times that something took, in ms.
pub(crate) async fn middle(times: usize, what: impl AsyncFn()) -> f64 {
    let mut all = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        what().await;
        all.push(begun.elapsed());
    }
    all.sort_unstable();
    all[all.len() / 2].as_secs_f64() * 1e3
}
