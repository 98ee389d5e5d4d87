//! What the binary does beside serving: each command prints what it did, one line a thing, and ends.

mod archive;
mod backup;
mod contents;
mod copy;
mod migrate;
mod named;
mod openapi;
mod telling;
mod verify;

pub(crate) use archive::archive;
pub(crate) use backup::{backup, restore};
pub(crate) use contents::{show, streams};
pub(crate) use copy::copy;
pub(crate) use migrate::migrate;
pub(crate) use openapi::openapi;
pub(crate) use verify::{logs, verify};

use std::{
    error::Error,
    io::{Write, stdout},
};

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(stdout(), "{line}")?)
}
