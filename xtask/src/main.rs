//! The commands of the repository: `cargo xtask demo | test | build | lint | size | setup | env | import`.
//!
//! Each command asks [`setup`] for the parts it needs (the wasm target, the tools, browsers, npm packages), has
//! [`build`] make what it runs on, and then does its own work. Everything it starts is a plain command that can be typed
//! by hand; its output goes to a log file, one line of progress to the terminal.

#[cfg(not(unix))]
compile_error!("cargo xtask runs on Linux and macOS; on Windows use WSL");

mod arguments;
mod build;
mod demo;
mod error;
mod fuzz;
mod import;
mod interrupt;
mod lint;
mod load;
mod process;
mod progress;
mod setup;
mod simulate;
mod size;
mod step;
mod test;
mod workspace;

use std::process::ExitCode;

use crate::arguments::Arguments;
use crate::error::Error;
use crate::setup::Setup;
use crate::workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Error> {
    let arguments = Arguments::parse(arguments)?;
    if let Arguments::Help = arguments {
        print!("{}", arguments::USAGE);
        return Ok(());
    }
    interrupt::listen()?;
    let workspace = Workspace::find()?;
    let setup = |install| Setup::new(&workspace, install);
    match arguments {
        Arguments::Help => Ok(()),
        Arguments::Demo { port, data, install } => demo::run(&mut setup(install), port, data),
        Arguments::Test { only, install } => test::run(&mut setup(install), only.as_deref()),
        Arguments::Build { only, install } => build::run(&mut setup(install), only),
        Arguments::Lint { install } => lint::run(&mut setup(install)),
        Arguments::Size { install } => size::run(&mut setup(install)),
        Arguments::Setup { install } => setup::run(&mut setup(install)),
        Arguments::Env => setup::print_environment(&setup(false)),
        Arguments::Load { rest, install } => load::run(&mut setup(install), &rest),
        Arguments::Import { rest, install } => import::run(&mut setup(install), &rest),
        Arguments::Fuzz { target, seconds, install } => {
            fuzz::run(&mut setup(install), target.as_deref(), seconds)
        }
        Arguments::Simulate { rest } => simulate::run(&setup(false), &rest),
    }
}
