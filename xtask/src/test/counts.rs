//! How many tests passed, read from what the test runners print.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

use crate::progress::plain;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Sums what cargo, wasm-bindgen-test-runner, node:test and vitest say in `output`.
    pub(crate) fn read(output: &str) -> Counts {
        plain(output).lines().filter_map(line).sum()
    }

    /// Whether no test was so much as mentioned.
    pub(crate) fn is_empty(self) -> bool {
        self == Counts::default()
    }
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(all: I) -> Counts {
        all.fold(Counts::default(), Add::add)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

fn line(line: &str) -> Option<Counts> {
    let line = line.trim();
    // cargo test and wasm-bindgen-test-runner: `test result: ok. 3 passed; 0 failed; 1 ignored; …`
    if let Some(rest) = line.strip_prefix("test result: ") {
        let (_, rest) = rest.split_once(". ")?;
        return Some(rest.split("; ").filter_map(amount).sum());
    }
    // node:test: `# pass 3`, or `ℹ pass 3` on a terminal
    if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
        let (what, number) = rest.split_once(' ')?;
        return counted(number.parse().ok()?, what);
    }
    // vitest: `Tests  1 failed | 3 passed (4)`
    let rest = line.strip_prefix("Tests ")?.trim_start();
    let (rest, _) = rest.rsplit_once(" (")?;
    Some(rest.split(" | ").filter_map(amount).sum())
}

/// `3 passed`.
fn amount(text: &str) -> Option<Counts> {
    let (number, what) = text.trim().split_once(' ')?;
    counted(number.parse().ok()?, what)
}

fn counted(number: u64, what: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    match what {
        "passed" | "pass" => counts.passed = number,
        "failed" | "fail" | "cancelled" => counts.failed = number,
        "ignored" | "skipped" | "todo" => counts.skipped = number,
        _ => return None,
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, passed: u64, failed: u64, skipped: u64) {
        assert_eq!(Counts::read(output), Counts { passed, failed, skipped }, "{output}");
    }

    #[test]
    fn every_binary_of_cargo_test_counts() {
        check(
            "running 3 tests\ntest a ... ok\n\
             test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
             test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.50s\n",
            7,
            2,
            1,
        );
    }

    #[test]
    fn the_runner_in_the_browser_prints_the_same_with_less() {
        check("test result: ok. 1 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.14s\n", 1, 0, 0);
    }

    #[test]
    fn node_counts_what_was_cancelled_as_failed() {
        let tap = "# tests 9\n# suites 2\n# pass 5\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 1\n# duration_ms 12.5\n";
        check(tap, 5, 2, 2);
        check("ℹ tests 2\nℹ pass 2\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n", 2, 0, 0);
    }

    #[test]
    fn vitest_counts_tests_and_not_files() {
        check(
            " Test Files  1 failed | 2 passed (3)\n      Tests  1 failed | 12 passed | 2 skipped (15)\n",
            12,
            1,
            2,
        );
        check(
            "\u{1b}[2m      Tests \u{1b}[22m \u{1b}[1m\u{1b}[32m4 passed\u{1b}[39m\u{1b}[22m\u{1b}[90m (4)\u{1b}[39m\n",
            4,
            0,
            0,
        );
    }

    #[test]
    fn what_only_looks_like_a_count_is_none() {
        check(
            "# a heading\n# pass the salt\ntest result: ok\nTests are fun (really)\nno tests to run!\n",
            0,
            0,
            0,
        );
        assert!(Counts::read("no tests to run!").is_empty());
    }

    #[test]
    fn skipped_shows_only_if_there_is_any() {
        assert_eq!(Counts { passed: 3, failed: 0, skipped: 0 }.to_string(), "3 passed, 0 failed");
        assert_eq!(Counts { passed: 3, failed: 1, skipped: 2 }.to_string(), "3 passed, 1 failed, 2 skipped");
    }
}
