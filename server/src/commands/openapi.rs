//! Printing the protocol.

use std::{
    error::Error,
    io::{Write, stdout},
};

/// Prints the OpenAPI document.
pub(crate) fn openapi() -> Result<(), Box<dyn Error>> {
    writeln!(stdout(), "{:#}", tidelog_server::openapi())?;
    Ok(())
}
