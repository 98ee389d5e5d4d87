//! The Rust of the guide's pages, run as doc tests: one module a page that has any.
#![allow(rustdoc::invalid_codeblock_attributes)] // `no-run` is a word of the TypeScript blocks

#[doc = include_str!("../docs/guide/02-aggregates.md")]
mod aggregates {}

#[doc = include_str!("../docs/guide/03-commands.md")]
mod commands {}

#[doc = include_str!("../docs/guide/04-snapshots.md")]
mod snapshots {}

#[doc = include_str!("../docs/guide/06-projections.md")]
mod projections {}

#[doc = include_str!("../docs/guide/07-queries.md")]
mod queries {}

#[doc = include_str!("../docs/guide/11-testing.md")]
mod testing {}

#[doc = include_str!("../docs/guide/09-replay-and-time-travel.md")]
mod replay_and_time_travel {}

#[doc = include_str!("../docs/guide/14-rust-aggregates-in-your-own-wasm.md")]
mod rust_aggregates_in_your_own_wasm {}

#[doc = include_str!("../docs/guide/12-export-and-import.md")]
mod export_and_import {}
