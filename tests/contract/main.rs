//! What crosses a process boundary: that every type of every module's trait survives the wire, obeys the
//! rules that keep the topologies equal, and can be read by the release before and after.
#[expect(dead_code, reason = "only the list is asked here, and nothing is started")]
#[path = "../../src/app.rs"]
mod app;
mod generate;
mod last_release;
mod listed;
mod releases;
mod requests;
mod round_trips;
mod samples;
mod shapes;
