//! Segments: several rows in one row of the store, as Chromium asks about 0.1 ms for each row of its own.
//!
//! ```text
//! segment = crc:u32 row*        crc is of all that follows; integers little-endian
//! row     = key length text     key and length as in blocks of the log; length is 0 for a removed row, else one more than the text's
//! ```

use crate::{
    json::Json,
    log::{
        crc32,
        store::Bytes,
        wire::{Reader, put_bytes, put_number},
    },
};
use std::rc::Rc;

/// Some bytes are not what was written. What is derived can be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// Bytes with their checksum before them.
pub(crate) fn sealed(body: &[u8]) -> Bytes {
    let mut bytes = crc32(&[body]).to_le_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes.into()
}

/// The bytes behind a checksum that holds.
pub(crate) fn unsealed(bytes: &[u8]) -> Result<Reader<'_>, Damaged> {
    let (crc, body) = bytes.split_first_chunk::<4>().ok_or(Damaged)?;
    if u32::from_le_bytes(*crc) == crc32(&[body]) { Ok(Reader::new(body)) } else { Err(Damaged) }
}

/// About what a row takes in a segment.
pub(crate) fn size(key: &str, row: Option<&Json>) -> usize {
    key.len() + row.map_or(0, Json::len) + 4
}

/// Adds a row to the body of a segment.
pub(crate) fn put_row(body: &mut Vec<u8>, key: &str, row: Option<&Json>) {
    put_bytes(body, key.as_bytes());
    match row {
        None => put_number(body, 0),
        Some(row) => {
            put_number(body, row.len() as u64 + 1);
            body.extend_from_slice(row.as_str().as_bytes());
        }
    }
}

/// A key and its row; none if it was removed.
pub(crate) type Stored = (Rc<str>, Option<Json>);

/// The rows of a segment.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Stored>, Damaged> {
    let mut reader = unsealed(bytes)?;
    let mut rows = Vec::new();
    while !reader.is_empty() {
        rows.push(read_row(&mut reader).ok_or(Damaged)?);
    }
    Ok(rows)
}

fn read_row(reader: &mut Reader<'_>) -> Option<Stored> {
    let key = reader.text().ok()?.into();
    let row = match usize::try_from(reader.number().ok()?).ok()? {
        0 => None,
        length => {
            let text = std::str::from_utf8(reader.take(length - 1).ok()?).ok()?;
            Some(Json::trusted(text).ok()?)
        }
    };
    Some((key, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_what_was_written_and_damage_is_noticed() {
        let rows = [("a", Some("{\"n\":1}")), ("", None), ("ü\u{1f30a}", Some("null"))];
        let mut body = Vec::new();
        for (key, row) in rows {
            put_row(&mut body, key, row.map(|row| Json::parse(row).unwrap()).as_ref());
        }
        let bytes = sealed(&body);
        let found: Vec<(String, Option<String>)> = read(&bytes)
            .unwrap()
            .into_iter()
            .map(|(key, row)| (key.as_ref().to_owned(), row.map(|row| row.as_str().to_owned())))
            .collect();
        let expected = rows.map(|(key, row)| (key.to_owned(), row.map(str::to_owned)));
        assert_eq!(found, expected);
        assert!(read(&sealed(&[])).unwrap().is_empty());
        for at in 0..bytes.len() {
            let mut other = bytes.to_vec();
            other[at] ^= 4;
            assert_eq!(read(&other).err(), Some(Damaged), "bit of byte {at}");
            assert_eq!(read(&bytes[..at]).err(), Some(Damaged), "cut at {at}");
        }
        // bytes whose checksum holds, and which are no rows all the same
        assert_eq!(read(&sealed(&[1, b'k', 9, b'1'])).err(), Some(Damaged));
    }
}
