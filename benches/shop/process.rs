//! What processes use: CPU time and memory, as Linux tells it under `/proc`.
use std::{collections::HashMap, time::Duration};

/// The fields of `/proc/PID/stat` after the name, from the state on.
fn stat(pid: u32) -> Vec<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
    fields.map(|field| field.trim().parse().unwrap_or_default()).collect()
}

/// User and system time, in hundredths of a second; with that of children that have ended, if `with_children`.
fn ticks(pid: u32, with_children: bool) -> u64 {
    let count = if with_children { 4 } else { 2 };
    stat(pid).iter().skip(11).take(count).sum()
}

/// The CPU time that these processes have used so far.
pub(crate) fn cpu(processes: &[u32]) -> Duration {
    Duration::from_millis(10 * processes.iter().map(|pid| ticks(*pid, false)).sum::<u64>())
}

/// The CPU time of a server that forks for each connection, its children's with it.
pub(crate) fn family_cpu(parent: u32) -> Duration {
    let children = every().filter(|pid| stat(*pid).get(1) == Some(&u64::from(parent)));
    let ticks = ticks(parent, true) + children.map(|pid| ticks(pid, false)).sum::<u64>();
    Duration::from_millis(10 * ticks)
}

fn every() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The memory that these processes hold now, in MB.
pub(crate) fn memory(processes: &[u32]) -> f64 {
    let kilobytes = |pid: &u32| -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let fields: HashMap<_, _> = status.lines().filter_map(|line| line.split_once(':')).collect();
        let resident = fields.get("VmRSS").and_then(|text| text.trim().split(' ').next());
        resident.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    processes.iter().map(kilobytes).sum::<f64>() / 1024.0
}
