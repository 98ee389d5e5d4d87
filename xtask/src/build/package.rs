//! The npm package and the demo page: each has a build script of its own.

use crate::error::Error;
use crate::setup::{Setup, npm_run, package_scripts};
use crate::step;

/// Runs the build script of `folder`, which must make the file `result`.
pub(super) fn build(setup: &Setup, folder: &str, result: &str) -> Result<(), Error> {
    let workspace = setup.workspace();
    if !package_scripts(workspace, folder)?.iter().any(|script| script == "build") {
        return Err(Error::Missing(format!("{folder}/package.json has no script `build`")));
    }
    let step = format!("build {folder}");
    step::run(workspace, &step, &format!("npm run build -w {folder}"), &mut npm_run(setup, "build", folder))?;
    if workspace.path(result).is_file() {
        return Ok(());
    }
    Err(Error::Missing(format!("npm run build -w {folder} ended well and made no {result}")))
}
