//! Compression of snapshots, which comes from outside: browsers have their own.

use futures_util::future::LocalBoxFuture;

/// Compresses and restores. None means that it can't, here or these bytes: then a snapshot is stored as it is, or one that was
/// compressed counts as unreadable.
pub trait Compression {
    /// Makes bytes smaller.
    fn compress(&self, bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>>;
    /// Restores what [`Compression::compress`] made.
    fn decompress(&self, bytes: Vec<u8>) -> LocalBoxFuture<'static, Option<Vec<u8>>>;
}
