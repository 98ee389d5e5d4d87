//! The real binary as a child process.

use crate::kit::{LogClient, TOKEN};
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

/// A running server; it dies with this value.
pub(crate) struct Process {
    child: Child,
    pub(crate) client: LogClient,
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidelog-server"));
    command
        .args(args)
        .env_remove("TIDELOG_TOKENS")
        .env_remove("TIDELOG_DATABASE")
        .env_remove("TIDELOG_JWT_SECRET")
        .kill_on_drop(true);
    command
}

impl Process {
    /// `database` is a file, or the address of one.
    pub(crate) async fn start(database: impl AsRef<Path>, more: &[&str]) -> Self {
        let database = database.as_ref().to_str().unwrap();
        let args = ["--listen", "127.0.0.1:0", "--database", database, "--token", TOKEN, "--log", "warn"];
        let mut child = command(&[&args, more].concat()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let address = line.strip_prefix("listening on ").unwrap().trim_end();
        Self { client: LogClient::new(address, "academy"), child }
    }

    /// As the power failing, for the process: SIGKILL.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().unwrap();
        let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Its exit code, once it has ended.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}

/// Runs the binary to its end: exit code, standard output and standard error.
pub(crate) async fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = command(args).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// All that a stream still brings.
pub(crate) async fn rest(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}
