//! The sync server with the rules of the course: devices decide, and it decides again before it takes what they push.

use course::Course;
use std::process::ExitCode;
use tidelog_server::{Domain, Program};

fn main() -> ExitCode {
    Program::default().rules(|| Domain::default().aggregate::<Course>()).run()
}
