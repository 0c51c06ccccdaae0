//! The tables, a plot of each, and what a later run is compared with.
use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

use crate::figures::Measured;

/// A table of what was measured, printed as it grows.
pub(crate) struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    measured: Measured,
    /// How much of its floor it reaches.
    share: Option<f64>,
}

/// Everything of one run.
#[derive(Default)]
pub(crate) struct Report {
    tables: Vec<Table>,
    facts: Vec<(String, String)>,
}

/// A ratio that falls below so much of what it was is a step back.
const STEP_BACK: f64 = 0.8;

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        println!("\n{title}\n{:<40}{}", "", HEADS.map(|head| format!("{head:>12}")).concat());
        Self { title, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, name: String, measured: Measured, floor: Option<Measured>) {
        let share = floor.map(|floor| measured.figures.per_second / floor.figures.per_second);
        println!("{name:<40}{}", cells(&measured, share).map(|cell| format!("{cell:>12}")).concat());
        self.rows.push(Row { name, measured, share });
    }

    /// Bars: each row's share of its floor.
    fn plot(&self) -> Option<String> {
        let shares: Vec<_> = self.rows.iter().filter_map(|row| Some((&*row.name, row.share?))).collect();
        let most = shares.iter().map(|(_, share)| *share).fold(0.0, f64::max);
        if shares.is_empty() {
            return None;
        }
        let height = 24 * shares.len() + 40;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"8\" y=\"20\" font-weight=\"bold\">{}: share of the floor</text>\n",
            self.title
        );
        for (index, (name, share)) in shares.into_iter().enumerate() {
            let (y, width) = (24 * index + 36, 360.0 * share / most);
            writeln!(
                svg,
                "<text x=\"8\" y=\"{}\">{name}</text><rect x=\"300\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" fill=\"#47a\"/><text x=\"{:.0}\" y=\"{}\">{:.1} %</text>",
                y + 12,
                306.0 + width,
                y + 12,
                100.0 * share
            )
            .expect("a string takes all");
        }
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn markdown(&self, place: usize) -> String {
        let mut text = format!("\n## {}\n\n| |", self.title);
        text += &HEADS.map(|head| format!(" {head} |")).concat();
        text += &format!("\n| --- |{}\n", " ---: |".repeat(HEADS.len()));
        for Row { name, measured, share } in &self.rows {
            text += &format!("| {name} |");
            text += &cells(measured, *share).map(|cell| format!(" {cell} |")).concat();
            text.push('\n');
        }
        if self.plot().is_some() {
            text += &format!("\n![{}](results/{place}.svg)\n", self.title);
        }
        text
    }
}

const HEADS: [&str; 9] =
    ["per second", "spread", "server µs", "database µs", "p50 ms", "p99 ms", "calm p50", "calm p99", "of floor"];

fn cells(Measured { figures, spread: (least, most) }: &Measured, share: Option<f64>) -> [String; 9] {
    let ([p50, p99], [calm_p50, calm_p99]) = (figures.busy_millis, figures.calm_millis);
    [
        format!("{:.0}", figures.per_second),
        format!("-{:.0}+{:.0} %", 100.0 * (1.0 - least), 100.0 * (most - 1.0)),
        format!("{:.0}", figures.server_micros),
        format!("{:.0}", figures.database_micros),
        format!("{p50:.2}"),
        format!("{p99:.2}"),
        format!("{calm_p50:.2}"),
        format!("{calm_p99:.2}"),
        share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share)),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/benches"))
}

impl Report {
    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub(crate) fn fact(&mut self, name: &str, value: String) {
        println!("{name}: {value}");
        self.facts.push((name.into(), value));
    }

    fn shares(&self) -> BTreeMap<String, f64> {
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        rows.filter_map(|row| Some((row.name.clone(), row.share?))).collect()
    }

    /// Writes `RESULTS.md`, its plots, and the shares that later runs are compared with.
    pub(crate) fn write(&self, command: &str) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut text = format!(
            "# How fast it is\n\n`{command}`, on {cores} cores that the load, the shop and its database share. How to read it: [README](README.md).\n"
        );
        fs::create_dir_all(folder().join("results")).expect("a folder");
        for (place, table) in (1..).zip(&self.tables) {
            text += &table.markdown(place);
            if let Some(svg) = table.plot() {
                fs::write(folder().join(format!("results/{place}.svg")), svg).expect("a plot");
            }
        }
        text += "\n## Size, memory, start\n\n| | |\n| --- | ---: |\n";
        text.extend(self.facts.iter().map(|(name, value)| format!("| {name} | {value} |\n")));
        fs::write(folder().join("RESULTS.md"), text).expect("the results");
        let shares = serde_json::to_string_pretty(&self.shares()).expect("numbers");
        fs::write(folder().join("results/shares.json"), shares + "\n").expect("the shares");
    }

    /// The rows that reach a fifth less of their floors than when the results were written.
    pub(crate) fn steps_back(&self) -> Vec<String> {
        let written = fs::read(folder().join("results/shares.json")).expect("results were written before");
        let written: BTreeMap<String, f64> = serde_json::from_slice(&written).expect("numbers by name");
        let behind = |(name, share): (String, f64)| {
            let before = written.get(&name)?;
            let told = format!("{name}: {:.1} % of its floor, {:.1} % before\n", 100.0 * share, 100.0 * before);
            (share < STEP_BACK * before).then_some(told)
        };
        self.shares().into_iter().filter_map(behind).collect()
    }
}
