//! The sync server, optimized.

use std::path::PathBuf;

use crate::error::Error;
use crate::setup::Setup;
use crate::step;
use crate::workspace::Workspace;

pub(super) fn build(setup: &Setup) -> Result<(), Error> {
    let mut cargo = setup.command("cargo");
    cargo.args(["build", "--package", "tidelog-server", "--release"]);
    step::run(setup.workspace(), "build server", "cargo build -p tidelog-server --release", &mut cargo)
}

/// Where it is once it is built.
pub(crate) fn server_binary(workspace: &Workspace) -> PathBuf {
    workspace.target().join("release/tidelog-server")
}
