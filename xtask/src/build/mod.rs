//! Everything that is built: the wasm, the npm package on top of it, the server, the demo page, and the examples' own wasm.

mod package;
mod server;
mod short_names;
mod wasm;

pub(crate) use server::server_binary;
pub(crate) use wasm::TEST_ENVIRONMENT;

use crate::error::Error;
use crate::setup::{Need, Setup, Tool};

/// Something to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `pkg/wasm/`: the core for the browser, with its JavaScript glue.
    Wasm,
    /// `pkg/dist/`: what npm carries.
    Package,
    /// The sync server, optimized.
    Server,
    /// `www/dist/`: the demo page.
    Www,
    /// `rust/wasm/` of the examples that have one: modules of an app's own, with aggregates in Rust.
    Modules,
}

impl Part {
    pub(crate) const ALL: [Part; 5] = [Part::Wasm, Part::Package, Part::Server, Part::Www, Part::Modules];

    fn name(self) -> &'static str {
        match self {
            Part::Wasm => "wasm",
            Part::Package => "package",
            Part::Server => "server",
            Part::Www => "www",
            Part::Modules => "modules",
        }
    }

    /// The part that the command line calls so.
    ///
    /// # Errors
    /// [`Error::Usage`] lists those there are.
    pub(crate) fn named(name: &str) -> Result<Part, Error> {
        Part::ALL.into_iter().find(|part| part.name() == name).ok_or_else(|| {
            let names = Part::ALL.map(Part::name).join(", ");
            Error::Usage(format!("there is no part `{name}`; there are {names}"))
        })
    }

    /// What must be built before it.
    fn on_top_of(self) -> &'static [Part] {
        match self {
            Part::Wasm | Part::Server | Part::Modules => &[],
            Part::Package => &[Part::Wasm],
            Part::Www => &[Part::Package],
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Part::Wasm | Part::Modules => &[Need::WasmTarget, Need::Tool(Tool::WasmBindgen), Need::Npm],
            Part::Package | Part::Www => &[Need::Npm],
            Part::Server => &[],
        }
    }
}

/// Builds each part at most once.
#[derive(Debug, Default)]
pub(crate) struct Build {
    done: Vec<Part>,
    tests_compiled: bool,
}

impl Build {
    /// Builds `parts` and what they are made on top of.
    pub(crate) fn make(&mut self, setup: &mut Setup, parts: &[Part]) -> Result<(), Error> {
        for part in parts {
            if self.done.contains(part) {
                continue;
            }
            self.make(setup, part.on_top_of())?;
            setup.require(part.needs())?;
            match part {
                Part::Wasm => wasm::build(setup)?,
                Part::Package => package::build(setup, "pkg", "pkg/dist/index.js")?,
                Part::Server => server::build(setup)?,
                Part::Www => package::build(setup, "www", "www/dist/index.html")?,
                Part::Modules => wasm::build_modules(setup)?,
            }
            self.done.push(*part);
        }
        Ok(())
    }

    /// Compiles the tests of the root crate for the browser, once for all browsers. Ask for [`Need::WasmTarget`] before.
    pub(crate) fn compile_tests(&mut self, setup: &Setup) -> Result<(), Error> {
        if !self.tests_compiled {
            wasm::compile_tests(setup)?;
            self.tests_compiled = true;
        }
        Ok(())
    }
}

/// `cargo xtask build`.
pub(crate) fn run(setup: &mut Setup, only: Option<Part>) -> Result<(), Error> {
    let parts = only.map_or(Part::ALL.to_vec(), |part| vec![part]);
    Build::default().make(setup, &parts)
}
