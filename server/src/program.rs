//! The binary: it starts the server, or sees to its database. An app builds its own, with its rules.

use crate::{
    Access, Config, Domain, Limits, Metrics, Origins, Postgres, Rules, RulesError, Sqlite, Stopped, Storage,
    app,
    args::{Args, Command, Database, LogFormat, Serve},
    commands, metrics_app, serve,
    storage::postgres::PostgresAddress,
};
use clap::Parser;
use std::{
    error::Error,
    future::{Future, pending},
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};
use tidelog::aggregate::RegisterError;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

/// The program `tidelog-server`, with all its arguments and commands; `--help` shows them.
///
/// ```no_run
/// # use serde::{Deserialize, Serialize};
/// # use tidelog::aggregate::{Aggregate, Context};
/// # #[derive(Clone, Default)] struct Course;
/// # #[derive(Deserialize)] #[serde(tag = "type")] enum Command { Begin }
/// # #[derive(Serialize, Deserialize)] #[serde(tag = "type")] enum Event { Begun }
/// # impl Aggregate for Course {
/// #   const NAME: &'static str = "course";
/// #   type State = Self; type Command = Command; type Event = Event; type Error = std::fmt::Error;
/// #   fn decide(_: &Self, _: Command, _: &Context) -> Result<Vec<Event>, std::fmt::Error> { Ok(vec![Event::Begun]) }
/// #   fn evolve(state: Self, _: &Event) -> Self { state }
/// # }
/// use std::process::ExitCode;
/// use tidelog_server::{Domain, Program};
///
/// fn main() -> ExitCode {
///     Program::default().rules(|| Domain::default().aggregate::<Course>()).run()
/// }
/// ```
#[derive(Default)]
pub struct Program {
    rules: Option<Start>,
}

/// Starts the rules, once it is known that there is something to serve.
type Start = Box<dyn FnOnce() -> Result<Rules, RulesError>>;

impl Program {
    /// Lets it decide again what devices push; see [`Rules::start`].
    #[must_use]
    pub fn rules(self, domain: impl Fn() -> Result<Domain, RegisterError> + Send + Sync + 'static) -> Self {
        Self { rules: Some(Box::new(|| Rules::start(domain))) }
    }

    /// Reads the arguments of the process and does what they say: what the process is to end with.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let args = Args::parse();
        log(&args);
        match run(args, self.rules) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("tidelog-server: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

fn log(args: &Args) {
    let lines = tracing_subscriber::fmt().with_max_level(args.log).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).init(),
    }
}

fn run(args: Args, rules: Option<Start>) -> Result<(), Box<dyn Error>> {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match args.command {
        None => {
            // What is wrong with the arguments is said before anything is opened.
            let (access, origins) = (args.serve.access.access()?, args.serve.origins()?);
            let rules = rules.map(|start| start()).transpose()?;
            runtime()?.block_on(serve_until_told(args.serve, access, origins, rules))
        }
        Some(Command::Migrate(there)) => runtime()?.block_on(commands::migrate(&there.database)),
        Some(Command::Copy(copy)) => runtime()?.block_on(commands::copy(&copy)),
        Some(Command::Backup(backup)) => runtime()?.block_on(commands::backup(&backup)),
        Some(Command::Restore(restore)) => runtime()?.block_on(commands::restore(&restore)),
        Some(Command::Archive(archive)) => runtime()?.block_on(commands::archive(&archive)),
        Some(Command::Logs(there)) => runtime()?.block_on(commands::logs(&there.database)),
        Some(Command::Streams(streams)) => runtime()?.block_on(commands::streams(&streams)),
        Some(Command::Show(show)) => runtime()?.block_on(commands::show(&show)),
        Some(Command::Verify(verify)) => runtime()?.block_on(commands::verify(&verify)),
        Some(Command::Openapi) => commands::openapi(),
    }
}

async fn serve_until_told(
    args: Serve,
    access: Access,
    origins: Origins,
    rules: Option<Rules>,
) -> Result<(), Box<dyn Error>> {
    let storage = open(&args).await?;
    let limits = args.limits();
    let listener = bind(&args.listen).await?;
    let numbers = match &args.metrics_listen {
        Some(address) => Some((Arc::new(Metrics::new()?), bind(address).await?)),
        None => None,
    };
    let metrics = numbers.as_ref().map(|(metrics, _)| Arc::clone(metrics));
    let config = Config { origins, limits, metrics, rules, ..Config::new(storage, access) };
    let stop = told_to_stop()?;
    let address = listener.local_addr()?;
    // Whoever started the server may have closed its end of the pipe already.
    let _ = writeln!(std::io::stdout(), "listening on http://{address}");
    let numbers = numbers.map(|(metrics, listener)| serve_metrics(metrics, listener)).transpose()?;
    let stopped = serve(listener, app(config), limits, stop).await;
    if let Some(numbers) = numbers {
        numbers.abort();
    }
    if stopped == Stopped::Cut {
        tracing::warn!("some requests took longer than the time to shut down and were cut");
    }
    Ok(())
}

async fn bind(address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("can't listen on {address}: {error}"))
}

/// Serves the numbers until it is aborted: also while the server stops.
fn serve_metrics(metrics: Arc<Metrics>, listener: TcpListener) -> std::io::Result<JoinHandle<()>> {
    let address = listener.local_addr()?;
    let _ = writeln!(std::io::stdout(), "metrics on http://{address}/metrics");
    let limits = Limits { max_connections: 64, ..Limits::default() };
    Ok(tokio::spawn(async move {
        serve(listener, metrics_app(metrics), limits, pending()).await;
    }))
}

async fn open(args: &Serve) -> Result<Arc<dyn Storage>, Box<dyn Error>> {
    Ok(match &args.database {
        Database::Memory => Arc::new(Sqlite::in_memory()?),
        Database::File(file) => {
            Arc::new(Sqlite::open(file).map_err(|error| format!("{}: {error}", file.display()))?)
        }
        Database::Postgres(address) => {
            let address: PostgresAddress = address.parse()?;
            let storage = Postgres::open(&address, args.postgres_limits()).await;
            Arc::new(storage.map_err(|error| format!("{address}: {error}"))?)
        }
    })
}

/// Resolves upon SIGTERM or SIGINT; a second one ends the process at once.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut next = async move || {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
    };
    Ok(async move {
        next().await;
        tracing::info!("stopping; requests under way may finish");
        tokio::spawn(async move {
            next().await;
            std::process::exit(130);
        });
    })
}
