//! Schemathesis, which makes requests of an OpenAPI document: a Python program, in an environment of its own.

use std::path::PathBuf;
use std::process::Command;

use super::Setup;
use crate::error::Error;
use crate::process;
use crate::step;

const VERSION: &str = "4.32.5";

impl Setup {
    /// The program.
    pub(crate) fn schemathesis(&self) -> Option<PathBuf> {
        let program = self.folder_of_schemathesis().join("bin/schemathesis");
        let answers = |program: &PathBuf| process::answer(Command::new(program).arg("--version")).is_some();
        Some(program).filter(answers)
    }

    fn folder_of_schemathesis(&self) -> PathBuf {
        self.workspace().cache().join(format!("tools/schemathesis-{VERSION}"))
    }
}

/// Finds or installs it.
pub(super) fn require(setup: &mut Setup) -> Result<(), Error> {
    if setup.schemathesis().is_some() {
        return Ok(());
    }
    let folder = setup.folder_of_schemathesis();
    let place = folder.display().to_string();
    let what = format!("schemathesis=={VERSION}");
    let by_hand = format!("python3 -m venv {place} && {place}/bin/pip install {what}");
    setup.may_install(&format!("Schemathesis {VERSION}"), &by_hand)?;
    if process::answer(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_none() {
        let Setup { apt, workspace, .. } = setup;
        apt.install(workspace, &["python3-venv"])?;
    }
    let mut make = setup.command("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    let mut install = setup.command(folder.join("bin/pip"));
    install.args(["install", "--disable-pip-version-check", &what]);
    step::all(setup.workspace(), "setup schemathesis", &format!("pip install {what}"), &mut [make, install])?;
    if setup.schemathesis().is_some() {
        return Ok(());
    }
    Err(Error::Missing(format!("after installing {what} into {place}, it does not start")))
}
