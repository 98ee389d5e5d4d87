//! The core for the browser, the authority for the testing kit, and the examples' own modules: compiled, given their JavaScript glue by
//! wasm-bindgen, made small by wasm-opt.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::short_names;
use crate::error::Error;
use crate::setup::{Setup, TARGET};
use crate::step;

/// A crate that becomes a wasm module.
struct Module<'a> {
    /// The cargo package.
    package: &'a str,
    /// The name of its library.
    library: &'a str,
    /// The name that its files get.
    name: &'a str,
    /// The folder that gets them.
    out: PathBuf,
}

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

/// Makes pkg/wasm/.
pub(super) fn build(setup: &Setup) -> Result<(), Error> {
    let out = || setup.workspace().path("pkg/wasm");
    let core = Module { package: "tidelog", library: "tidelog", name: "tidelog", out: out() };
    let authority =
        Module { package: "tidelog-authority", library: "tidelog_authority", name: "authority", out: out() };
    core.build(setup)?;
    authority.build(setup)
}

/// Makes the modules of the examples that are written in Rust, each in the folder `rust/wasm` of its example.
pub(super) fn build_modules(setup: &Setup) -> Result<(), Error> {
    let examples = setup.workspace().path("examples");
    let listing = fs::read_dir(&examples).map_err(Error::io("listing the examples"))?;
    let mut folders: Vec<PathBuf> = listing.flatten().map(|entry| entry.path().join("rust")).collect();
    folders.sort();
    let mut found = false;
    for folder in folders {
        let manifest = folder.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let (Some(package), Some(name)) = names_in(&text) else {
            let manifest = setup.workspace().short(&manifest);
            return Err(Error::Missing(format!("{manifest} names no package, or no library under [lib]")));
        };
        Module { package: &package, library: &name, name: &name, out: folder.join("wasm") }.build(setup)?;
        found = true;
    }
    if found { Ok(()) } else { Err(Error::Missing("no example has a folder rust/ with a Cargo.toml".into())) }
}

/// The names of the package and of its library, in a manifest written as ours are: a line each.
fn names_in(manifest: &str) -> (Option<String>, Option<String>) {
    let name_under = |section: &str| {
        let lines = manifest.lines().skip_while(|line| line.trim() != section).skip(1);
        let mut lines = lines.take_while(|line| !line.starts_with('['));
        let value = lines.find_map(|line| line.strip_prefix("name = "))?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    (name_under("[package]"), name_under("[lib]"))
}

impl Module<'_> {
    /// Does nothing if neither the code nor what was made of it has changed.
    fn build(&self, setup: &Setup) -> Result<(), Error> {
        let workspace = setup.workspace();
        let Self { package, library, name, out } = self;
        let compiled = workspace.target().join(TARGET).join("wasm").join(format!("{library}.wasm"));

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
        bindgen.args(["--target", "web", "--out-name", name, "--out-dir"]).arg(out).arg(&compiled);
        let wasm = out.join(format!("{name}_bg.wasm"));
        let mut optimize = setup.command(workspace.path("node_modules/.bin/wasm-opt"));
        optimize.args(["-Oz", "--strip-debug", "--strip-producers"]).args(FEATURES);
        optimize.arg(&wasm).arg("--output").arg(&wasm);
        step::all(workspace, "build glue", "wasm-bindgen, wasm-opt", &mut [bindgen, optimize])?;
        let glue = [".js", ".d.ts", "_bg.wasm.d.ts"].map(|ending| out.join(format!("{name}{ending}")));
        short_names::shorten(setup, &FEATURES, &wasm, &glue)?;
        if let Some(state) = state() {
            fs::write(&stamp, state).map_err(Error::io("noting what was built"))?;
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_tells_the_package_and_its_library() {
        let manifest = "[package]\nname = \"a-b\"\n\n[lib]\nname = \"b\"\ncrate-type = [\"cdylib\"]\n";
        assert_eq!(names_in(manifest), (Some("a-b".into()), Some("b".into())));
        assert_eq!(names_in("[package]\n[lib]\nname = \"b\"\n"), (None, Some("b".into())));
    }
}
