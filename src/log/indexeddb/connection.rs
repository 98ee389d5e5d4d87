//! Connections: opening, the tables of a new database, and letting go when somebody else needs the database.

use super::{FORMAT, fault::Fault, holder::Holder};
use crate::log::store::{Closing, StoreError, Table};
use futures_channel::oneshot;
use futures_util::future::{Either, pending, select};
use indexed_db_futures::{database::Database, internals::SystemRepr, prelude::*};
use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
};
use wasm_bindgen::prelude::*;

/// An open connection. Closed when dropped.
pub(super) struct Connection {
    database: Database,
    taken_away: Rc<Cell<Option<Closing>>>,
    _on_version_change: Closure<dyn FnMut(web_sys::IdbVersionChangeEvent)>,
}

impl Connection {
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Why the connection was closed from outside, if it was.
    pub(super) fn taken_away(&self) -> Option<Closing> {
        self.taken_away.get()
    }

    /// Whether both lead to one database, and not to another one that was made in its place.
    pub(super) fn leads_where(&self, other: &Self) -> bool {
        mark_of(&self.database) == mark_of(&other.database)
    }

    fn new(database: Database, holder: Rc<dyn Holder>) -> Self {
        let taken_away = Rc::new(Cell::new(None));
        let raw = database.as_sys().clone();
        let reason = Rc::clone(&taken_away);
        // Another tab wants to upgrade or delete the database, and has to wait for as long as this connection is open.
        let on_version_change = Closure::new(move |event: web_sys::IdbVersionChangeEvent| {
            raw.close();
            let why = if event.new_version().is_some() { Closing::Outdated } else { Closing::Deleted };
            reason.set(Some(why));
            holder.taken_away(why);
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

/// What begins the name of the table that holds nothing: the rest of it is random, and tells a database from one that is made in its place
/// later. A table's name can be read without a transaction.
const MARK: &str = "made-";

/// The mark of a database; none in one that was made before there were marks.
fn mark_of(database: &Database) -> Option<String> {
    database.object_store_names().find(|name| name.starts_with(MARK))
}

/// Makes the tables that are not there yet: all in a new database, some in one of an older format.
fn create_tables(database: &Database) -> indexed_db_futures::Result<()> {
    let there: Vec<String> = database.object_store_names().collect();
    if there.is_empty() {
        let [one, two] = [(); 2].map(|()| (js_sys::Math::random() * 4_294_967_296.0) as u32);
        database.create_object_store(&format!("{MARK}{one}-{two}")).build()?;
    }
    for table in Table::ALL.into_iter().filter(|table| !there.iter().any(|name| name == table.name())) {
        database.create_object_store(table.name()).build()?;
    }
    Ok(())
}

thread_local! {
    /// The databases that this page has asked to open, and that somebody else is in the way of. A request behind a blocked one is not told.
    static BLOCKED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Opens a connection.
pub(super) async fn open(name: &str, holder: &Rc<dyn Holder>) -> Result<Connection, StoreError> {
    let (answer, answered) = oneshot::channel();
    let (block, blocked) = oneshot::channel();
    let is_behind = BLOCKED.with_borrow(|blocked| blocked.iter().any(|one| one == name));
    let block = RefCell::new(Some(block));
    let waiting = name.to_owned();
    let request = Database::open(name)
        .with_version(FORMAT)
        .with_on_blocked(move |_| {
            BLOCKED.with_borrow_mut(|blocked| blocked.push(waiting.clone()));
            if let Some(block) = block.take() {
                let _ = block.send(());
            }
            Ok(())
        })
        .with_on_upgrade_needed(|_, database| create_tables(&database))
        .build()
        .map_err(|error| Fault::from(error).open_error())?;
    // A request can't be taken back: when it is blocked, it opens later all the same. It must find its tables made then, and
    // somebody who closes what it opened.
    let (told, asked) = (Rc::clone(holder), name.to_owned());
    wasm_bindgen_futures::spawn_local(async move {
        let opened = request.await;
        BLOCKED.with_borrow_mut(|blocked| blocked.retain(|one| *one != asked));
        let _ = answer.send(opened.map(|database| Connection::new(database, told)));
    });
    let given_up = async {
        if is_behind || blocked.await.is_ok() {
            holder.blocked().await;
        } else {
            pending().await
        }
    };
    let Either::Left((answer, _)) = select(answered, pin!(given_up)).await else {
        return Err(StoreError::Blocked { name: name.to_owned() });
    };
    match answer {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            let fault = Fault::from(error);
            if fault.is("VersionError") {
                return Err(newer_format(name).await);
            }
            Err(fault.open_error())
        }
        Err(oneshot::Canceled) => Err(StoreError::Failed { reason: "opening was broken off".to_owned() }),
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
