//! Debian packages.

use std::process::{Command, Stdio};

use crate::error::Error;
use crate::process;
use crate::progress::Progress;
use crate::step;
use crate::workspace::Workspace;

/// Debian's package manager, as root or through sudo.
#[derive(Debug, Default)]
pub(super) struct Apt {
    updated: bool,
}

impl Apt {
    /// Installs `packages`, fetching the list of packages once per run.
    ///
    /// # Errors
    /// [`Error::Missing`] names the packages where there is no apt or no right to use it.
    pub(super) fn install(&mut self, workspace: &Workspace, packages: &[&str]) -> Result<(), Error> {
        let list = packages.join(" ");
        let prefix = authority().ok_or_else(|| {
            Error::Missing(format!(
                "these Debian packages are needed and can't be installed from here (no apt-get, or not root and no sudo): \
                 run `apt-get install {list}` as root, or install what corresponds to them on this system"
            ))
        })?;
        let apt = |words: &[&str]| {
            let mut words = words.to_vec();
            words.splice(0..0, prefix.iter().copied());
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        };
        let options =
            ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];
        let mut install = apt(&[&options[..], packages].concat());
        let name = "setup apt";
        let log = workspace.log(name)?;
        let _ = std::fs::remove_file(&log);
        let mut progress = Progress::start(name, &format!("apt-get install {list}"));
        if !self.updated {
            // one broken source among several fails it, and what is wanted may come from another
            process::run(&mut apt(&["apt-get", "update"]), &log, step::LIMIT, &mut progress)?;
            self.updated = true;
        }
        if process::run(&mut install, &log, step::LIMIT, &mut progress)?.success {
            progress.end("installed");
            return Ok(());
        }
        progress.fail(&format!("apt-get can't install {list}"), &log);
        Err(Error::Missing(format!("apt-get can't install {list}; its output is in {}", log.display())))
    }
}

/// Whether a package is there.
pub(super) fn is_installed(package: &str) -> bool {
    let status =
        process::answer(Command::new("dpkg-query").args(["--show", "--showformat=${Status}", package]));
    status.is_some_and(|status| status == "install ok installed")
}

/// What to put before `apt-get`; `None` if it can't be used.
fn authority() -> Option<Vec<&'static str>> {
    process::answer(Command::new("apt-get").arg("--version"))?;
    let quiet = ["env", "DEBIAN_FRONTEND=noninteractive"];
    if process::answer(Command::new("id").arg("-u"))? == "0" {
        return Some(quiet.to_vec());
    }
    // asks for the password now, on the terminal if there is one, so that it need not be asked for later
    let mut ask = Command::new("sudo");
    if std::env::var_os("CI").is_some() {
        ask.arg("--non-interactive").stdin(Stdio::null());
    }
    let granted = ask.arg("--validate").status().is_ok_and(|status| status.success());
    granted.then(|| [&["sudo", "--non-interactive"][..], &quiet].concat())
}
