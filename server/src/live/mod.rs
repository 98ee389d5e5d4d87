//! News as it comes: a stream of server-sent events, or one answer that waits.
//!
//! Both follow a log by its cursor: they listen to the storage's bell, and also look at each heartbeat, because a bell is only a
//! hint. Nothing is read before the client took what was read before, so a slow one costs one page; one that takes nothing at all is cut
//! off by [`Limits::stall_timeout`](crate::Limits::stall_timeout).

mod control;
mod places;
mod stopping;
mod stream;
mod tail;
mod wait;

pub(crate) use places::Places;
pub(crate) use stopping::{Stopper, Stopping};
pub(crate) use stream::{is_wanted, last_id, stream};
pub(crate) use tail::{Next, Tail, Wanted};
pub(crate) use wait::{MAX_WAIT, check_wait, wait};
