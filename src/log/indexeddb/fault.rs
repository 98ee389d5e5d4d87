//! What IndexedDB says when something goes wrong, in the words of the contract.

use crate::log::store::StoreError;
use indexed_db_futures::error::{Error, OpenDbError};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// A failure as the browser named it.
#[derive(Debug)]
pub(super) struct Fault {
    name: String,
    message: String,
}

impl Fault {
    pub(super) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into() }
    }

    pub(super) fn of_exception(exception: &DomException) -> Self {
        Self { name: exception.name(), message: exception.message() }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether the connection went away underneath: Safari loses it in the background, browsers close it when they clear
    /// storage or run out of something.
    pub(super) fn is_lost_connection(&self) -> bool {
        let says = |text: &str| self.message.contains(text);
        match self.name.as_str() {
            "InvalidStateError" => true,
            "UnknownError" | "AbortError" => says("onnection") || says("closing") || says("closed"),
            _ => false,
        }
    }

    pub(super) fn error(&self) -> StoreError {
        match self.name.as_str() {
            "QuotaExceededError" => StoreError::QuotaExceeded,
            _ => StoreError::Failed { reason: self.to_string() },
        }
    }

    /// The error for a fault at opening.
    pub(super) fn open_error(&self) -> StoreError {
        match self.name.as_str() {
            // Firefox says InvalidStateError where a private window has no storage.
            "SecurityError" | "InvalidStateError" | "NotSupportedError" | "NotAllowedError" => {
                StoreError::Unavailable { reason: self.to_string() }
            }
            _ => self.error(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if !self.message.is_empty() {
            f.write_str(": ")?;
            f.write_str(&self.message)?;
        }
        Ok(())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::DomException(exception) => {
                let thrown: JsValue = exception.into();
                thrown.dyn_ref().map_or_else(|| Self::new("Error", ""), Self::of_exception)
            }
            // Not shown as the library words them: the code for printing their numbers would be a tenth of all of ours.
            Error::Serialisation(_) => Self::new("DataError", "a value could not be converted"),
            Error::MissingData(_) => Self::new("AbortError", "the transaction was aborted"),
            Error::Unknown(_) => Self::new("Error", ""),
        }
    }
}

impl From<OpenDbError> for Fault {
    fn from(error: OpenDbError) -> Self {
        match error {
            OpenDbError::Base(error) => error.into(),
            OpenDbError::NullFactory | OpenDbError::UnsupportedEnvironment => {
                Self::new("NotSupportedError", "this browser has no IndexedDB, or not here")
            }
            // what the library makes of any refusal before a request exists, such as that of a page without an origin
            OpenDbError::VersionZero => Self::new("NotSupportedError", "opening was refused"),
        }
    }
}
