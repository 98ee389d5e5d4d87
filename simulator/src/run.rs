//! Many histories, on all cores.

use crate::{Failure, Tally, play};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often progress is told.
const EVERY: Duration = Duration::from_secs(10);

/// Plays histories from a seed on, and tells how far it is: what all of them came to together.
///
/// # Errors
/// The first [`Failure`]; the others are not played then.
pub fn run(histories: u64, seed: u64, tell: impl Fn(&str) + Sync) -> Result<Tally, Failure> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sum, failed) = (Mutex::new(Tally::default()), Mutex::new(None));
    let started = Instant::now();
    let told = Mutex::new(started);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match play(seed.wrapping_add(number)) {
                        Ok(tally) => sum.lock().unwrap_or_else(PoisonError::into_inner).add(tally),
                        Err(failure) => {
                            stop.store(true, Ordering::Relaxed);
                            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                            return;
                        }
                    }
                    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                    if told.elapsed() > EVERY {
                        *told = Instant::now();
                        tell(&format!(
                            "{number} of {histories} histories, {:.0} s",
                            started.elapsed().as_secs_f64()
                        ));
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
