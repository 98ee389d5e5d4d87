//! Connections: opening, the tables of a new database, and letting go when somebody else needs the database.

use super::{FORMAT, fault::Fault};
use crate::log::store::{StoreError, Table};
use futures_channel::oneshot;
use indexed_db_futures::{database::Database, internals::SystemRepr, prelude::*};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;

/// An open connection. Closed when dropped.
pub(super) struct Connection {
    database: Database,
    taken_away: Rc<RefCell<Option<String>>>,
    _on_version_change: Closure<dyn FnMut(web_sys::IdbVersionChangeEvent)>,
}

impl Connection {
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Why the connection was closed from outside, if it was.
    pub(super) fn taken_away(&self) -> Option<String> {
        self.taken_away.borrow().clone()
    }

    fn new(database: Database) -> Self {
        let taken_away = Rc::new(RefCell::new(None));
        let raw = database.as_sys().clone();
        let reason = Rc::clone(&taken_away);
        // Another tab wants to upgrade or delete the database, and has to wait for as long as this connection is open.
        let on_version_change = Closure::new(move |event: web_sys::IdbVersionChangeEvent| {
            raw.close();
            reason.replace(Some(match event.new_version() {
                Some(_) => {
                    "a newer version of this app was opened in another tab: reload this one".to_owned()
                }
                None => "the database was deleted".to_owned(),
            }));
        });
        database.as_sys().set_onversionchange(Some(on_version_change.as_ref().unchecked_ref()));
        Self { database, taken_away, _on_version_change: on_version_change }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let database = self.database.as_sys();
        database.set_onversionchange(None);
        database.close();
    }
}

/// Makes the tables that are not there yet: all in a new database, some in one of an older format.
fn create_tables(database: &Database) -> indexed_db_futures::Result<()> {
    let there: Vec<String> = database.object_store_names().collect();
    for table in Table::ALL.into_iter().filter(|table| !there.iter().any(|name| name == table.name())) {
        database.create_object_store(table.name()).build()?;
    }
    Ok(())
}

/// Opens a connection.
pub(super) async fn open(name: &str) -> Result<Connection, StoreError> {
    let (answer, answered) = oneshot::channel();
    let answer = Rc::new(RefCell::new(Some(answer)));
    let on_blocked = Rc::clone(&answer);
    let request = Database::open(name)
        .with_version(FORMAT)
        .with_on_blocked(move |_| {
            if let Some(answer) = on_blocked.take() {
                let _ = answer.send(None);
            }
            Ok(())
        })
        .with_on_upgrade_needed(|_, database| create_tables(&database))
        .build()
        .map_err(|error| Fault::from(error).open_error())?;
    // A request can't be taken back: when it is blocked, it opens later all the same. It must find its tables made then, and
    // somebody who closes what it opened.
    wasm_bindgen_futures::spawn_local(async move {
        let opened = request.await.map(Connection::new);
        if let Some(answer) = answer.take() {
            let _ = answer.send(Some(opened));
        }
    });
    match answered.await {
        Ok(Some(Ok(connection))) => Ok(connection),
        Ok(Some(Err(error))) => {
            let fault = Fault::from(error);
            if fault.is("VersionError") {
                return Err(newer_format(name).await);
            }
            Err(fault.open_error())
        }
        Ok(None) | Err(oneshot::Canceled) => Err(StoreError::Blocked { name: name.to_owned() }),
    }
}

/// Looks which version the database has that is too new.
async fn newer_format(name: &str) -> StoreError {
    let current = match Database::open(name).build() {
        Ok(request) => request.await.map_err(Fault::from),
        Err(error) => Err(error.into()),
    };
    match current {
        Ok(database) => {
            let found = database.version() as u64;
            database.close();
            StoreError::NewerFormat { name: name.to_owned(), found, supported: FORMAT.into() }
        }
        Err(fault) => fault.open_error(),
    }
}

/// Deletes a database.
pub(super) async fn delete(name: &str) -> Result<(), StoreError> {
    let request = Database::delete_by_name(name).map_err(|error| Fault::from(error).open_error())?;
    request.await.map_err(|error| Fault::from(error).error())
}
