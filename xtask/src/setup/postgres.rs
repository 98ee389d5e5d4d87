//! PostgreSQL, for the tests that run servers over it.

use std::path::{Path, PathBuf};

use super::Setup;
use crate::error::Error;

/// The Debian package.
const PACKAGE: &str = "postgresql";

/// Where Debian keeps the programs of each version, which it leaves off the path.
const DEBIAN: &str = "/usr/lib/postgresql";

impl Setup {
    /// The folder of the programs that make and run a cluster of databases.
    pub(crate) fn postgres(&self) -> Option<PathBuf> {
        let mut debian: Vec<PathBuf> = std::fs::read_dir(DEBIAN)
            .into_iter()
            .flatten()
            .flatten()
            .map(|version| version.path().join("bin"))
            .filter(|folder| has_programs(folder))
            .collect();
        debian.sort();
        let on_path =
            || self.find("initdb")?.parent().map(Path::to_path_buf).filter(|folder| has_programs(folder));
        debian.pop().or_else(on_path)
    }
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].into_iter().all(|program| folder.join(program).is_file())
}

/// Finds or installs it. The cluster that the package makes for the machine itself is not used.
pub(super) fn require(setup: &mut Setup) -> Result<(), Error> {
    if setup.postgres().is_some() {
        return Ok(());
    }
    setup.may_install("PostgreSQL", &format!("apt-get install {PACKAGE}"))?;
    let Setup { apt, workspace, .. } = setup;
    apt.install(workspace, &[PACKAGE])?;
    if setup.postgres().is_some() {
        return Ok(());
    }
    Err(Error::Missing(format!("after installing {PACKAGE}, initdb, pg_ctl and postgres are still missing")))
}
