//! The suite: every test over any database.
#![allow(unreachable_pub)] // the entries name them

mod pending;
mod purse;
mod taking;
mod trusting;

pub use pending::*;
pub use taking::*;
pub use trusting::*;
