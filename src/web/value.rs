//! Small structured values as JavaScript values: a status, a report, the details of a failure. What holds events crosses as JSON text
//! instead, many at a time: their data is text already, and must not be built up in passing.

use serde::Serialize;
use wasm_bindgen::JsValue;

/// Numbers as numbers, maps and structs as plain objects, absent options as undefined.
const SHAPE: serde_wasm_bindgen::Serializer =
    serde_wasm_bindgen::Serializer::new().serialize_maps_as_objects(true);

/// A value for JavaScript.
pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&SHAPE)?)
}
