//! `cargo xtask lint`: formatting, clippy, TypeScript, and what no linter knows.

mod files;

use std::process::Command;

use crate::build::{Build, Part};
use crate::error::Error;
use crate::setup::{Need, Setup, TARGET, npm_run};
use crate::step;
use crate::test::with_script;

type Check = fn(&mut Setup) -> Result<(), Error>;

/// Runs every check, also after one that failed.
pub(crate) fn run(setup: &mut Setup) -> Result<(), Error> {
    let mut failed = Vec::new();
    let checks: [(&str, Check); 5] = [
        ("lint files", files::check),
        ("lint format", format),
        ("lint clippy", clippy),
        ("lint wasm", clippy_wasm),
        ("lint npm", typescript),
    ];
    for (name, check) in checks {
        match check(setup) {
            Ok(()) => {}
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                error.report();
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        println!("lint           ok");
        return Ok(());
    }
    Err(Error::Checks(format!("{} found something", failed.join(", "))))
}

fn format(setup: &mut Setup) -> Result<(), Error> {
    // the fuzz targets are not of the workspace
    let mut commands = [&["--all"][..], &["--manifest-path", "fuzz/Cargo.toml"]].map(|which| {
        let mut cargo = setup.command("cargo");
        cargo.arg("fmt").args(which).arg("--check");
        cargo
    });
    step::all(setup.workspace(), "lint format", "cargo fmt --check", &mut commands)
}

fn clippy(setup: &mut Setup) -> Result<(), Error> {
    let mut cargo = setup.command("cargo");
    cargo.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "tidelog/testing",
        "--",
        "-D",
        "warnings",
    ]);
    step::run(setup.workspace(), "lint clippy", "cargo clippy --workspace --all-targets", &mut cargo)
}

fn clippy_wasm(setup: &mut Setup) -> Result<(), Error> {
    setup.require(&[Need::WasmTarget])?;
    let mut cargo = setup.wasm_command("cargo");
    cargo.args([
        "clippy",
        "--package",
        "tidelog",
        "--package",
        "tidelog-authority",
        "--lib",
        "--tests",
        "--target",
        TARGET,
        "--",
        "-D",
        "warnings",
    ]);
    step::run(setup.workspace(), "lint wasm", &format!("cargo clippy --target {TARGET}"), &mut cargo)
}

fn typescript(setup: &mut Setup) -> Result<(), Error> {
    setup.require(&[Need::Npm])?;
    // the demo is checked against the types that the package is built with
    Build::default().make(setup, &[Part::Package])?;
    for (name, script) in [("lint npm", "lint"), ("lint types", "typecheck")] {
        let mut commands: Vec<Command> = with_script(setup.workspace(), script)?
            .iter()
            .map(|folder| npm_run(setup, script, folder))
            .collect();
        step::all(setup.workspace(), name, &format!("npm run {script} in each package"), &mut commands)?;
    }
    Ok(())
}
