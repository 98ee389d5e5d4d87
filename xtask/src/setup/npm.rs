//! Node and the npm packages that the lock file names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setup;
use crate::error::Error;
use crate::process::{self, Finished};
use crate::progress::Progress;
use crate::step;
use crate::workspace::Workspace;

/// The oldest major version of Node that will do.
const NODE: u32 = 20;

/// The packages of the workspace.
pub(super) const WORKSPACE: &str = ".";

/// The stores that stand beside ours under load. They are not of the workspace: only who measures needs them.
pub(super) const PEERS: &str = "load/peers";

/// Installs the packages of a folder if they aren't those of its lock file.
pub(super) fn require(setup: &Setup, folder: &str) -> Result<(), Error> {
    node(setup)?;
    let workspace = setup.workspace();
    let place = workspace.path(folder);
    let (lock, stamp) = (place.join("package-lock.json"), stamp(&place));
    if fs::read(&lock).is_ok_and(|lock| fs::read(&stamp).is_ok_and(|installed| installed == lock)) {
        return Ok(());
    }
    setup.may_install("what package-lock.json names", &format!("npm ci --prefix {folder}"))?;
    let name = "setup npm";
    let log = workspace.log(name)?;
    let _ = fs::remove_file(&log);
    let mut progress = Progress::start(name, "npm ci");
    let mut install = |command: &str| {
        let mut npm = setup.command("npm");
        npm.current_dir(&place).args([command, "--no-audit", "--no-fund"]);
        process::run(&mut npm, &log, step::LIMIT, &mut progress)
    };
    let mut finished = install("ci")?;
    let outcome = if !finished.success && std::env::var_os("CI").is_none() && lock_lags_behind(&finished) {
        finished = install("install")?;
        "installed; package-lock.json did not fit the package.json files and was updated: commit it"
    } else {
        "installed"
    };
    if !finished.success {
        progress.fail("npm can't install the packages", &log);
        return Err(Error::Failed { step: name.into(), log: Some(log) });
    }
    progress.end(outcome);
    fs::copy(&lock, stamp).map_err(Error::io("noting what npm installed"))?;
    Ok(())
}

fn node(setup: &Setup) -> Result<(), Error> {
    let version = process::answer(setup.command("node").arg("--version")).unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= NODE => Ok(()),
        Some(_) => Err(Error::Missing(format!(
            "Node {NODE} or newer is needed and {version} is here: https://nodejs.org"
        ))),
        None => Err(Error::Missing(format!("Node {NODE} or newer is needed: https://nodejs.org"))),
    }
}

/// A copy of the lock file that was installed, inside what it describes.
fn stamp(folder: &Path) -> PathBuf {
    folder.join("node_modules/.tidelog-lock.json")
}

/// Whether `npm ci` gave up because a package.json asks for something else than the lock file says.
fn lock_lags_behind(finished: &Finished) -> bool {
    fs::read_to_string(&finished.log).is_ok_and(|log| log.contains("EUSAGE"))
}

/// The names of the scripts in the package.json of a folder, such as `pkg`.
///
/// # Errors
/// [`Error::Missing`] if there is no such file or it is no package description.
pub(crate) fn package_scripts(workspace: &Workspace, folder: &str) -> Result<Vec<String>, Error> {
    let path = format!("{folder}/package.json");
    let text = fs::read_to_string(workspace.path(&path)).map_err(|_| {
        Error::Missing(format!("{path} is not there: nothing in {folder}/ can be built or tested"))
    })?;
    let package: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| Error::Missing(format!("{path} is no JSON: {error}")))?;
    let scripts = package["scripts"].as_object();
    Ok(scripts.map(|scripts| scripts.keys().cloned().collect()).unwrap_or_default())
}

/// `npm run SCRIPT -w FOLDER`.
pub(crate) fn npm_run(setup: &Setup, script: &str, folder: &str) -> Command {
    let mut npm = setup.command("npm");
    npm.args(["run", "--silent", script, "-w", folder]);
    npm
}
