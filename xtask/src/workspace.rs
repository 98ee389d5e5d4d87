//! The folders that everything works in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// The folders that everything works in.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cache: PathBuf,
}

impl Workspace {
    /// Finds the repository this program was started in, cargo's target folder and the cache of installed tools.
    pub(crate) fn find() -> Result<Workspace, Error> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = own.parent().map(Path::to_path_buf).unwrap_or(own);
        let target = target_folder(&root)?;
        let cache = cache_folder()?;
        Ok(Workspace { root, target, cache })
    }

    /// The root of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// Cargo's target folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A folder of our own under target/, made if it isn't there: logs, stamps and reports.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Error> {
        let folder = self.target.join("xtask");
        std::fs::create_dir_all(&folder).map_err(Error::io(format!("making {}", folder.display())))?;
        Ok(folder)
    }

    /// Where the output of a step goes, such as `target/xtask/build-wasm.log`.
    pub(crate) fn log(&self, step: &str) -> Result<PathBuf, Error> {
        Ok(self.scratch()?.join(format!("{}.log", step.replace([' ', '/'], "-"))))
    }

    /// What survives `cargo clean`: `$TIDELOG_CACHE`, else `tidelog` in the user's cache folder.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// `path` as seen from the root, for messages.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Asks cargo, because the folder may be configured in several places.
fn target_folder(root: &Path) -> Result<PathBuf, Error> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("asking cargo for the workspace"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    match metadata["target_directory"].as_str() {
        Some(target) => Ok(target.into()),
        None => Err(Error::Failed { step: "cargo metadata".into(), log: None }),
    }
}

fn cache_folder() -> Result<PathBuf, Error> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("TIDELOG_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("tidelog")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/tidelog")))
        .ok_or_else(|| Error::Missing("no place to keep tools in: set TIDELOG_CACHE to a folder".into()))
}
