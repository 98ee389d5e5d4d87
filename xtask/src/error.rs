//! Why a command stopped, and how to go on.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Why a command stopped.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// Something the command needs is not there; the text says what, and how to get it.
    Missing(String),
    /// A command that was run said no; its output is in the log.
    Failed {
        /// The name of the step, as its progress line shows it.
        step: String,
        /// Where its output is; `None` if it wrote to the terminal.
        log: Option<PathBuf>,
    },
    /// A command went on for longer than it may.
    TimedOut {
        /// The name of the step, as its progress line shows it.
        step: String,
        /// How long it was given.
        limit: Duration,
        /// Where its output is.
        log: PathBuf,
    },
    /// A file or a process could not be handled.
    Io {
        /// What was being done, such as "reading Cargo.lock".
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Checks found something; the text says which.
    Checks(String),
    /// Tests failed, and the summary has said so in the last line.
    Reported,
    /// Ctrl-C, or a request to terminate.
    Interrupted,
}

impl Error {
    /// An [`Error::Io`] maker for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }

    /// Prints the error to the standard error stream.
    pub(crate) fn report(&self) {
        match self {
            Error::Reported => {}
            Error::Interrupted => eprintln!("stopped"),
            Error::Usage(_) => eprintln!("{self}\n`cargo xtask help` lists the commands."),
            _ => eprintln!("error: {self}"),
        }
    }

    /// 2 for a wrong command line, 130 for Ctrl-C as a shell has it, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Error::Usage(_) => ExitCode::from(2),
            Error::Interrupted => ExitCode::from(130),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(text) | Error::Missing(text) | Error::Checks(text) => f.write_str(text),
            Error::Failed { step, log: Some(log) } => {
                write!(f, "{step} failed; its output is in {}", log.display())
            }
            Error::Failed { step, log: None } => write!(f, "{step} failed"),
            Error::TimedOut { step, limit, log } => {
                write!(
                    f,
                    "{step} did not end within {} s; its output is in {}",
                    limit.as_secs(),
                    log.display()
                )
            }
            Error::Io { doing, source } => write!(f, "{doing}: {source}"),
            Error::Reported => f.write_str("tests failed"),
            Error::Interrupted => f.write_str("stopped"),
        }
    }
}

impl std::error::Error for Error {}
