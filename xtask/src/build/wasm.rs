//! The core for the browser, and the authority for the testing kit: compiled, given their JavaScript glue by wasm-bindgen, made
//! small by wasm-opt.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::setup::{Setup, TARGET};
use crate::step;

/// The crates, and the name that their files have in pkg/wasm/.
const CRATES: [(&str, &str); 2] = [("tidelog", "tidelog"), ("tidelog-authority", "authority")];

/// What wasm-bindgen makes of each, and the package is built from.
const RESULTS: [&str; 4] = [".js", ".d.ts", "_bg.wasm", "_bg.wasm.d.ts"];

/// The features that the compiler and wasm-bindgen use today; all are in every browser since 2022 or before.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-multivalue",
    "--enable-reference-types",
];

/// Makes pkg/wasm/. Does nothing if neither the code nor what was made of it has changed.
pub(super) fn build(setup: &Setup) -> Result<(), Error> {
    CRATES.iter().try_for_each(|(package, name)| build_one(setup, package, name))
}

fn build_one(setup: &Setup, package: &str, name: &str) -> Result<(), Error> {
    let workspace = setup.workspace();
    let out = workspace.path("pkg/wasm");
    let compiled =
        workspace.target().join(TARGET).join("wasm").join(format!("{}.wasm", package.replace('-', "_")));

    // as one crate-type only: beside an rlib it would be built without link-time optimization
    let mut cargo = setup.wasm_command("cargo");
    cargo.args([
        "rustc",
        "--package",
        package,
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        TARGET,
        "--profile",
        "wasm",
    ]);
    let shown = format!("cargo rustc --package {package} --profile wasm");
    step::run(workspace, "build wasm", &shown, &mut cargo)?;

    let stamp = workspace.scratch()?.join(format!("{name}.stamp"));
    let results = RESULTS.map(|ending| out.join(format!("{name}{ending}")));
    let state = || fingerprint(&compiled, &results).map(|print| print.to_string());
    if state().is_some_and(|state| fs::read_to_string(&stamp).is_ok_and(|old| old == state)) {
        return Ok(());
    }
    for result in &results {
        // what is not there need not go
        let _ = fs::remove_file(result);
    }
    let mut bindgen = setup.command("wasm-bindgen");
    bindgen.args(["--target", "web", "--out-name", name, "--out-dir"]).arg(&out).arg(&compiled);
    let wasm = out.join(format!("{name}_bg.wasm"));
    let mut optimize = setup.command(workspace.path("node_modules/.bin/wasm-opt"));
    optimize.args(["-Oz", "--strip-debug", "--strip-producers"]).args(FEATURES);
    optimize.arg(&wasm).arg("--output").arg(&wasm);
    step::all(workspace, "build glue", "wasm-bindgen, wasm-opt", &mut [bindgen, optimize])?;
    if let Some(state) = state() {
        fs::write(&stamp, state).map_err(Error::io("noting what was built"))?;
    }
    Ok(())
}

/// Of the input and the results together, so that a result changed by someone else is made anew; `None` if a file is missing.
fn fingerprint(compiled: &Path, results: &[PathBuf]) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for file in std::iter::once(compiled).chain(results.iter().map(PathBuf::as_path)) {
        fs::read(file).ok()?.hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// What a test run in a browser wants in its environment.
pub(crate) const TEST_ENVIRONMENT: [(&str, &str); 2] = [
    // skip, as wasm-pack does, what is meant for Node
    ("WASM_BINDGEN_TEST_ONLY_WEB", "1"),
    // seconds for one test file; its default of 20 is short for a log of a hundred thousand events
    ("WASM_BINDGEN_TEST_TIMEOUT", "600"),
];

/// Compiles the tests of the root crate for the browser.
pub(super) fn compile_tests(setup: &Setup) -> Result<(), Error> {
    let mut cargo = setup.wasm_command("cargo");
    cargo.args(["test", "--package", "tidelog", "--target", TARGET, "--tests", "--no-run"]);
    step::run(
        setup.workspace(),
        "build tests",
        "cargo test --target wasm32-unknown-unknown --no-run",
        &mut cargo,
    )
}
