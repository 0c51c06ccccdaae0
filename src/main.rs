//! The shop: every module in one process, or one module in each.
mod app;
mod calls;
mod cli;
mod config;
mod explain;
mod export;
mod import;
mod mail;
mod operate;
mod serve;
mod stop;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stoa: {error}");
            ExitCode::FAILURE
        }
    }
}
