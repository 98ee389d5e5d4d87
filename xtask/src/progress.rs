//! One line at the start of a step and one at its end; in between a sign of life.

use std::fs::File;
use std::io::{IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often a step that takes long shows that it is alive: on a terminal in place, otherwise on a line of its own.
const ALIVE_TERMINAL: Duration = Duration::from_secs(1);
const ALIVE_PLAIN: Duration = Duration::from_secs(30);

/// How many lines of its log are shown when a step fails.
const TAIL: usize = 60;

/// The progress lines of one step.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    started: Instant,
    last_sign: Instant,
    terminal: bool,
}

impl Progress {
    /// Prints the first line.
    pub(crate) fn start(name: &str, doing: &str) -> Progress {
        println!("{name:<14} {doing}");
        let now = Instant::now();
        Progress {
            name: name.into(),
            started: now,
            last_sign: now,
            terminal: std::io::stdout().is_terminal(),
        }
    }

    /// The name of the step.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How long the step has been running.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Called often; shows the elapsed time and the last line of `log` now and then.
    pub(crate) fn alive(&mut self, log: &Path) {
        let every = if self.terminal { ALIVE_TERMINAL } else { ALIVE_PLAIN };
        if self.last_sign.elapsed() < every {
            return;
        }
        self.last_sign = Instant::now();
        let line = last_lines(log, 1).pop().unwrap_or_default();
        let text: String = format!("{:<14} … {}  {}", self.name, duration(self.elapsed()), line.trim());
        let text: String = text.chars().take(100).collect();
        if self.terminal {
            print!("\r\x1b[K{text}");
            let _ = std::io::stdout().flush();
        } else {
            println!("{text}");
        }
    }

    /// Prints the last line: what came of it, and how long it took.
    pub(crate) fn end(&self, outcome: &str) {
        self.clear();
        println!("{:<14} {outcome} ({})", self.name, duration(self.elapsed()));
    }

    /// Prints the last line of a step that failed, after the end of its log.
    pub(crate) fn fail(&self, outcome: &str, log: &Path) {
        self.clear();
        for line in last_lines(log, TAIL) {
            println!("    | {line}");
        }
        self.end(&format!("FAILED: {outcome}, all output in {}", log.display()));
    }

    fn clear(&self) {
        if self.terminal {
            print!("\r\x1b[K");
        }
    }
}

/// `52 s`, or `3 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = seconds.round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

/// The last `count` lines of a file that say something, without terminal colours; none if it can't be read.
fn last_lines(file: &Path, count: usize) -> Vec<String> {
    const REACH: u64 = 64 * 1024;
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(REACH)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = plain(&String::from_utf8_lossy(&read().unwrap_or_default()));
    let lines: Vec<&str> =
        text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_backtrace(line)).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Whether a line is a frame of a Rust backtrace, `  12: name` or `     at file:line`; the log has them, a tail needs its lines.
fn is_backtrace(line: &str) -> bool {
    let line = line.strip_prefix("   ").unwrap_or_default().trim_start();
    let number = line.split_once(": ").map_or("", |(number, _)| number);
    line.starts_with("at ") || (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// `text` without the escape sequences that colour a terminal.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter == '\u{1b}' && rest.peek() == Some(&'[') {
            rest.next();
            while rest.next().is_some_and(|letter| !letter.is_ascii_alphabetic()) {}
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(duration(Duration::from_millis(9_960)), "10 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn backtraces_are_known() {
        assert!(is_backtrace("   3: core::panicking::panic_fmt"));
        assert!(is_backtrace("             at ./tests/server/sqlite_file.rs:94:97"));
        assert!(!is_backtrace("thread 'one' panicked at src/lib.rs:3:1:"));
        assert!(!is_backtrace("  left: 3"));
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("\u{1b}[32m✓\u{1b}[39m passed\u{1b}[1;31m!\u{1b}[0m"), "✓ passed!");
        assert_eq!(plain("cut off \u{1b}[3"), "cut off ");
    }
}
