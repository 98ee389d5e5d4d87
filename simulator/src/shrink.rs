//! Making a history that fails shorter: whatever can be left out is.

use crate::{
    history,
    step::{Beat, Step},
};

/// The shortest script found that still fails, and how.
pub(crate) fn shrink(seed: u64, script: Vec<Beat>, reason: String) -> (Vec<Beat>, String) {
    let (mut script, mut reason) = (script, reason);
    let mut chunk = script.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < script.len() {
            let end = (at + chunk).min(script.len());
            let candidate: Vec<Beat> = script[..at].iter().chain(&script[end..]).copied().collect();
            match history::play(seed, &candidate) {
                Err(found) => {
                    (script, reason, shorter) = (candidate, found, true);
                }
                Ok(_) => at = end,
            }
        }
        if !shorter || chunk > 1 {
            chunk /= 2;
        }
    }
    (script, reason)
}

/// A step, and what goes on after it.
pub(crate) fn show(Beat { step, polls, timers }: &Beat) -> String {
    let then = match (polls, timers) {
        (0, 0) => String::new(),
        (polls, 0) => format!("  then {polls} polls"),
        (polls, timers) => format!("  then {polls} polls, {timers} timers"),
    };
    format!("{}{then}", name(step))
}

fn name(step: &Step) -> String {
    match step {
        Step::Give { device, tab, ask, named, caused } => {
            let named = if *named { ", named" } else { "" };
            let caused = if *caused { ", caused by the last" } else { "" };
            format!("device {device}, tab {tab}: {ask:?}{named}{caused}")
        }
        other => format!("{other:?}"),
    }
}
