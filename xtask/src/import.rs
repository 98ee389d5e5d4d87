//! `cargo xtask import`: real learning data through the whole path, timed.

use std::ffi::OsString;
use std::process::Stdio;

use crate::build::{Build, Part, server_binary};
use crate::error::Error;
use crate::setup::{Browser, Need, Setup};

const SCRIPT: &str = "tests/e2e/import.js";

/// Builds everything and hands `words` to the script, which writes to the terminal.
pub(crate) fn run(setup: &mut Setup, words: &[OsString]) -> Result<(), Error> {
    if !setup.workspace().path(SCRIPT).is_file() {
        return Err(Error::Missing(format!("{SCRIPT} is not there")));
    }
    setup.require(&[Need::Npm, Need::Browser(Browser::Chromium)])?;
    Build::default().make(setup, &[Part::Package, Part::Server, Part::Www])?;
    // in our own process group: Ctrl-C on the terminal reaches it as it reaches us
    let status = setup
        .command("node")
        .arg(SCRIPT)
        .args(words)
        .env("TIDELOG_SERVER_BIN", server_binary(setup.workspace()))
        .env("TIDELOG_CHROMIUM", setup.chromium().unwrap_or_default())
        .stdin(Stdio::inherit())
        .status()
        .map_err(Error::io("starting node"))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { step: SCRIPT.into(), log: None }) }
}
