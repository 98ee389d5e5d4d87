//! Twenty thousand histories hold; and they would notice what they are there for.
//!
//! `TIDELOG_SEED` and `TIDELOG_HISTORIES` play others; `cargo xtask simulate` plays new ones each time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::thread;
use tidelog_simulator::{Mistake, find, play, run};

/// The histories that hold without a mistake, from seed 1 on: one that fails among them shows the mistake.
const HISTORIES: u64 = 20_000;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

#[test]
fn histories_hold() {
    let (count, seed) = (number("TIDELOG_HISTORIES", HISTORIES), number("TIDELOG_SEED", 1));
    println!("{count} histories from seed {seed} on");
    let tally =
        run(count, seed, |progress| println!("{progress}")).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(tally.acknowledged as u64 > count && tally.rejected as u64 > count / 10, "{tally:?}");
}

#[test]
fn a_history_is_the_same_for_the_same_seed() {
    for seed in 0..20 {
        let (once, again) = (play(seed).unwrap(), play(seed).unwrap());
        assert_eq!(format!("{once:?}"), format!("{again:?}"), "seed {seed}");
    }
}

#[test]
fn every_mistake_is_found() {
    let missed: Vec<Mistake> = thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let own = Mistake::ALL.into_iter().skip(half).step_by(2);
            scope.spawn(move || {
                own.filter(|mistake| find(*mistake, 1, HISTORIES).is_none()).collect::<Vec<_>>()
            })
        });
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(missed.is_empty(), "not found in {HISTORIES} histories each: {missed:?}");
}
