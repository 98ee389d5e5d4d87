//! Commands as a device is given them.

use crate::{commit::Command, engine::WriteOptions, stream::StreamName};
use serde::Serialize;

/// A command for a stream, and what is expected at once.
#[derive(Clone, Debug)]
pub struct Order {
    pub(in crate::testing::given) stream: StreamName,
    pub(in crate::testing::given) command: Command,
    pub(super) options: WriteOptions,
    pub(super) refused: Option<String>,
}

/// A command for a stream: anything that serde writes as `{ "type": …, "data": … }`, such as an aggregate's command or
/// `json!({ … })`.
///
/// # Panics
/// If the name is no stream's, or the command can't be written so.
#[must_use]
#[track_caller]
pub fn command<C: Serialize>(stream: &str, command: C) -> Order {
    let stream = StreamName::parse(stream).expect("the name of a stream");
    let text = serde_json::to_string(&command).expect("a command can be written as JSON");
    let command = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{text} is no command {{type, data}}: {error}"));
    Order { stream, command, options: WriteOptions::default(), refused: None }
}

impl Order {
    /// With these options.
    #[must_use]
    pub fn with(mut self, options: WriteOptions) -> Self {
        self.options = options;
        self
    }

    /// The device itself refuses it, with this code or message.
    #[must_use]
    pub fn refused(mut self, expected: &str) -> Self {
        self.refused = Some(expected.to_owned());
        self
    }
}
