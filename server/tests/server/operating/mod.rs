//! What an operator sees of the real binary: its log, its numbers, whether it lives and is ready, and what is in its logs.

mod contents;
mod lines;
mod numbers;
mod readiness;

use crate::{
    kit::{LogClient, TOKEN},
    process::command,
};
use serde_json::Value;
use std::process::Stdio;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout},
};

/// A server whose output is read; it dies with this value.
struct Operated {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    log: Lines<BufReader<ChildStderr>>,
    client: LogClient,
}

impl Operated {
    async fn start(database: &str, more: &[&str]) -> Self {
        let args = ["--listen", "127.0.0.1:0", "--database", database, "--token", TOKEN];
        let mut child =
            command(&[&args, more].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = out.next_line().await.unwrap().unwrap();
        let client = LogClient::new(line.strip_prefix("listening on ").unwrap(), "academy");
        Self { child, out, log, client }
    }

    /// The next line of its log.
    async fn line(&mut self) -> String {
        self.log.next_line().await.unwrap().unwrap()
    }

    /// The next line of its log, which is JSON.
    async fn json(&mut self) -> Value {
        let line = self.line().await;
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }
}
