//! Middleware where the network comes in: it stands where the app asks, and nowhere else.

use super::{
    domain::complete,
    network::Network,
    world::{Device, World, run},
};
use futures_util::future::LocalBoxFuture;
use std::{cell::Cell, rc::Rc};
use tidelog::{
    engine::{CommandContext, Middleware, NextCommand, Receipt, WriteError, WriteOptions},
    log::MemoryStore,
};

/// Lets a few commands through.
struct Turnstile(Rc<Cell<u32>>);

impl Middleware for Turnstile {
    fn command<'a>(
        &'a self,
        context: CommandContext,
        next: NextCommand<'a>,
    ) -> LocalBoxFuture<'a, Result<Receipt, WriteError>> {
        let Some(left) = self.0.get().checked_sub(1) else {
            return Box::pin(async { Err(WriteError::refused("enough", "enough for today")) });
        };
        self.0.set(left);
        next.run(context)
    }
}

/// A tablet completed a lesson on a train and may do nothing more since. When its stream turns out to have moved, the pending command
/// is decided again all the same: that it may be given was settled on the train. Giving a rejected command again is asking anew.
#[test]
fn a_rebase_asks_no_middleware_and_a_retry_does() {
    run(async {
        let world = World::new();
        let phone = world.device(1).await;
        let left = Rc::new(Cell::new(2));
        let network = Network::new(Rc::clone(&world.server));
        let turnstile: Vec<Rc<dyn Middleware>> = vec![Rc::new(Turnstile(Rc::clone(&left)))];
        let tablet = Device::open_with(MemoryStore::new(), 2, network, turnstile).await;
        tablet.complete("l1").await;
        tablet.complete("l2").await;
        assert_eq!(left.get(), 0);
        phone.complete("l1").await;
        phone.sync().await;
        tablet.sync().await;
        let rejected = tablet.rejected().await;
        assert_eq!(rejected.len(), 1, "l1 was completed on the phone first");
        assert_eq!(tablet.confirmed().await.len(), 2, "l2 was decided again");

        let id = rejected[0].commit.id;
        let refused = tablet.engine.retry(id).await.unwrap_err();
        assert_eq!(refused.to_string(), "enough for today");
        left.set(1);
        let refused = tablet.engine.retry(id).await.unwrap_err();
        assert_eq!((refused.to_string().as_str(), left.get()), ("lesson l1 is completed already", 0));
        let barred = tablet.engine.execute("course", "ada", complete("l9"), WriteOptions::default()).await;
        assert_eq!(barred.unwrap_err().code(), "refused");
    });
}
