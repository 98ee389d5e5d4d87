//! Ctrl-C and requests to terminate: noted here, acted upon by whoever waits.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Notes SIGINT, SIGTERM and SIGHUP from now on instead of dying of them, so that children are stopped first.
pub(crate) fn listen() -> Result<(), Error> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::SeqCst))
        .map_err(|error| Error::Missing(format!("no handler for Ctrl-C can be set: {error}")))
}

/// Whether someone asked to stop.
pub(crate) fn requested() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}
