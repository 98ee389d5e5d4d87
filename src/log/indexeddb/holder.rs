//! Who holds a database, and is told what others want of it.

use crate::log::store::Closing;
use futures_util::future::LocalBoxFuture;

/// Whoever opened a database.
pub trait Holder {
    /// The database can't be brought to this format, because somebody holds it open in an older one and does not let go: a frozen tab,
    /// mostly. Opening goes on waiting until this resolves, and then gives up.
    fn blocked(&self) -> LocalBoxFuture<'static, ()>;

    /// Somebody else needed the database: the connection is closed, and not opened again.
    fn taken_away(&self, why: Closing);
}

/// Nobody who could be told: gives up at once.
pub(super) struct Nobody;

impl Holder for Nobody {
    fn blocked(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn taken_away(&self, _: Closing) {}
}
