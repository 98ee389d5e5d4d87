//! Properties of the codec: what goes in comes out, and any bytes at all give a block or an error.
#![allow(clippy::unwrap_used)] // a test

use super::{Block, Directory, Encoded, Extent, Packer, Region, Standing, Stored, TARGET, crc32, is_large};
use crate::{
    commit::{Command, Commit, Policy},
    event::Event,
    id::{CommitId, DeviceId, EventId, SessionId},
    json::Json,
    log::Query,
    metadata::Metadata,
    stream::StreamName,
    time::Timestamp,
    version::ExpectedVersion,
};
use proptest::{collection::vec, option, prelude::*};
use std::sync::Arc;
use uuid::Uuid;

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

/// Few values, so that tables are shared.
fn device() -> impl Strategy<Value = Uuid> {
    (0..3_u128).prop_map(Uuid::from_u128)
}

fn json() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::null()),
        any::<i64>().prop_map(|number| Json::of(&number).unwrap()),
        ".{0,40}".prop_map(|text| Json::of(&text).unwrap()),
        vec(any::<u8>(), 0..60).prop_map(|numbers| Json::of(&numbers).unwrap()),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let types = prop_oneof![Just("LessonCompleted"), Just("AnswerGiven"), Just("Prüfung abgegeben")];
    let time = option::weighted(0.2, any::<i64>().prop_map(Timestamp));
    let schema_version = prop_oneof![Just(1), 1..=u32::MAX];
    (id(), types, schema_version, json(), time, option::weighted(0.2, json())).prop_map(
        |(id, event_type, schema_version, data, occurred_at, custom)| Event {
            id: EventId(id),
            event_type: event_type.into(),
            schema_version,
            data,
            occurred_at,
            custom,
        },
    )
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let actor = option::of(prop_oneof![Just("ada".to_owned()), ".{0,20}"]);
    (id(), option::of(id()), actor, device(), device(), any::<i64>(), option::of("[0-9a-f-]{0,55}")).prop_map(
        |(correlation_id, causation_id, actor, device, session, at, traceparent)| Metadata {
            correlation_id,
            causation_id,
            actor,
            device_id: DeviceId(device),
            session_id: SessionId(session),
            occurred_at: Timestamp(at),
            traceparent,
        },
    )
}

fn commit() -> impl Strategy<Value = Commit> {
    let expected = prop_oneof![
        Just(ExpectedVersion::Any),
        Just(ExpectedVersion::Exists),
        Just(ExpectedVersion::None),
        any::<u64>().prop_map(ExpectedVersion::Exact),
    ];
    let stream = "(course|exam)-[a-cÄß]{1,3}".prop_map(|name| StreamName::parse(&name).unwrap());
    let command = option::of(("[A-Z][a-z]{1,9}", json()));
    let generation = (prop_oneof![Just(0), any::<u32>()], option::of(any::<u64>()));
    (id(), any::<bool>(), stream, expected, generation, metadata(), command, vec(event(), 1..6)).prop_map(
        |(
            id,
            starts_a_chain,
            stream,
            expected_version,
            (generation, since),
            mut metadata,
            command,
            events,
        )| {
            if starts_a_chain {
                metadata.correlation_id = id;
            }
            let command =
                command.map(|(command_type, data)| Command { command_type: command_type.into(), data });
            let metadata = Arc::new(metadata);
            Commit {
                id: CommitId(id),
                stream,
                expected_version,
                generation,
                since,
                metadata,
                command,
                events,
            }
        },
    )
}

/// Commits as a region holds them: keys rise, with gaps.
fn stored(region: Region) -> impl Strategy<Value = Vec<Stored>> {
    let policies = prop_oneof![
        Just(Policy::Redecide),
        Just(Policy::Keep),
        Just(Policy::Reject),
        Just(Policy::Ask),
        Just(Policy::Merge)
    ];
    let policies = (policies, any::<bool>());
    let one = (commit(), 0..1_000_u64, policies, 1..=u64::MAX >> 2, any::<i64>());
    vec(one, 1..12).prop_map(move |commits| {
        let mut key = 0;
        commits
            .into_iter()
            .map(|(commit, gap, (policy, reoffered), first_version, recorded_at)| {
                let its_key = key + gap + 1;
                key = its_key + if region == Region::Confirmed { commit.count() - 1 } else { 0 };
                let standing = match region {
                    Region::Confirmed => {
                        Standing::Confirmed { first_version, recorded_at: Timestamp(recorded_at) }
                    }
                    Region::Pending => Standing::Pending { policy, reoffered },
                };
                Stored { key: its_key, standing, commit }
            })
            .collect()
    })
}

fn any_stored() -> impl Strategy<Value = (Region, Vec<Stored>)> {
    prop_oneof![Just(Region::Confirmed), Just(Region::Pending)]
        .prop_flat_map(|region| stored(region).prop_map(move |stored| (region, stored)))
}

fn encode(region: Region, stored: &[Stored]) -> Encoded {
    let mut packer = Packer::single(region);
    for stored in stored {
        packer.push(stored.key, stored.standing, &stored.commit);
    }
    packer.finish().pop().unwrap()
}

/// Reads whatever can be read, and drops it.
fn exhaust(bytes: &[u8], region: Region) {
    let _ = Directory::read(bytes, region);
    if let Ok(block) = Block::open(bytes.into(), region) {
        for record in block.records().flatten() {
            let _ = (record.id(), record.decode());
        }
    }
}

/// Puts checksums that hold around changed bytes, so that what lies behind them is tried too.
fn reseal(bytes: &mut [u8]) {
    let length = u32::from_le_bytes(bytes[6..10].try_into().unwrap()) as usize;
    let Some(end) = length.checked_add(14).filter(|end| *end <= bytes.len()) else { return };
    // The directory begins with the length of the body, a varint, and its checksum.
    let body = crc32(&[&bytes[end..]]).to_le_bytes();
    let at = 15 + bytes[14..end].iter().take_while(|byte| **byte >= 0x80).count();
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&body);
    }
    let crc = crc32(&[&bytes[..10], &bytes[14..end]]);
    bytes[10..14].copy_from_slice(&crc.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out((region, stored) in any_stored()) {
        let encoded = encode(region, &stored);
        let block = Block::open(encoded.bytes.clone(), region).unwrap();
        let decoded: Vec<_> = block.records().map(|record| record.unwrap().decode().unwrap()).collect();
        prop_assert_eq!(&decoded, &stored);
        prop_assert_eq!(block.directory(), &encoded.directory);
        prop_assert_eq!(encoded.directory.length, encoded.bytes.len());
        prop_assert_eq!(encoded.directory.first, stored[0].key);
        let ids: Vec<_> = block.records().map(|record| record.unwrap().id().unwrap()).collect();
        prop_assert!(ids.iter().eq(stored.iter().map(|stored| &stored.commit.id)));
    }

    #[test]
    fn a_directory_can_be_read_without_the_body((region, stored) in any_stored()) {
        let encoded = encode(region, &stored);
        let length = 14 + u32::from_le_bytes(encoded.bytes[6..10].try_into().unwrap()) as usize;
        prop_assert_eq!(Directory::read(&encoded.bytes[..length], region).unwrap(), encoded.directory);
        let other = if region == Region::Confirmed { Region::Pending } else { Region::Confirmed };
        prop_assert!(Directory::read(&encoded.bytes, other).is_err());
    }

    #[test]
    fn any_flipped_bit_is_noticed((region, stored) in any_stored(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut bytes = encode(region, &stored).bytes.to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(Block::open(bytes.into(), region).is_err());
    }

    #[test]
    fn any_cut_is_noticed((region, stored) in any_stored(), at in any::<prop::sample::Index>()) {
        let bytes = encode(region, &stored).bytes;
        prop_assert!(Block::open(bytes[..at.index(bytes.len())].into(), region).is_err());
    }

    #[test]
    fn any_bytes_give_a_block_or_an_error(bytes in vec(any::<u8>(), 0..400)) {
        exhaust(&bytes, Region::Confirmed);
        exhaust(&bytes, Region::Pending);
    }

    #[test]
    fn damage_behind_good_checksums_gives_a_block_or_an_error(
        (region, stored) in any_stored(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = encode(region, &stored).bytes.to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        reseal(&mut bytes);
        exhaust(&bytes, region);
    }

    #[test]
    fn sealing_again_changes_nothing((region, stored) in any_stored()) {
        let bytes = encode(region, &stored).bytes.to_vec();
        let mut sealed = bytes.clone();
        reseal(&mut sealed);
        prop_assert_eq!(sealed, bytes);
    }
}

/// What the first version of this library wrote: the same without the extent.
fn as_format_1(encoded: &Encoded) -> Vec<u8> {
    let mut bytes = encoded.bytes.to_vec();
    let after_numbers = |from: usize, count: usize| {
        let ends = bytes[from..].iter().enumerate().filter(|(_, byte)| **byte < 0x80);
        from + 1 + ends.map(|(at, _)| at).nth(count - 1).unwrap()
    };
    // length and checksum of the body, then four numbers, then the three of the extent
    let extent = after_numbers(after_numbers(14, 1) + 4, 4);
    let end = after_numbers(extent, 3);
    bytes.drain(extent..end);
    let length = u32::from_le_bytes(bytes[6..10].try_into().unwrap()) - (end - extent) as u32;
    bytes[6..10].copy_from_slice(&length.to_le_bytes());
    bytes[4] = 1;
    reseal(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_of_the_first_format_are_read((region, stored) in any_stored()) {
        let block = Block::open(as_format_1(&encode(region, &stored)).into(), region).unwrap();
        let decoded: Vec<_> = block.records().map(|record| record.unwrap().decode().unwrap()).collect();
        prop_assert_eq!(&decoded, &stored);
        prop_assert_eq!(block.directory().extent, Extent::ANYTHING);
    }

    #[test]
    fn a_block_that_holds_what_is_asked_for_says_so((region, stored) in any_stored(), at in any::<prop::sample::Index>()) {
        let commit = &stored[at.index(stored.len())].commit;
        let event = &commit.events[at.index(commit.events.len())];
        let moment = event.occurred_at.unwrap_or(commit.metadata.occurred_at);
        let extent = encode(region, &stored).directory.extent;
        let query = Query {
            types: vec!["Never".into(), event.event_type.clone()],
            from: Some(moment),
            to: moment.0.checked_add(1).map(Timestamp),
            ..Query::default()
        };
        prop_assert!(extent.may_hold(&query));
    }
}

#[test]
fn blocks_are_filled_up_to_their_target() {
    let data = Json::of(&"x".repeat(300)).unwrap();
    let metadata = Arc::new(Metadata {
        correlation_id: Uuid::nil(),
        causation_id: None,
        actor: None,
        device_id: DeviceId(Uuid::nil()),
        session_id: SessionId(Uuid::nil()),
        occurred_at: Timestamp(0),
        traceparent: None,
    });
    let commit = |n: u128| Commit {
        id: CommitId(Uuid::from_u128(n)),
        stream: StreamName::parse(&format!("course-{}", n % 100)).unwrap(),
        expected_version: ExpectedVersion::Any,
        generation: 0,
        since: None,
        metadata: Arc::clone(&metadata),
        command: None,
        events: vec![Event {
            id: EventId(Uuid::from_u128(n << 64)),
            event_type: "LessonCompleted".into(),
            schema_version: 1,
            data: data.clone(),
            occurred_at: None,
            custom: None,
        }],
    };
    let mut packer = Packer::new(Region::Pending);
    for n in 1..=2_000 {
        packer.push(n, Standing::Pending { policy: Policy::Keep, reoffered: false }, &commit(n.into()));
    }
    let blocks = packer.finish();
    let (last, full) = blocks.split_last().unwrap();
    assert!(full.iter().all(|block| (TARGET * 9 / 10..=TARGET).contains(&block.bytes.len())));
    assert!(full.iter().all(|block| is_large(&block.directory) && block.has_directory_row()));
    assert_eq!(blocks.iter().map(|block| block.directory.commits).sum::<u64>(), 2_000);
    assert_eq!(last.directory.last, 2_000);
}
