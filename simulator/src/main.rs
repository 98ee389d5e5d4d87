//! `tidelog-simulator --histories N --seed S`: plays histories on all cores, and stops at the first that fails.

use std::{
    process::ExitCode,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use tidelog_simulator::{Found, Mistake, Tally, find, run};

const USAGE: &str = "\
tidelog-simulator [--histories N] [--seed S]  plays N random histories (20000), from seed S on (else one from the clock)
tidelog-simulator --mistakes [N]              makes each known mistake, until one of N histories (20000) shows it";

/// How many histories are played, unless the command says otherwise.
const HISTORIES: u64 = 20_000;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some("--mistakes") => number(words.get(1)).map(|most| show_mistakes(most.unwrap_or(HISTORIES))),
        _ => read(words.into_iter()).map(|(histories, seed)| simulate(histories, seed)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn simulate(histories: u64, seed: u64) -> bool {
    println!("{histories} histories from seed {seed} on");
    let started = Instant::now();
    match run(histories, seed, |progress| println!("{progress}")) {
        Ok(Tally { acknowledged, events, rejected, requests }) => {
            let seconds = started.elapsed().as_secs_f64();
            println!(
                "{histories} histories in {seconds:.1} s: {acknowledged} commands acknowledged, {events} events confirmed, {rejected} commits rejected, {requests} requests; everything held"
            );
            true
        }
        Err(failure) => {
            println!("{failure}");
            println!(
                "FAILED: seed {}; again: cargo xtask simulate --seed {} --histories 1",
                failure.seed, failure.seed
            );
            false
        }
    }
}

fn number(word: Option<&String>) -> Result<Option<u64>, String> {
    word.map(|word| word.parse().map_err(|_| format!("{word} is not a number"))).transpose()
}

/// Makes each mistake in turn: all must be noticed, but for the rare ones.
fn show_mistakes(most: u64) -> bool {
    let mut all = true;
    for mistake in Mistake::ALL.into_iter().chain(Mistake::RARE) {
        let name = format!("{mistake:?}");
        match find(mistake, 1, most) {
            Some(Found { histories, steps, reason }) => {
                println!("{name:<26} {histories:>6} histories, {steps:>3} steps: {reason}");
            }
            None => {
                let is_rare = Mistake::RARE.contains(&mistake);
                all &= is_rare;
                let known = if is_rare { ", which is known: other cures make up for it" } else { "" };
                println!("{name:<26} NOT FOUND in {most} histories{known}");
            }
        }
    }
    all
}

fn read(mut words: impl Iterator<Item = String>) -> Result<(u64, u64), String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_millis() as u64);
    let (mut histories, mut seed) = (HISTORIES, clock);
    while let Some(word) = words.next() {
        let value = number(words.next().as_ref())?.ok_or_else(|| format!("{word} wants a number"))?;
        match word.as_str() {
            "--histories" => histories = value,
            "--seed" => seed = value,
            other => return Err(format!("there is no option {other}")),
        }
    }
    Ok((histories, seed))
}
