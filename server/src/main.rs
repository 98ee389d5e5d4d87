//! Starts the sync server, or sees to its database.

use std::process::ExitCode;
use tidelog_server::Program;

fn main() -> ExitCode {
    Program::default().run()
}
