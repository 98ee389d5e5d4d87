//! A file in the making, under another name than it will have.

use crate::copy::CopyError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// An empty file beside the one that is wanted, named like it with `.part` at its end. It goes with this value, unless it was
/// [finished](Part::finish).
pub(crate) struct Part(PathBuf);

impl Part {
    pub(crate) fn new(wanted: &Path) -> Result<Self, CopyError> {
        refuse_existing(wanted)?;
        let mut name = wanted.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(Self(path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(CopyError::Exists {
                file: path,
                advice: "another command is writing it, or one was broken off; in that case remove it",
            }),
            Err(reason) => Err(CopyError::File { file: path, reason }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the file its name, for good.
    pub(crate) fn finish(self, wanted: &Path) -> Result<(), CopyError> {
        // Whoever made a file of this name meanwhile loses nothing either.
        refuse_existing(wanted)?;
        let named = fs::rename(&self.0, wanted).and_then(|()| sync_folder(wanted));
        named.map_err(|reason| CopyError::File { file: wanted.to_owned(), reason })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It is gone already once it has its name. What can't be removed is told of by the next command.
        let _ = fs::remove_file(&self.0);
    }
}

fn refuse_existing(wanted: &Path) -> Result<(), CopyError> {
    match fs::symlink_metadata(wanted) {
        Ok(_) => Err(CopyError::Exists {
            file: wanted.to_owned(),
            advice: "choose another name, or stop what uses it and move it away",
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(reason) => Err(CopyError::File { file: wanted.to_owned(), reason }),
    }
}

/// A new name is durable once its folder has been synced.
fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
