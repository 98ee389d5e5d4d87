//! The core for the browser: compiled, given its JavaScript glue by wasm-bindgen, made small by wasm-opt.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::setup::{Setup, TARGET};
use crate::step;

/// What wasm-bindgen makes in pkg/wasm/ and the package is built from.
const RESULTS: [&str; 4] = ["tidelog.js", "tidelog.d.ts", "tidelog_bg.wasm", "tidelog_bg.wasm.d.ts"];

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
    let workspace = setup.workspace();
    let out = workspace.path("pkg/wasm");
    let compiled = workspace.target().join(TARGET).join("wasm/tidelog.wasm");

    // as one crate-type only: beside an rlib it would be built without link-time optimization
    let mut cargo = setup.wasm_command("cargo");
    cargo.args([
        "rustc",
        "--package",
        "tidelog",
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        TARGET,
        "--profile",
        "wasm",
    ]);
    step::run(workspace, "build wasm", "cargo rustc --profile wasm", &mut cargo)?;

    let stamp = workspace.scratch()?.join("wasm.stamp");
    let state = || fingerprint(&compiled, &out).map(|print| print.to_string());
    if state().is_some_and(|state| fs::read_to_string(&stamp).is_ok_and(|old| old == state)) {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&out);
    let mut bindgen = setup.command("wasm-bindgen");
    bindgen.args(["--target", "web", "--out-name", "tidelog", "--out-dir"]).arg(&out).arg(&compiled);
    let wasm = out.join("tidelog_bg.wasm");
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
fn fingerprint(compiled: &Path, out: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let files = RESULTS.iter().map(|name| out.join(name));
    for file in std::iter::once(PathBuf::from(compiled)).chain(files) {
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
