//! Exports and imports for JavaScript.

use super::{
    core::Core,
    failure::{Failure, invalid, read_failure, write_failure},
    storage::PageStore,
};
use crate::{
    engine::{Export, Import},
    transfer::{ImportError, Progress},
};
use futures_util::lock::Mutex;
use js_sys::Promise;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// `CoreExport` in `pkg/src/core.ts`.
#[wasm_bindgen]
pub struct CoreExport(Rc<Mutex<Export<PageStore>>>);

/// `CoreImport` in `pkg/src/core.ts`.
#[wasm_bindgen]
pub struct CoreImport(Rc<Mutex<Option<Import<PageStore>>>>);

/// What is to be done with an import.
enum Doing {
    Push(String),
    Rows(String),
    Finish,
}

#[wasm_bindgen]
impl Core {
    /// Begins an export.
    #[wasm_bindgen(js_name = exportLog)]
    pub fn export_log(&self, options: &str) -> Result<CoreExport, JsValue> {
        let options = serde_json::from_str(options).map_err(|error| invalid("options", error))?;
        Ok(CoreExport(Rc::new(Mutex::new(self.engine.export(options)))))
    }

    /// Begins an import.
    #[wasm_bindgen(js_name = importLog)]
    pub fn import_log(&self, options: &str) -> Result<CoreImport, JsValue> {
        let options = serde_json::from_str(options).map_err(|error| invalid("options", error))?;
        Ok(CoreImport(Rc::new(Mutex::new(Some(self.engine.import(options))))))
    }
}

fn text(progress: Progress) -> Result<JsValue, JsValue> {
    Ok(serde_json::to_string(&progress).map_err(|error| invalid("answer", error))?.into())
}

fn failure(error: ImportError) -> JsValue {
    match error {
        ImportError::Write(error) => write_failure(error),
        error => Failure::plain(error.code(), error.to_string()).into(),
    }
}

#[wasm_bindgen]
impl CoreExport {
    /// The next chunk of text; undefined at the end.
    pub fn next(&self) -> Promise {
        let export = Rc::clone(&self.0);
        future_to_promise(async move {
            let next = export.lock().await.next().await.map_err(read_failure)?;
            Ok(next.map_or(JsValue::UNDEFINED, JsValue::from))
        })
    }

    /// How far it has come.
    pub fn progress(&self) -> Result<JsValue, JsValue> {
        self.0.try_lock().map_or(Ok(JsValue::UNDEFINED), |export| text(export.progress()))
    }
}

#[wasm_bindgen]
impl CoreImport {
    /// Takes more of the text.
    pub fn push(&self, text: String) -> Promise {
        self.run(Doing::Push(text))
    }

    /// Takes rows of another database.
    pub fn rows(&self, rows: String) -> Promise {
        self.run(Doing::Rows(rows))
    }

    /// There is nothing more.
    pub fn finish(&self) -> Promise {
        self.run(Doing::Finish)
    }

    fn run(&self, doing: Doing) -> Promise {
        let import = Rc::clone(&self.0);
        future_to_promise(async move {
            let mut import = import.lock().await;
            let over = || invalid("import", "it is over");
            let done = match doing {
                Doing::Push(part) => import.as_mut().ok_or_else(over)?.push(&part).await,
                Doing::Rows(rows) => {
                    let rows = serde_json::from_str(&rows).map_err(|error| invalid("rows", error))?;
                    import.as_mut().ok_or_else(over)?.rows(rows).await
                }
                Doing::Finish => import.take().ok_or_else(over)?.finish().await,
            };
            text(done.map_err(failure)?)
        })
    }
}
