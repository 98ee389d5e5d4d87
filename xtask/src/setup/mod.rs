//! What a command needs beyond this repository, installed if it is missing.
//!
//! Only what is asked for is looked at, so that `cargo xtask test --only native` needs nothing but cargo. A second run finds
//! everything in place and prints nothing.

mod apt;
mod browser;
mod debian_toolchain;
mod npm;
mod postgres;
mod schemathesis;
mod tool;
mod wasm_target;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use browser::Browser;
pub(crate) use npm::{npm_run, package_scripts};
pub(crate) use tool::Tool;
pub(crate) use wasm_target::TARGET;

use crate::error::Error;
use crate::workspace::Workspace;

/// Something to be there before a command can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A toolchain that compiles for the browser.
    WasmTarget,
    /// A program that cargo installs.
    Tool(Tool),
    /// Node and the npm packages of the lock file.
    Npm,
    /// The npm packages of the stores that stand beside ours under load.
    Peers,
    /// A browser and what drives it.
    Browser(Browser),
    /// The programs of PostgreSQL.
    Postgres,
    /// Schemathesis.
    Schemathesis,
}

/// Knows and installs what is missing.
#[derive(Debug)]
pub(crate) struct Setup {
    workspace: Workspace,
    install: bool,
    /// The folder of the toolchain that builds for the browser, if it isn't the active one.
    wasm_toolchain: Option<PathBuf>,
    met: Vec<Need>,
    apt: apt::Apt,
}

impl Setup {
    /// `install`: whether missing things may be installed.
    pub(crate) fn new(workspace: &Workspace, install: bool) -> Setup {
        Setup {
            workspace: workspace.clone(),
            install,
            wasm_toolchain: wasm_target::linked_fallback(workspace),
            met: Vec::new(),
            apt: apt::Apt::default(),
        }
    }

    /// The folders that everything works in.
    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Sees to all of `needs`.
    ///
    /// # Errors
    /// [`Error::Missing`] says what can't be had, or may not be installed, and how to get it by hand: all of it at once.
    pub(crate) fn require(&mut self, needs: &[Need]) -> Result<(), Error> {
        let mut missing = Missing::default();
        for need in needs {
            if self.met.contains(need) {
                continue;
            }
            let result = match need {
                Need::WasmTarget => wasm_target::require(self),
                Need::Tool(tool) => tool::require(self, *tool),
                Need::Npm => npm::require(self, npm::WORKSPACE),
                Need::Peers => npm::require(self, npm::PEERS),
                Need::Browser(browser) => browser::require(self, *browser),
                Need::Postgres => postgres::require(self),
                Need::Schemathesis => schemathesis::require(self),
            };
            if missing.note(result)? {
                self.met.push(*need);
            }
        }
        missing.into_result()
    }

    /// Whether what is missing is installed rather than named.
    pub(crate) fn installs(&self) -> bool {
        self.install
    }

    /// Where commands are looked for: our own tools first, then `PATH`.
    pub(crate) fn search_path(&self) -> OsString {
        let mut folders = vec![self.tool_folder()];
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        std::env::join_paths(folders).unwrap_or_default()
    }

    /// The first program of this name on the search path.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.search_path())
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
    }

    /// A command that runs in the root of the repository and finds our tools.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(self.workspace.root()).env("PATH", self.search_path());
        // cargo described this program to itself; passed on, it makes build scripts run again
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// A command for cargo or wasm-pack that compiles for the browser. Ask for [`Need::WasmTarget`] before.
    pub(crate) fn wasm_command(&self, program: &str) -> Command {
        let mut command = self.command(program);
        if let Some(folder) = &self.wasm_toolchain {
            // clippy asks for the folder in a way of its own
            command.env("RUSTUP_TOOLCHAIN", debian_toolchain::NAME).env("SYSROOT", folder);
        }
        command
    }

    fn tool_folder(&self) -> PathBuf {
        self.workspace.cache().join("tools/bin")
    }

    /// Refuses to install `what` under `--no-install`, saying how to get it.
    fn may_install(&self, what: &str, by_hand: &str) -> Result<(), Error> {
        if self.install {
            return Ok(());
        }
        Err(Error::Missing(format!("{what} is missing: leave out --no-install, or run `{by_hand}`")))
    }
}

/// What could not be had, gathered so that one run names all of it.
#[derive(Debug, Default)]
struct Missing {
    texts: Vec<String>,
}

impl Missing {
    /// Whether the result was a good one. Errors only on Ctrl-C.
    fn note(&mut self, result: Result<(), Error>) -> Result<bool, Error> {
        match result {
            Ok(()) => Ok(true),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(error) => {
                self.texts.push(error.to_string());
                Ok(false)
            }
        }
    }

    fn into_result(self) -> Result<(), Error> {
        if self.texts.is_empty() { Ok(()) } else { Err(Error::Missing(self.texts.join("\n       "))) }
    }
}

/// `cargo xtask setup`: everything for every command. What can't be had is named and does not stop the rest.
pub(crate) fn run(setup: &mut Setup) -> Result<(), Error> {
    let tools = Tool::ALL.map(Need::Tool);
    let browsers = Browser::ALL.map(Need::Browser);
    setup.require(
        &[
            &[Need::WasmTarget][..],
            &tools,
            &[Need::Npm, Need::Peers, Need::Postgres, Need::Schemathesis],
            &browsers,
        ]
        .concat(),
    )?;
    println!("setup          everything is there");
    Ok(())
}

/// `cargo xtask env`: lines for a shell to evaluate.
pub(crate) fn print_environment(setup: &Setup) -> Result<(), Error> {
    println!("export PATH='{}':\"$PATH\"", setup.tool_folder().display());
    if setup.wasm_toolchain.is_some() {
        println!("export RUSTUP_TOOLCHAIN={}", debian_toolchain::NAME);
    }
    Ok(())
}
