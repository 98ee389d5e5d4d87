//! The Rust of the guide's pages, run as doc tests: one module a page that has any.

#[doc = include_str!("../docs/guide/02-aggregates.md")]
mod aggregates {}

#[doc = include_str!("../docs/guide/03-commands.md")]
mod commands {}

#[doc = include_str!("../docs/guide/11-testing.md")]
mod testing {}
