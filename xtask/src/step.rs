//! A command with its progress lines and its log.

use std::process::Command;
use std::time::Duration;

use crate::error::Error;
use crate::process::{self, Finished};
use crate::progress::Progress;
use crate::workspace::Workspace;

/// Longer than any single command takes on a slow machine with empty caches.
pub(crate) const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs one command that must succeed.
///
/// # Errors
/// [`Error::Failed`] after its output's end has been printed, and what [`process::run`] says.
pub(crate) fn run(
    workspace: &Workspace,
    name: &str,
    doing: &str,
    command: &mut Command,
) -> Result<(), Error> {
    all(workspace, name, doing, std::slice::from_mut(command))
}

/// Runs commands one after the other as a single step; each must succeed.
///
/// # Errors
/// Those of [`run`].
pub(crate) fn all(
    workspace: &Workspace,
    name: &str,
    doing: &str,
    commands: &mut [Command],
) -> Result<(), Error> {
    let log = workspace.log(name)?;
    let _ = std::fs::remove_file(&log);
    let mut progress = Progress::start(name, doing);
    for command in commands {
        match process::run(command, &log, LIMIT, &mut progress) {
            Ok(Finished { success: true, .. }) => {}
            Ok(Finished { log, .. }) => {
                progress.fail("see above", &log);
                return Err(Error::Failed { step: name.into(), log: Some(log) });
            }
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                progress.fail(&error.to_string(), &log);
                return Err(error);
            }
        }
    }
    progress.end("done");
    Ok(())
}
