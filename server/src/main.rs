//! Starts the sync server.

mod args;

use args::{Args, Database};
use clap::Parser;
use std::{
    error::Error,
    future::Future,
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};
use tidelog_server::{Config, Sqlite, Stopped, app, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    let args = Args::parse();
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_max_level(args.log).with_ansi(ansi).with_writer(std::io::stderr).init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidelog-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<(), Box<dyn Error>> {
    let access = args.access()?;
    let origins = args.origins()?;
    let storage = match &args.database {
        Database::Memory => Sqlite::in_memory()?,
        Database::File(file) => Sqlite::open(file).map_err(|error| format!("{}: {error}", file.display()))?,
    };
    let limits = args.limits();
    let config = Config { origins, limits, ..Config::new(Arc::new(storage), access) };
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
        let listener = TcpListener::bind(&args.listen)
            .await
            .map_err(|error| format!("can't listen on {}: {error}", args.listen))?;
        let stop = told_to_stop()?;
        let address = listener.local_addr()?;
        // Whoever started the server may have closed its end of the pipe already.
        let _ = writeln!(std::io::stdout(), "listening on http://{address}");
        if serve(listener, app(config), limits, stop).await == Stopped::Cut {
            tracing::warn!("some requests took longer than the time to shut down and were cut");
        }
        Ok(())
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
