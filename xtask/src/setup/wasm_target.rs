//! A toolchain that compiles for `wasm32-unknown-unknown`.
//!
//! The active toolchain if it has the target or rustup can add it; otherwise, and where `TIDELOG_WASM_TOOLCHAIN=debian` asks
//! for it, one put together from Debian's packages ([`debian_toolchain`]).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Setup, debian_toolchain};
use crate::error::Error;
use crate::process;
use crate::progress::Progress;
use crate::workspace::Workspace;

/// The target of everything that runs in the browser.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The target is 20 MB; where the server can't be reached, rustup tries for minutes.
const ADD_LIMIT: Duration = Duration::from_secs(180);

/// The folder of the fallback toolchain if builds are to use it and it is in place.
pub(super) fn linked_fallback(workspace: &Workspace) -> Option<PathBuf> {
    let wanted = debian_is_wanted() || !active_has_target();
    if wanted { debian_toolchain::ready(workspace) } else { None }
}

/// Finds or installs the target.
pub(super) fn require(setup: &mut Setup) -> Result<(), Error> {
    if setup.wasm_toolchain.is_some() || (!debian_is_wanted() && active_has_target()) {
        return Ok(());
    }
    setup.may_install(&format!("the target {TARGET}"), &format!("rustup target add {TARGET}"))?;
    if !debian_is_wanted() && add_with_rustup(setup)? {
        return Ok(());
    }
    setup.wasm_toolchain = Some(debian_toolchain::install(setup)?);
    Ok(())
}

fn debian_is_wanted() -> bool {
    std::env::var_os("TIDELOG_WASM_TOOLCHAIN").is_some_and(|value| value == "debian")
}

/// Whether the active toolchain has the target's standard library.
fn active_has_target() -> bool {
    let mut rustc = std::process::Command::new("rustc");
    let folder = process::answer(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    folder.is_some_and(|folder| has_standard_library(Path::new(&folder)))
}

/// Whether a folder holds a compiled standard library.
pub(super) fn has_standard_library(folder: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(folder) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

/// Whether rustup could add the target. Not being able to is no error: there is another way.
fn add_with_rustup(setup: &Setup) -> Result<bool, Error> {
    if setup.find("rustup").is_none() {
        return Ok(false);
    }
    let name = "setup target";
    let log = setup.workspace().log(name)?;
    let mut progress = Progress::start(name, &format!("rustup target add {TARGET}"));
    let mut command = setup.command("rustup");
    match process::run(command.args(["target", "add", TARGET]), &log, ADD_LIMIT, &mut progress) {
        Ok(finished) if finished.success && active_has_target() => {
            progress.end("installed");
            Ok(true)
        }
        Ok(_) | Err(Error::TimedOut { .. }) => {
            progress.end("rustup can't get it here: building it from Debian's packages instead");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
