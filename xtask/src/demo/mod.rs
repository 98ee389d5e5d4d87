//! `cargo xtask demo`: the sync server and the demo page side by side, until Ctrl-C.

mod pages;

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::build::{Build, Part, server_binary};
use crate::error::Error;
use crate::interrupt;
use crate::process::Group;
use crate::setup::Setup;
use pages::Pages;

/// How long the server may take to open its database and listen.
const START: Duration = Duration::from_secs(30);

/// How often the server is looked at while it runs.
const LOOK: Duration = Duration::from_millis(100);

/// Builds all, starts both, and waits for Ctrl-C.
pub(crate) fn run(setup: &mut Setup, port: u16, data: Option<PathBuf>) -> Result<(), Error> {
    // before the long build: a port that is taken should be known at once
    let listener = listen(port)?;
    drop(listen(port + 1)?);
    Build::default().make(setup, &[Part::Package, Part::Server, Part::Www])?;

    let workspace = setup.workspace();
    let data = data.unwrap_or_else(|| workspace.target().join("demo-data"));
    fs::create_dir_all(&data).map_err(Error::io(format!("making {}", data.display())))?;
    let token = token(&data)?;
    let mut server = Server::start(setup, port + 1, &data, &token)?;

    let sync = format!("http://localhost:{}", port + 1);
    let config = serde_json::json!({ "sync": { "url": format!("{sync}/logs/academy"), "token": token } });
    let pages = Pages::new(workspace.path("www/dist"), config.to_string());
    thread::spawn(move || pages.serve(&listener));

    println!("\n  Tidelog demo   http://localhost:{port}");
    println!("  sync server    {sync}, data in {}", workspace.short(&data));
    println!("  Ctrl-C stops both.\n");
    server.watch()
}

fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
        Error::Missing(format!(
            "port {port} can't be used ({error}): choose another with --port, two in a row are needed"
        ))
    })
}

/// The secret that page and server share, kept with the data so that an open page goes on after a restart.
fn token(data: &Path) -> Result<String, Error> {
    let file = data.join("token");
    if let Ok(token) = fs::read_to_string(&file)
        && !token.trim().is_empty()
    {
        return Ok(token.trim().to_owned());
    }
    // the standard library's hash keys come from the system's source of randomness
    let random = || RandomState::new().build_hasher().finish();
    let token = format!("{:016x}{:016x}", random(), random());
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    let write = || options.open(&file)?.write_all(token.as_bytes());
    write().map_err(Error::io(format!("writing {}", file.display())))?;
    Ok(token)
}

/// The running sync server.
#[derive(Debug)]
struct Server {
    group: Group,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it listens.
    fn start(setup: &Setup, port: u16, data: &Path, token: &str) -> Result<Server, Error> {
        let log = setup.workspace().log("demo server")?;
        let errors = File::create(&log).map_err(Error::io(format!("opening {}", log.display())))?;
        let mut command = setup.command(server_binary(setup.workspace()));
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--token", token, "--database"]);
        command.arg(data.join("academy.sqlite")).stdout(Stdio::piped()).stderr(errors);
        let mut group = Group::start(&mut command)?;

        let (ready, listens) = mpsc::channel();
        if let Some(output) = group.take_output() {
            let log = log.clone();
            thread::spawn(move || copy_output(output, &log, &ready));
        }
        let mut server = Server { group, log };
        let started = Instant::now();
        loop {
            match listens.recv_timeout(LOOK) {
                Ok(()) => return Ok(server),
                Err(_) if interrupt::requested() => return Err(Error::Interrupted),
                Err(_) if server.group.ended()?.is_some() || started.elapsed() > START => {
                    return Err(server.failed());
                }
                Err(_) => {}
            }
        }
    }

    /// Returns when it was stopped by Ctrl-C.
    fn watch(&mut self) -> Result<(), Error> {
        while !interrupt::requested() {
            if self.group.ended()?.is_some() {
                return Err(self.failed());
            }
            thread::sleep(LOOK);
        }
        println!("\nstopping");
        self.group.stop();
        Ok(())
    }

    fn failed(&mut self) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        for line in log.lines().rev().take(10).collect::<Vec<_>>().into_iter().rev() {
            eprintln!("    | {line}");
        }
        Error::Failed { step: "the sync server".into(), log: Some(self.log.clone()) }
    }
}

/// Goes on reading to the end, so that the server never waits for us.
fn copy_output(output: impl std::io::Read, log: &Path, ready: &mpsc::Sender<()>) {
    let mut log = File::options().append(true).open(log).ok();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.starts_with("listening on ") {
            // nobody listens any more if the start was given up
            let _ = ready.send(());
        }
        if let Some(log) = &mut log {
            let _ = writeln!(log, "{line}");
        }
    }
}
