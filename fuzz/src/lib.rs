//! What the fuzz targets have in common: an app with rules, and ways to damage what was good.
//!
//! Random bytes hardly ever get past the first bracket. So each target makes something good first (a push, a page, a log on
//! the disk, an export), and the fuzzer chooses what is done to it.
//!
//! The bodies of the targets are here rather than in `targets`, so that the engine is compiled once for all of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "whatever goes wrong shall be found"
)]

pub mod answer;
mod app;
mod edit;
pub mod import;
pub mod request;
pub mod rows;
#[path = "../../tests/support/mod.rs"]
mod support;

use app::{engine, exercise};
use edit::{Edit, damage};
use support::complete;
