//! For tests: contract suites, deterministic surroundings and faults to inject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)] // tests, all of it

#[cfg(target_arch = "wasm32")]
mod browser;
mod database;
mod faulty;
pub mod log_contract;
mod sample;
pub mod store_contract;
mod surroundings;

#[cfg(target_arch = "wasm32")]
pub use browser::BrowserDatabase;
pub use database::{Database, flip_bit, overwrite, rows};
pub use faulty::{Fault, Faults, FaultyStore};
pub use sample::{NOW, Samples, confirm, stream};
pub use surroundings::ManualEnvironment;
