//! The arguments of the binary.

mod access;

use access::AccessArgs;
use axum::http::HeaderValue;
use clap::{Parser, Subcommand, ValueEnum, value_parser};
use std::{convert::Infallible, num::NonZeroU64, path::PathBuf, str::FromStr, time::Duration};
use tidelog_server::{
    KeysAddressError, Limits, NotAToken, Origins,
    archive::Before,
    storage::postgres::{PostgresAddress, PostgresLimits},
};
use tracing_subscriber::filter::LevelFilter;

/// The reference sync server of Tidelog. Without a command it serves.
#[derive(Parser)]
#[command(version, about, long_about = None, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) serve: Serve,

    /// What to write to standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info", global = true)]
    pub(crate) log: LevelFilter,

    /// How to write it: text for people, json for machines, one object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    pub(crate) log_format: LogFormat,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What else there is to do than to serve.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make the tables in a database, or bring those of an older server forward, and say what was done
    Migrate(There),
    /// Copy all logs of a SQLite file to PostgreSQL as they are, and compare them afterwards
    Copy(Copy),
    /// Write all logs into a new file while servers go on, and compare it afterwards
    Backup(Backup),
    /// Put all logs of a backup back, and compare them afterwards
    Restore(Restore),
    /// Take streams that have had no event for long out of a log, into a file of their own, while servers go on
    Archive(Archive),
    /// List the logs: name, identity, number of events
    Logs(There),
    /// List the streams of a log: name, version, number of commits, position of the last event
    Streams(Streams),
    /// Show commits of a log, with what is in them
    Show(Show),
    /// Read all logs from end to end, and say what does not hold
    Verify(Verify),
    /// Print the protocol as an OpenAPI document
    Openapi,
}

/// A database that is there already.
#[derive(Parser)]
pub(crate) struct There {
    /// The database: postgres://USER@HOST/DATABASE, or a SQLite file
    #[arg(long, value_name = "FILE|postgres://…", env = "TIDELOG_DATABASE", hide_env_values = true)]
    pub(crate) database: Database,
}

/// List the streams of a log, by name, as they are at one moment; servers go on meanwhile.
#[derive(Parser)]
pub(crate) struct Streams {
    #[command(flatten)]
    pub(crate) there: There,

    // By another id than the option --log.
    /// Name of the log
    #[arg(id = "which", value_name = "LOG")]
    pub(crate) log: String,

    /// Print a JSON object for each, one a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show commits of a log in the order of their positions, with what is in them; servers go on meanwhile.
#[derive(Parser)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) there: There,

    // By another id than the option --log.
    /// Name of the log
    #[arg(id = "which", value_name = "LOG")]
    pub(crate) log: String,

    /// Only commits of this stream, such as course-1
    #[arg(long, value_name = "STREAM")]
    pub(crate) stream: Option<String>,

    /// Only commits that begin at this position or later
    #[arg(long, value_name = "POSITION", default_value_t = 1)]
    pub(crate) from: u64,

    /// At most so many commits
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) limit: u64,

    /// Print each commit as JSON, one a line, as the protocol hands it out
    #[arg(long)]
    pub(crate) json: bool,
}

/// Copy all logs of a SQLite file to PostgreSQL as they are, and compare them afterwards. Stop the server over the file
/// first: until the copy ends it can write nothing, and what it takes after that is not in the copy. Logs that are
/// there already and the same are passed over, so that a copy that was broken off is continued by starting it again.
#[derive(Parser)]
pub(crate) struct Copy {
    /// SQLite file to copy from
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,

    /// Database to copy to: postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "postgres://…", env = "TIDELOG_DATABASE", hide_env_values = true)]
    pub(crate) to: Database,
}

/// Write all logs of a database, as they are at one moment, into a new file, and compare it afterwards; servers go on
/// meanwhile. The file gets its name when it is whole, and is a SQLite file that a server could serve.
#[derive(Parser)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) there: There,

    /// File to write; it must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}

/// Put all logs of a backup back, and compare them afterwards. Stop the servers first. Nothing is ever overwritten: a SQLite
/// file must not exist, and logs in a PostgreSQL database must be the same as those of the backup, or not there. What was
/// written since the backup is not in it; devices notice that, and bring back what they still have.
#[derive(Parser)]
pub(crate) struct Restore {
    /// Backup to read
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,

    /// Where to: postgres://USER@HOST/DATABASE, or a SQLite file that does not exist
    #[arg(long, value_name = "FILE|postgres://…", env = "TIDELOG_DATABASE", hide_env_values = true)]
    pub(crate) database: Database,
}

/// Take whole streams whose last event is older than a point out of a log; servers go on meanwhile. They are written into a file, which is
/// read back and compared before anything leaves the log. What stays of each is a marker. A stream that has gone on since stays. Broken off, the
/// same command with the same file goes on.
#[derive(Parser)]
pub(crate) struct Archive {
    #[command(flatten)]
    pub(crate) there: There,

    // By another id than the option --log.
    /// Name of the log
    #[arg(id = "which", value_name = "LOG")]
    pub(crate) log: String,

    /// Streams whose last event lies before this position, or was recorded before this day (UTC)
    #[arg(
        long,
        value_name = "POSITION|YYYY-MM-DD",
        conflicts_with = "older_than",
        required_unless_present = "older_than"
    )]
    pub(crate) before: Option<Before>,

    /// Streams whose last event was recorded more days ago, such as 400d
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(crate) older_than: Option<u32>,

    /// File to write; if it exists, it has to be one that this command began
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,

    /// Only say how much would leave
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Read all logs from end to end, and say what does not hold.
#[derive(Parser)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) there: There,

    /// Archive to compare with the markers that name it; may be given several times
    #[arg(long = "archive", value_name = "FILE")]
    pub(crate) archives: Vec<PathBuf>,
}

/// How to serve.
#[derive(Parser)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,

    /// Where the logs are: a SQLite file, made if it does not exist; postgres://USER@HOST/DATABASE; or :memory: for a trial.
    /// Other users of this machine can read arguments: prefer the environment for an address with a password
    #[arg(
        long,
        value_name = "FILE|postgres://…|:memory:",
        default_value = "tidelog.sqlite",
        env = "TIDELOG_DATABASE",
        hide_env_values = true
    )]
    pub(crate) database: Database,

    /// Most connections to a PostgreSQL database; one more hears what other servers write
    #[arg(long, value_name = "N", default_value_t = PostgresLimits::default().connections, value_parser = connections)]
    database_connections: usize,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Origin whose pages may use the server, such as https://academy.example; may be given several times [default: any]
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    origins: Vec<String>,

    /// Largest body of a push, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().max_body)]
    max_body: usize,

    /// Most connections at the same time; further ones wait
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_connections)]
    max_connections: usize,

    /// Most requests per second of one token, or of one subject where tokens name one, over time [default: no limit]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU64>,

    /// Most requests of one token at once, where --rate bounds them
    #[arg(long, value_name = "N", default_value_t = Limits::default().burst, value_parser = value_parser!(u64).range(1..))]
    burst: u64,

    /// Most bytes per second that one token pushes, over time [default: no limit]
    #[arg(long, value_name = "BYTES")]
    byte_rate: Option<NonZeroU64>,

    /// Longest time for a request, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().request_timeout.as_secs())]
    request_timeout: u64,

    /// Most clients that wait for news at the same time; further ones are refused, and pull now and then instead
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_live)]
    max_live: usize,

    /// How long a stream of news lasts before the client connects again, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().live_for.as_secs(), value_parser = value_parser!(u64).range(1..=86_400))]
    live_for: u64,

    /// How long an answer of a feed waits for something new, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().feed_wait.as_secs(), value_parser = value_parser!(u64).range(1..=300))]
    feed_wait: u64,

    /// Longest silence of a stream of news, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().heartbeat.as_secs(), value_parser = value_parser!(u64).range(1..=600))]
    heartbeat: u64,

    /// Address and port for GET /metrics, numbers in the text format of Prometheus; it asks for no token, so choose one that only those reach
    /// who may see them [default: none]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) metrics_listen: Option<String>,

    /// How long to go on as before after SIGTERM or SIGINT, while GET /readyz says 503, in seconds: longer than a balancer needs to notice
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().shutdown_delay.as_secs())]
    shutdown_delay: u64,

    /// Longest time for requests under way after SIGTERM or SIGINT, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().shutdown_timeout.as_secs())]
    shutdown_timeout: u64,
}

/// Where the logs are kept. It has no `Debug`: an address may have a password.
#[derive(Clone)]
pub(crate) enum Database {
    /// In memory, until the process ends.
    Memory,
    /// In a SQLite file.
    File(PathBuf),
    /// In a PostgreSQL database of this address, not yet looked into, so that nobody quotes it.
    Postgres(String),
}

impl FromStr for Database {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            ":memory:" => Self::Memory,
            text if PostgresAddress::is_one(text) => Self::Postgres(text.to_owned()),
            text => Self::File(text.into()),
        })
    }
}

fn days(text: &str) -> Result<u32, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok().filter(|days| *days > 0);
    days.ok_or_else(|| "give a number of days, such as 400d".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1_000) => Ok(count),
        _ => Err("give a number from 1 to 1000".to_owned()),
    }
}

/// The arguments make no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgsError {
    /// There is no token, and nobody said that none is wanted.
    #[error(
        "no token: give --token TOKEN or TIDELOG_TOKENS, a key of signed tokens (--jwt-key FILE, --jwt-keys-url URL or TIDELOG_JWT_SECRET), or --no-auth to serve everybody who \
         reaches the server"
    )]
    NoToken,
    /// A token has not the form of one.
    #[error(transparent)]
    Token(#[from] NotAToken),
    /// There is an issuer or an audience, but no key.
    #[error(
        "--jwt-issuer and --jwt-audience need a key: give --jwt-key FILE, --jwt-keys-url URL or TIDELOG_JWT_SECRET"
    )]
    NoKey,
    /// The address of keys is of no use.
    #[error("--jwt-keys-url: {0}")]
    KeysAddress(#[from] KeysAddressError),
    /// The shared secret is of no use.
    #[error("TIDELOG_JWT_SECRET: {0}")]
    Secret(String),
    /// A file with keys is of no use.
    #[error("--jwt-key {}: {reason}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An origin has not the form of one.
    #[error("{0:?} is no origin: give scheme, host and port, such as https://academy.example")]
    Origin(String),
}

impl Serve {
    pub(crate) fn origins(&self) -> Result<Origins, ArgsError> {
        if self.origins.is_empty() {
            return Ok(Origins::Any);
        }
        let origin = |text: &String| match text.split_once("://") {
            Some((_, host)) if !host.is_empty() && !host.contains('/') => {
                HeaderValue::from_str(text).map_err(|_| ArgsError::Origin(text.clone()))
            }
            _ => Err(ArgsError::Origin(text.clone())),
        };
        Ok(Origins::These(self.origins.iter().map(origin).collect::<Result<_, _>>()?))
    }

    pub(crate) fn postgres_limits(&self) -> PostgresLimits {
        PostgresLimits { connections: self.database_connections, ..PostgresLimits::default() }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_body: self.max_body,
            max_connections: self.max_connections,
            request_timeout: Duration::from_secs(self.request_timeout),
            max_live: self.max_live,
            rate: self.rate,
            burst: self.burst,
            byte_rate: self.byte_rate,
            live_for: Duration::from_secs(self.live_for),
            feed_wait: Duration::from_secs(self.feed_wait),
            heartbeat: Duration::from_secs(self.heartbeat),
            shutdown_delay: Duration::from_secs(self.shutdown_delay),
            shutdown_timeout: Duration::from_secs(self.shutdown_timeout),
            ..Limits::default()
        }
    }
}
