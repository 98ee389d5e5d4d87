//! `cargo xtask simulate`: random histories of devices, network and server.

use std::ffi::OsString;
use std::process::Stdio;

use crate::error::Error;
use crate::setup::Setup;

/// Builds the simulator and hands `words` to it; it writes to the terminal.
pub(crate) fn run(setup: &Setup, words: &[OsString]) -> Result<(), Error> {
    // in our own process group: Ctrl-C on the terminal reaches it as it reaches us
    let status = setup
        .command("cargo")
        .args(["run", "--quiet", "--profile", "simulate", "--package", "tidelog-simulator", "--"])
        .args(words)
        .stdin(Stdio::inherit())
        .status()
        .map_err(Error::io("starting cargo"))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { step: "the simulation".into(), log: None }) }
}
