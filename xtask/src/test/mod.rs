//! `cargo xtask test`: every test there is, in stages, and a summary.

mod counts;
mod stage;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use counts::Counts;
pub(crate) use stage::with_script;
use stage::{Run, Stage};

use crate::build::Build;
use crate::error::Error;
use crate::process;
use crate::progress::{Progress, duration};
use crate::setup::Setup;

/// How long one command of a stage may take.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// What became of a stage.
#[derive(Debug)]
enum Outcome {
    /// All its tests passed.
    Passed(Counts),
    /// Something did not; the text says what and where to read on.
    Failed(Counts, String),
    /// It could not be run on this machine, and why.
    Skipped(String),
}

impl Outcome {
    fn counts(&self) -> Counts {
        match self {
            Outcome::Passed(counts) | Outcome::Failed(counts, _) => *counts,
            Outcome::Skipped(_) => Counts { skipped: 1, ..Counts::default() },
        }
    }

    /// A stage that got nowhere counts as one failure.
    fn failed(reason: impl Into<String>) -> Outcome {
        Outcome::Failed(Counts { failed: 1, ..Counts::default() }, reason.into())
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Passed(counts) => counts.fmt(f),
            Outcome::Failed(counts, reason) => write!(f, "{counts}: {reason}"),
            Outcome::Skipped(reason) => write!(f, "skipped: {reason}"),
        }
    }
}

/// Runs the stages that `only` names, or all; ends with the line `N passed, N failed`.
pub(crate) fn run(setup: &mut Setup, only: Option<&str>) -> Result<(), Error> {
    let started = Instant::now();
    let mut build = Build::default();
    let mut results = Vec::new();
    for stage in Stage::chosen(only)? {
        let begun = Instant::now();
        let outcome = run_stage(setup, &mut build, stage)?;
        results.push((stage, outcome, begun.elapsed()));
    }

    println!("\nsummary        {}", duration(started.elapsed()));
    for (stage, outcome, time) in &results {
        println!("  {:<14} {outcome} ({})", stage.name(), duration(*time));
    }
    let total: Counts = results.iter().map(|(_, outcome, _)| outcome.counts()).sum();
    println!("{total}");
    // a run that only skipped has shown nothing
    if total.failed > 0 || total.passed == 0 { Err(Error::Reported) } else { Ok(()) }
}

/// Errors only if the whole run must end.
fn run_stage(setup: &mut Setup, build: &mut Build, stage: Stage) -> Result<Outcome, Error> {
    match attempt(setup, build, stage) {
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => {
            println!("{:<14} FAILED: {error}", stage.name());
            Ok(Outcome::failed(error.to_string()))
        }
        Ok(outcome) => {
            if let Outcome::Skipped(_) = outcome {
                println!("{:<14} {outcome}", stage.name());
            }
            Ok(outcome)
        }
    }
}

fn attempt(setup: &mut Setup, build: &mut Build, stage: Stage) -> Result<Outcome, Error> {
    for (need, name) in stage.hosts() {
        match setup.require(&[need]) {
            Err(error @ Error::Missing(_)) if setup.installs() => {
                return Ok(Outcome::Skipped(format!("{name} can't be had: {error}")));
            }
            other => other?,
        }
    }
    for &wish in stage.wishes() {
        match setup.require(&[wish]) {
            Err(error @ Error::Missing(_)) if setup.installs() => {
                println!("{:<14} without some of its tests: {error}", stage.name());
            }
            other => other?,
        }
    }
    stage.prepare(setup, build)?;
    run_commands(setup, stage, stage.commands(setup)?)
}

fn run_commands(setup: &Setup, stage: Stage, runs: Vec<Run>) -> Result<Outcome, Error> {
    let log = setup.workspace().log(&format!("test {}", stage.name()))?;
    let _ = std::fs::remove_file(&log);
    let mut progress =
        Progress::start(stage.name(), &format!("testing, output in {}", setup.workspace().short(&log)));
    let mut total = Counts::default();
    let mut trouble = Trouble::default();
    for (index, Run { mut command, counts }) in runs.into_iter().enumerate() {
        let part = log.with_extension(format!("{index}.log"));
        let _ = std::fs::remove_file(&part);
        let result = process::run(&mut command, &part, LIMIT, &mut progress);
        let output = String::from_utf8_lossy(&std::fs::read(&part).unwrap_or_default()).into_owned();
        append(&log, &part, &output)?;
        let ended_well = match result {
            Ok(finished) => finished.success,
            Err(error @ Error::TimedOut { .. }) => {
                trouble.add(error.to_string());
                false
            }
            Err(error) => return Err(error),
        };
        let mut counted = if counts { Counts::read(&output) } else { Counts::default() };
        if !counts && ended_well {
            counted.passed = 1;
        } else if counts && ended_well && counted.is_empty() {
            trouble.add(format!("`{}` ran no test at all", shown(&command)));
            counted.failed = 1;
        } else if !ended_well && counted.failed == 0 {
            // it broke off before or after its tests
            trouble.add(format!("`{}` failed", shown(&command)));
            counted.failed = 1;
        }
        total = total + counted;
    }
    if total.is_empty() {
        return Ok(Outcome::failed("there is no test in this stage"));
    }
    if total.failed == 0 {
        progress.end(&format!("ok: {total}"));
        return Ok(Outcome::Passed(total));
    }
    let reason = trouble.text.unwrap_or_else(|| format!("see {}", setup.workspace().short(&log)));
    progress.fail(&format!("{total}"), &log);
    Ok(Outcome::Failed(total, reason))
}

/// Why a stage failed beyond tests that say so themselves.
#[derive(Debug, Default)]
struct Trouble {
    text: Option<String>,
}

impl Trouble {
    fn add(&mut self, text: String) {
        self.text = Some(match self.text.take() {
            Some(before) => format!("{before}; {text}"),
            None => text,
        });
    }
}

/// Moves the output of one command to the end of its stage's log.
fn append(log: &Path, part: &PathBuf, output: &str) -> Result<(), Error> {
    use std::io::Write;
    let write = || -> std::io::Result<()> {
        std::fs::File::options().create(true).append(true).open(log)?.write_all(output.as_bytes())?;
        std::fs::remove_file(part)
    };
    write().map_err(Error::io(format!("writing {}", log.display())))
}

/// A command as one would type it.
fn shown(command: &std::process::Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
