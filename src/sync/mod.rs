//! Bringing pending commits home.
//!
//! [`protocol`] are the messages, [`machine`] decides what to do next ([`live`]: how it hears of news), [`rebase`] brings pending commits onto what others did:
//! all of them are pure. [`transport`] is the contract of the network; the engine's driver connects them.

mod archived;
mod flat;
pub mod follow;
pub mod live;
pub mod machine;
pub mod protocol;
pub mod rebase;
pub mod transport;
