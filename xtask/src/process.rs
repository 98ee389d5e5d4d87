//! Running commands: each in a process group of its own, so that it can be stopped with everything it started.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::Error;
use crate::interrupt;
use crate::progress::Progress;

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a process group may take to end after SIGTERM before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(10);

/// A running command and whatever it started. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
}

impl Group {
    /// Starts `command` without a terminal to read from.
    pub(crate) fn start(command: &mut Command) -> Result<Group, Error> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Io { doing: format!("starting {name}"), source })?;
        Ok(Group { child })
    }

    /// The child's standard output, if it was piped and not taken yet.
    pub(crate) fn take_output(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// The exit status, if the command has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(Error::io("waiting for a child process"))
    }

    /// Asks the whole group to end, waits, and insists after [`GRACE`].
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(LOOK);
        }
        self.signal(Signal::SIGKILL);
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // the group may be gone already, which is what is wanted
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What became of a command that ran to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether it exited with 0.
    pub(crate) success: bool,
    /// Its standard output and error, in the order of writing.
    pub(crate) log: PathBuf,
}

/// Runs `command` to its end with its output in `log` (appended), showing through `progress` that it is alive.
///
/// # Errors
/// [`Error::TimedOut`] after `limit`, [`Error::Interrupted`] on Ctrl-C; in both cases everything it started is stopped.
/// A command that exits with something else than 0 is no error here.
pub(crate) fn run(
    command: &mut Command,
    log: &Path,
    limit: Duration,
    progress: &mut Progress,
) -> Result<Finished, Error> {
    let open = || File::options().create(true).append(true).open(log);
    let file = open().map_err(Error::io(format!("opening {}", log.display())))?;
    let other = file.try_clone().map_err(Error::io(format!("opening {}", log.display())))?;
    let started = Instant::now();
    let mut group = Group::start(command.stdout(file).stderr(other))?;
    loop {
        if let Some(status) = group.ended()? {
            return Ok(Finished { success: status.success(), log: log.into() });
        }
        if interrupt::requested() {
            return Err(Error::Interrupted);
        }
        if started.elapsed() > limit {
            return Err(Error::TimedOut { step: progress.name().into(), limit, log: log.into() });
        }
        progress.alive(log);
        thread::sleep(LOOK);
    }
}

/// Runs `command` and gives what it printed to its standard output, trimmed; `None` if it can't be started or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
