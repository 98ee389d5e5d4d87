//! The stages of `cargo xtask test`: what each needs and runs.

use std::process::Command;

use crate::build::{Build, Part, TEST_ENVIRONMENT, server_binary};
use crate::error::Error;
use crate::fuzz;
use crate::setup::{Browser, Need, Setup, TARGET, Tool, npm_run, package_scripts};
use crate::workspace::Workspace;

/// A part of the tests that can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The crate and this program on the machine itself, doc tests included.
    Native,
    /// The sync server.
    Server,
    /// The sync server over PostgreSQL.
    Postgres,
    /// The rules of the protocol, tried on every server, and those of Durable Streams, tried on its feed.
    Conformance,
    /// Random histories of devices, network and server.
    Simulate,
    /// Bytes that nobody meant, thrown at what reads them.
    Fuzz,
    /// Requests that an OpenAPI document gives rise to.
    OpenApi,
    /// `wasm-pack build` as typed by hand.
    WasmPack,
    /// The tests of the crate in a browser.
    Wasm(Browser),
    /// TypeScript type checks; each package counts as one test.
    Types,
    /// The unit tests of the npm packages.
    Unit,
    /// What the READMEs, the guide and the examples show.
    Guide,
    /// Everything together in Chromium.
    EndToEnd,
    /// The same devices in each of the three engines, as people have them: killed, and in many tabs.
    Engines,
}

impl Stage {
    pub(crate) const ALL: [Stage; 16] = [
        Stage::Native,
        Stage::Server,
        Stage::Postgres,
        Stage::Conformance,
        Stage::Simulate,
        Stage::Fuzz,
        Stage::OpenApi,
        Stage::WasmPack,
        Stage::Wasm(Browser::Chromium),
        Stage::Wasm(Browser::Firefox),
        Stage::Wasm(Browser::Webkit),
        Stage::Types,
        Stage::Unit,
        Stage::Guide,
        Stage::EndToEnd,
        Stage::Engines,
    ];

    /// What `--only` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::Native => "native",
            Stage::Server => "server",
            Stage::Postgres => "postgres",
            Stage::Conformance => "conformance",
            Stage::Simulate => "simulate",
            Stage::Fuzz => "fuzz",
            Stage::OpenApi => "openapi",
            Stage::WasmPack => "wasm-pack",
            Stage::Wasm(Browser::Chromium) => "wasm-chromium",
            Stage::Wasm(Browser::Firefox) => "wasm-firefox",
            Stage::Wasm(Browser::Webkit) => "wasm-webkit",
            Stage::Types => "types",
            Stage::Unit => "unit",
            Stage::Guide => "guide",
            Stage::EndToEnd => "e2e",
            Stage::Engines => "engines",
        }
    }

    /// The stages that the command line names; all without a name.
    ///
    /// # Errors
    /// [`Error::Usage`] lists those there are.
    pub(crate) fn chosen(names: Option<&str>) -> Result<Vec<Stage>, Error> {
        let Some(names) = names else { return Ok(Stage::ALL.to_vec()) };
        let named = |name: &str| {
            Stage::ALL.into_iter().find(|stage| stage.name() == name).ok_or_else(|| {
                let names = Stage::ALL.map(Stage::name).join(", ");
                Error::Usage(format!("there is no stage `{name}`; there are {names}"))
            })
        };
        names.split(',').map(named).collect()
    }

    /// What the stage is skipped without, where it can't be had, and the names for messages.
    pub(crate) fn hosts(self) -> Vec<(Need, &'static str)> {
        let browser = |browser: Browser| (Need::Browser(browser), browser.name());
        match self {
            Stage::Wasm(one) => vec![browser(one)],
            Stage::EndToEnd => vec![browser(Browser::Chromium)],
            Stage::Engines => Browser::ALL.map(browser).into(),
            Stage::Postgres => vec![(Need::Postgres, "PostgreSQL")],
            Stage::OpenApi => vec![(Need::Schemathesis, "Schemathesis")],
            _ => Vec::new(),
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Stage::Native | Stage::Server | Stage::Postgres | Stage::Simulate | Stage::OpenApi => &[],
            Stage::Fuzz => &[Need::Tool(Tool::CargoFuzz)],
            Stage::WasmPack | Stage::Wasm(_) => {
                &[Need::WasmTarget, Need::Tool(Tool::WasmBindgen), Need::Tool(Tool::WasmPack)]
            }
            Stage::Conformance
            | Stage::Types
            | Stage::Unit
            | Stage::Guide
            | Stage::EndToEnd
            | Stage::Engines => &[Need::Npm],
        }
    }

    /// What some of its tests are left out without, where it can't be had.
    pub(crate) fn wishes(self) -> &'static [Need] {
        match self {
            Stage::Conformance | Stage::EndToEnd => &[Need::Postgres],
            _ => &[],
        }
    }

    /// Installs and builds what the stage runs on.
    pub(crate) fn prepare(self, setup: &mut Setup, build: &mut Build) -> Result<(), Error> {
        setup.require(self.needs())?;
        match self {
            Stage::Native
            | Stage::Server
            | Stage::Postgres
            | Stage::Simulate
            | Stage::OpenApi
            | Stage::WasmPack => Ok(()),
            Stage::Fuzz => fuzz::prepare(setup),
            Stage::Conformance => build.make(setup, &[Part::Server]),
            Stage::Wasm(_) => build.compile_tests(setup),
            Stage::Types | Stage::Unit => build.make(setup, &[Part::Package]),
            Stage::Guide => build.make(setup, &[Part::Package, Part::Modules]),
            Stage::EndToEnd => {
                package_scripts(setup.workspace(), END_TO_END)?;
                build.make(setup, &[Part::Package, Part::Server, Part::Www])
            }
            Stage::Engines => build.make(setup, &[Part::Package, Part::Server]),
        }
    }

    /// The commands of the stage; all run, also after one that failed.
    pub(crate) fn commands(self, setup: &Setup) -> Result<Vec<Run>, Error> {
        let runs = match self {
            Stage::Native => {
                let mut cargo = setup.command("cargo");
                cargo.args([
                    "test",
                    "--workspace",
                    "--exclude",
                    "tidelog-server",
                    "--exclude",
                    "tidelog-simulator",
                    "--features",
                    "tidelog/testing",
                ]);
                vec![Run::counting(no_fail_fast(cargo))]
            }
            Stage::Server => {
                let mut cargo = setup.command("cargo");
                cargo.args(["test", "--package", "tidelog-server", "--features", "tidelog/testing"]);
                let mut cargo = no_fail_fast(cargo);
                cargo.args(["--", "--skip", WITH_POSTGRES, "--skip", WITH_SCHEMATHESIS]);
                vec![Run::counting(cargo)]
            }
            Stage::Postgres => {
                let mut cargo = setup.command("cargo");
                cargo.args([
                    "test",
                    "--package",
                    "tidelog-server",
                    "--features",
                    "tidelog/testing",
                    "--no-fail-fast",
                ]);
                cargo.args(["--lib", "--test", "server", WITH_POSTGRES]);
                cargo.env("TIDELOG_POSTGRES_BIN", setup.postgres().unwrap_or_default());
                vec![Run::counting(cargo)]
            }
            Stage::Conformance => {
                let on_servers = |folder| {
                    let mut npm = npm_run(setup, "test", folder);
                    npm.env("TIDELOG_SERVER_BIN", server_binary(setup.workspace()));
                    name_postgres(&mut npm, setup);
                    Run::counting(npm)
                };
                [CONFORMANCE, DURABLE_STREAMS, LOAD].map(on_servers).into()
            }
            Stage::Simulate => {
                let mut cargo = setup.command("cargo");
                cargo.args(["test", "--profile", "simulate", "--package", "tidelog-simulator"]);
                cargo.args(["--", "--nocapture"]);
                vec![Run::counting(cargo)]
            }
            Stage::Fuzz => fuzz::TARGETS.map(|target| Run::single(fuzz::briefly(setup, target))).into(),
            Stage::OpenApi => {
                let mut cargo = setup.command("cargo");
                cargo.args(["test", "--package", "tidelog-server", "--features", "tidelog/testing"]);
                // ignored where `cargo test` is typed by hand, without the program
                cargo.args(["--test", "server", WITH_SCHEMATHESIS, "--", "--ignored"]);
                cargo.env("TIDELOG_SCHEMATHESIS_BIN", setup.schemathesis().unwrap_or_default());
                vec![Run::counting(cargo)]
            }
            Stage::WasmPack => vec![Run::single(wasm_pack_build(setup)?)],
            Stage::Wasm(browser) => vec![Run::counting(in_browser(setup, browser)?)],
            Stage::Types => {
                let folders = with_script(setup.workspace(), "typecheck")?;
                folders.iter().map(|folder| Run::single(npm_run(setup, "typecheck", folder))).collect()
            }
            Stage::Unit => {
                let mut folders = with_script(setup.workspace(), "test")?;
                folders.retain(|folder| {
                    ![CONFORMANCE, DURABLE_STREAMS, LOAD, GUIDE, END_TO_END].contains(folder)
                });
                folders.iter().map(|folder| Run::counting(npm_run(setup, "test", folder))).collect()
            }
            Stage::Guide => vec![Run::counting(npm_run(setup, "test", GUIDE))],
            Stage::EndToEnd => vec![Run::counting(end_to_end(setup, "test"))],
            Stage::Engines => vec![Run::counting(end_to_end(setup, "engines"))],
        };
        Ok(runs)
    }
}

/// One command of a stage.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: Command,
    /// Whether it prints how many tests it ran; otherwise it is one test itself.
    pub(crate) counts: bool,
}

impl Run {
    fn counting(command: Command) -> Run {
        Run { command, counts: true }
    }

    fn single(command: Command) -> Run {
        Run { command, counts: false }
    }
}

/// The npm packages of the repository, in the order of building.
pub(crate) const PACKAGES: [&str; 7] = ["pkg", CONFORMANCE, DURABLE_STREAMS, LOAD, "www", GUIDE, END_TO_END];

const CONFORMANCE: &str = "conformance";

/// The published suite of Durable Streams.
const DURABLE_STREAMS: &str = "tests/durable-streams";

/// The server under load; its tests are a moment of it.
const LOAD: &str = "load";

const GUIDE: &str = "tests/guide";

/// What the paths of the server's tests have in them that are about PostgreSQL, most of which start one.
const WITH_POSTGRES: &str = "postgres::";

/// The same of those that need Schemathesis.
const WITH_SCHEMATHESIS: &str = "schemathesis::";

const END_TO_END: &str = "tests/e2e";

/// The packages that have a script of this name. A package that isn't there is an error: a test must not vanish.
pub(crate) fn with_script(workspace: &Workspace, script: &str) -> Result<Vec<&'static str>, Error> {
    let mut folders = Vec::new();
    for folder in PACKAGES {
        if package_scripts(workspace, folder)?.iter().any(|name| name == script) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// Tells tests in JavaScript where PostgreSQL's programs are, if there are any.
fn name_postgres(npm: &mut Command, setup: &Setup) {
    if let Some(programs) = setup.postgres() {
        npm.env("TIDELOG_POSTGRES_BIN", programs);
    }
}

fn no_fail_fast(mut cargo: Command) -> Command {
    cargo.arg("--no-fail-fast");
    cargo
}

/// Whole devices against the real server, by a script of their package.
fn end_to_end(setup: &Setup, script: &str) -> Command {
    let mut npm = npm_run(setup, script, END_TO_END);
    npm.env("TIDELOG_SERVER_BIN", server_binary(setup.workspace()));
    npm.env("TIDELOG_CHROMIUM", setup.chromium().unwrap_or_default());
    name_postgres(&mut npm, setup);
    npm
}

/// As people type it who know wasm-pack and not this repository.
fn wasm_pack_build(setup: &Setup) -> Result<Command, Error> {
    let out = setup.workspace().scratch()?.join("wasm-pack");
    let mut command = setup.wasm_command("wasm-pack");
    command.args(["build", "--no-pack", "--out-dir"]).arg(out);
    Ok(command)
}

/// Chromium is run by wasm-pack as typed by hand; the others straight by cargo, which unlike wasm-pack goes on after the
/// first test file that fails.
fn in_browser(setup: &Setup, browser: Browser) -> Result<Command, Error> {
    let driver = setup
        .driver(browser)
        .ok_or_else(|| Error::Missing(format!("the program that drives {} is missing", browser.name())))?;
    let direct = |mut command: Command, variable: &str| {
        command.args(["test", "--package", "tidelog", "--target", TARGET, "--tests", "--no-fail-fast"]);
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", "wasm-bindgen-test-runner");
        command.env(variable, &driver);
        command
    };
    let mut command = match browser {
        Browser::Chromium => {
            let mut command = setup.wasm_command("wasm-pack");
            command.args(["test", "--headless", "--chrome"]);
            command
        }
        Browser::Firefox => direct(setup.wasm_command("cargo"), "GECKODRIVER"),
        Browser::Webkit => {
            let mut screen = setup.wasm_command("xvfb-run");
            // the sandbox wants rights that a container has not, and the pages are our own tests
            screen.args(["-a", "cargo"]).env("WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS", "1");
            direct(screen, "SAFARIDRIVER")
        }
    };
    command.envs(TEST_ENVIRONMENT);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_chosen_by_name() {
        assert_eq!(Stage::chosen(Some("e2e,native")).ok(), Some(vec![Stage::EndToEnd, Stage::Native]));
        assert_eq!(Stage::chosen(None).map(|all| all.len()).ok(), Some(16));
        let refused = Stage::chosen(Some("native,e3e")).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|text| {
            text.starts_with("there is no stage `e3e`; there are native, server, postgres, ")
        }));
    }
}
