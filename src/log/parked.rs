//! The row that says which pending commits a person is asked about. It is written with the change that found the conflict. If it is
//! damaged, the commits are still there and the server refuses what was decided on an older version, so the question is asked again;
//! but a stream of a server that was restored from a backup may fit by its number, so nothing but damage takes the row away.

use super::{
    LogError,
    rows::corrupt,
    sealed::{begin, put_id, put_number, put_signed, seal, unseal},
    store::{Key, Table, Write},
};
use crate::{conflict::Parked, id::CommitId, time::Timestamp};

/// The key of the row of `Meta` that lists the parked commits.
pub(super) const PARKED: &str = "parked";
const FORMAT: u64 = 1;

pub(super) fn parked_row(parked: &[Parked]) -> Write {
    let mut out = begin(FORMAT);
    put_number(&mut out, parked.len() as u64);
    for Parked { id, since, asked_at } in parked {
        put_id(&mut out, id.0);
        put_number(&mut out, *since);
        put_signed(&mut out, asked_at.0);
    }
    Write::Put(Table::Meta, PARKED.into(), seal(out))
}

pub(super) fn parked_of_row(key: &Key, row: &[u8]) -> Result<Vec<Parked>, LogError> {
    let read = || {
        let mut reader = unseal(row, FORMAT)?;
        let mut parked = Vec::new();
        for _ in 0..reader.number()? {
            let (id, since) = (CommitId(reader.id()?), reader.number()?);
            parked.push(Parked { id, since, asked_at: Timestamp(reader.signed()?) });
        }
        Ok(parked)
    };
    read().map_err(|error| corrupt(Table::Meta, key, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_list_reads_back_and_a_damaged_one_says_so() {
        let one = Parked { id: CommitId(Uuid::from_u128(7)), since: 300, asked_at: Timestamp(-4) };
        for parked in [vec![], vec![one.clone()], vec![one.clone(), Parked { since: 0, ..one }]] {
            let Write::Put(Table::Meta, key, row) = parked_row(&parked) else { panic!("no row of meta") };
            assert_eq!(parked_of_row(&key, &row), Ok(parked));
            let mut damaged = row.to_vec();
            damaged[1] ^= 1;
            assert!(matches!(parked_of_row(&key, &damaged), Err(LogError::Corrupt { .. })));
        }
    }
}
