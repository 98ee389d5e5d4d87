//! Programs that cargo installs, into a folder of our own, each in the version that fits.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Setup;
use crate::error::Error;
use crate::process;
use crate::progress::Progress;
use crate::step;

/// A program that cargo installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `wasm-bindgen` and `wasm-bindgen-test-runner`, in exactly the version of the library.
    WasmBindgen,
    /// `wasm-pack`.
    WasmPack,
    /// What drives Firefox.
    Geckodriver,
    /// `cargo fuzz`.
    CargoFuzz,
}

impl Tool {
    pub(crate) const ALL: [Tool; 4] = [Tool::WasmBindgen, Tool::WasmPack, Tool::Geckodriver, Tool::CargoFuzz];

    fn package(self) -> &'static str {
        match self {
            Tool::WasmBindgen => "wasm-bindgen-cli",
            Tool::WasmPack => "wasm-pack",
            Tool::Geckodriver => "geckodriver",
            Tool::CargoFuzz => "cargo-fuzz",
        }
    }

    /// The programs it consists of.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Tool::WasmBindgen => &["wasm-bindgen", "wasm-bindgen-test-runner"],
            Tool::WasmPack => &["wasm-pack"],
            Tool::Geckodriver => &["geckodriver"],
            Tool::CargoFuzz => &["cargo-fuzz"],
        }
    }

    /// The version that is installed if there is none that fits.
    fn version(self, lock: &str) -> Option<String> {
        match self {
            Tool::WasmBindgen => locked_version(lock, "wasm-bindgen"),
            Tool::WasmPack => Some("0.15.1".into()),
            Tool::Geckodriver => Some("0.37.1".into()),
            Tool::CargoFuzz => Some("0.13.2".into()),
        }
    }

    /// Whether a program found elsewhere will do.
    fn fits(self, found: &str, wanted: &str) -> bool {
        match self {
            Tool::WasmBindgen => found == wanted,
            Tool::WasmPack | Tool::Geckodriver | Tool::CargoFuzz => numbers(found) >= numbers(wanted),
        }
    }
}

/// Finds or installs `tool`.
pub(super) fn require(setup: &Setup, tool: Tool) -> Result<(), Error> {
    let lock = setup.workspace().path("Cargo.lock");
    let lock = fs::read_to_string(&lock).map_err(Error::io("reading Cargo.lock"))?;
    let package = tool.package();
    let wanted = tool
        .version(&lock)
        .ok_or_else(|| Error::Missing(format!("Cargo.lock names no version that {package} must have")))?;
    let there = |program: &str| {
        let Some(path) = setup.find(program) else { return false };
        program_version(&path).is_some_and(|found| tool.fits(&found, &wanted))
    };
    if tool.programs().iter().all(|program| there(program)) {
        return Ok(());
    }
    let root = setup.workspace().cache().join("tools");
    let by_hand = format!("cargo install {package} --version {wanted} --root {}", root.display());
    setup.may_install(&format!("{package} {wanted}"), &by_hand)?;

    let install = |locked: bool| {
        let mut command = setup.command("cargo");
        // made small in time rather than fast: they work for seconds, and compiling them takes minutes
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        command.args(["install", package, "--version", &wanted, "--force", "--root"]).arg(&root);
        // its own target folder is a temporary one unless somebody set another for this repository
        command.current_dir(setup.workspace().cache()).env_remove("CARGO_TARGET_DIR");
        if locked {
            command.arg("--locked");
        }
        command
    };
    fs::create_dir_all(&root).map_err(Error::io(format!("making {}", root.display())))?;

    let name = format!("setup {package}");
    let log = setup.workspace().log(&name)?;
    let _ = fs::remove_file(&log);
    let mut progress = Progress::start(&name, &format!("cargo install {package} {wanted}"));
    // a registry's mirror may lag behind the versions that the lock file of the tool names
    for locked in [true, false] {
        if process::run(&mut install(locked), &log, step::LIMIT, &mut progress)?.success {
            progress.end("installed");
            return Ok(());
        }
    }
    progress.fail("cargo can't install it", &log);
    Err(Error::Failed { step: name, log: Some(log) })
}

/// The version in what `PROGRAM --version` prints first.
fn program_version(program: &Path) -> Option<String> {
    let text = process::answer(Command::new(program).arg("--version"))?;
    let words = text.lines().next()?.split_whitespace();
    words.map(str::to_owned).find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// The version of a package in Cargo.lock.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

/// `0.37.1` as numbers that compare rightly.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_says_which_version_of_wasm_bindgen() {
        let lock = "[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\nsource = \"…\"\n";
        assert_eq!(Tool::WasmBindgen.version(lock).as_deref(), Some("0.2.130"));
        assert_eq!(
            Tool::WasmBindgen.version("[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.80\"\n"),
            None
        );
    }

    #[test]
    fn wasm_bindgen_must_be_exact_and_the_others_new_enough() {
        assert!(Tool::WasmBindgen.fits("0.2.130", "0.2.130"));
        assert!(!Tool::WasmBindgen.fits("0.2.131", "0.2.130"));
        assert!(Tool::Geckodriver.fits("0.40.0", "0.37.1"));
        assert!(!Tool::Geckodriver.fits("0.9.0", "0.37.1"));
    }
}
