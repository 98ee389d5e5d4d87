//! `cargo xtask load`: the server under load, beside other event stores. See the folder `load`.

use std::ffi::OsString;
use std::process::Stdio;

use crate::build::{Build, Part, server_binary};
use crate::error::Error;
use crate::setup::{Need, Setup};

/// Builds the server and hands `words` to the program that measures; it writes to the terminal, and as JSON into a file of ours.
pub(crate) fn run(setup: &mut Setup, words: &[OsString]) -> Result<(), Error> {
    setup.require(&[Need::Postgres, Need::Peers])?;
    Build::default().make(setup, &[Part::Server])?;
    // in our own process group: Ctrl-C on the terminal reaches it as it reaches us
    let status = setup
        .command("node")
        .arg("load/main.js")
        .arg("--json")
        .arg(setup.workspace().scratch()?.join("load.json"))
        .args(words)
        .env("TIDELOG_SERVER_BIN", server_binary(setup.workspace()))
        .env("TIDELOG_POSTGRES_BIN", setup.postgres().unwrap_or_default())
        .stdin(Stdio::inherit())
        .status()
        .map_err(Error::io("starting node"))?;
    if status.success() { Ok(()) } else { Err(Error::Failed { step: "the load".into(), log: None }) }
}
