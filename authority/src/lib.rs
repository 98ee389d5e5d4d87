//! The authority of a log for JavaScript: what `tidelog/testing` plays as the server. See `tidelog::authority`.

#[cfg(target_arch = "wasm32")]
mod authority;
#[cfg(target_arch = "wasm32")]
pub use authority::Authority;
