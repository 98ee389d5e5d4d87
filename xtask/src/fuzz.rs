//! `cargo xtask fuzz`: damaged input for whatever reads what comes from the network, the disk and files. See the folder `fuzz`.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::setup::{Need, Setup, Tool};
use crate::step;

/// What is fuzzed: the files of `fuzz/targets`.
pub(crate) const TARGETS: [&str; 5] = ["request", "answer", "rows", "import", "text"];

/// How often a target is run by the tests: about five seconds' worth. The same inputs each time: what a test finds shall not
/// depend on luck.
fn runs(target: &str) -> u32 {
    if target == "text" { 200_000 } else { 5_000 }
}

/// Makes everything ready for [`briefly`].
pub(crate) fn prepare(setup: &Setup) -> Result<(), Error> {
    for target in TARGETS {
        let corpus = brief_corpus(setup, target);
        let _ = std::fs::remove_dir_all(&corpus);
        std::fs::create_dir_all(&corpus).map_err(Error::io(format!("making {}", corpus.display())))?;
    }
    build(setup)
}

/// Where a short run keeps what it finds. It begins empty each time.
fn brief_corpus(setup: &Setup, target: &str) -> PathBuf {
    setup.workspace().target().join("fuzz/brief").join(target)
}

fn build(setup: &Setup) -> Result<(), Error> {
    step::run(setup.workspace(), "build fuzz", "cargo fuzz build", &mut cargo_fuzz(setup, "build"))
}

/// A short run of one target, always the same.
pub(crate) fn briefly(setup: &Setup, target: &str) -> Command {
    let mut command = cargo_fuzz(setup, "run");
    command.arg(target).arg(brief_corpus(setup, target)).arg("--").args(bounds(setup, target));
    command.args([format!("-runs={}", runs(target)), "-seed=1".into(), "-print_final_stats=1".into()]);
    command
}

/// Runs one target, or all of them one after the other, for `seconds` each, and goes on from what earlier runs have found.
pub(crate) fn run(setup: &mut Setup, target: Option<&str>, seconds: u32) -> Result<(), Error> {
    let chosen: Vec<&str> = TARGETS.into_iter().filter(|name| target.is_none_or(|it| it == *name)).collect();
    if chosen.is_empty() {
        let names = TARGETS.join(", ");
        return Err(Error::Usage(format!(
            "there is no target `{}`; there are {names}",
            target.unwrap_or_default()
        )));
    }
    setup.require(&[Need::Tool(Tool::CargoFuzz)])?;
    build(setup)?;
    for target in chosen {
        println!("fuzz {target}: {seconds} s");
        let corpus = setup.workspace().target().join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(Error::io(format!("making {}", corpus.display())))?;
        let mut command = cargo_fuzz(setup, "run");
        command.arg(target).arg(corpus).arg("--").args(bounds(setup, target));
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        let status = command.stdin(Stdio::inherit()).status().map_err(Error::io("starting cargo fuzz"))?;
        if !status.success() {
            return Err(Error::Failed { step: format!("fuzz {target}"), log: None });
        }
    }
    Ok(())
}

/// The longest time and most memory of one input, and where one that breaks something is written.
///
/// Inputs are long from the start. By itself libFuzzer lengthens them slowly, and short ones damage next to nothing.
fn bounds(setup: &Setup, target: &str) -> Vec<String> {
    let found = setup.workspace().target().join("fuzz").join(format!("{target}-"));
    let mut bounds =
        ["-len_control=0", "-max_len=1024", "-timeout=60", "-rss_limit_mb=3000"].map(String::from).to_vec();
    bounds.push(format!("-artifact_prefix={}", found.display()));
    bounds
}

/// Without a sanitizer: those need a nightly compiler, and the crate has no unsafe code for them to watch.
fn cargo_fuzz(setup: &Setup, what: &str) -> Command {
    let mut command = setup.command("cargo");
    command.args(["fuzz", what, "--fuzz-dir", "fuzz", "--sanitizer", "none", "--target-dir"]);
    command.arg(setup.workspace().target().join("fuzz"));
    command
}
