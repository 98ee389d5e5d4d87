//! `cargo xtask size`: what a page has to load, against the budget.

use serde_json::Value;

use crate::build::{Build, Part};
use crate::error::Error;
use crate::process;
use crate::setup::Setup;

/// Bundles the default entry as an app's bundler would, and compresses.
const MEASURE: &str = "xtask/src/size/measure.mjs";

/// Bytes after gzip, in kilobytes of 1,000.
const BUDGET_JAVASCRIPT: u64 = 25_000;
const BUDGET_WASM: u64 = 120_000;

/// Builds the package and prints the table. Being over budget is reported, and no error.
pub(crate) fn run(setup: &mut Setup) -> Result<(), Error> {
    Build::default().make(setup, &[Part::Package])?;
    let workspace = setup.workspace();
    let sizes = process::answer(setup.command("node").arg(MEASURE).arg(workspace.root()))
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .ok_or_else(|| {
            Error::Missing(format!("the sizes can't be measured: run `node {MEASURE} .` to see why"))
        })?;
    println!("{:<12} {:>10} {:>10} {:>10}   budget (gzip)", "", "raw", "gzip", "brotli");
    let rows = [
        ("JavaScript", "javascript", Some(BUDGET_JAVASCRIPT)),
        ("wasm", "wasm", Some(BUDGET_WASM)),
        // loaded only where a bundler has lost the wasm
        ("wasm in JS", "lazy", None),
        ("worker", "worker", None),
    ];
    for (name, key, budget) in rows {
        let [raw, gzip, brotli] =
            ["raw", "gzip", "brotli"].map(|form| sizes[key][form].as_u64().unwrap_or(0));
        if raw == 0 {
            continue;
        }
        let note = match budget {
            Some(budget) => format!("{}: {}", kilobytes(budget), against(gzip, budget)),
            None if key == "worker" => "none, tidelog/service-worker: all of it in one file".into(),
            None => "none, loaded only if the wasm file is not found".into(),
        };
        println!(
            "{name:<12} {:>10} {:>10} {:>10}   {note}",
            kilobytes(raw),
            kilobytes(gzip),
            kilobytes(brotli)
        );
    }
    Ok(())
}

fn against(size: u64, budget: u64) -> String {
    match budget.checked_sub(size) {
        Some(left) => format!("{} left", kilobytes(left)),
        None => format!("{} OVER", kilobytes(size - budget)),
    }
}

/// Of 1,000 bytes, with one digit after the point.
fn kilobytes(bytes: u64) -> String {
    format!("{:.1} kB", bytes as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_says_what_is_left_or_over() {
        assert_eq!(against(24_900, 25_000), "0.1 kB left");
        assert_eq!(against(25_000, 25_000), "0.0 kB left");
        assert_eq!(against(131_500, 120_000), "11.5 kB OVER");
    }
}
