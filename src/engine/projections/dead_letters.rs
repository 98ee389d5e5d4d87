//! Dead letters: streams that a projection has parked, inspected and taken in after all.

use super::Inner;
use crate::{
    engine::{Changed, Engine, ReadError},
    log::store::Store,
    stream::StreamName,
    time::Timestamp,
    version::{Position, Version},
};
use serde::Serialize;
use std::sync::Arc;

/// A stream that waits because one of its events could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The stream.
    pub stream: StreamName,
    /// The version of the first event that waits: the one that failed.
    pub version: Version,
    /// Its position.
    pub position: Position,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: Arc<str>,
    /// Why it failed.
    pub message: Arc<str>,
    /// When it failed last.
    pub at: Timestamp,
    /// The number of events of the stream that wait, this one included.
    pub waiting: u64,
}

/// What became of parked streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The streams that are no longer parked.
    pub streams: u64,
    /// The streams of which an event failed again: they stay, from that event on.
    pub failed: u64,
}

impl<S: Store> Engine<S> {
    /// The streams that a projection has parked, by name.
    ///
    /// # Errors
    /// As [`Engine::row`].
    pub async fn dead_letters(&self, projection: &str) -> Result<Vec<DeadLetter>, ReadError> {
        let inner = &self.inner;
        let view = inner.view(projection)?;
        let _turn = view.turn.lock().await;
        inner.ready(view).await?;
        let letters = view.with(|state| {
            let letter = |(stream, parked): (&StreamName, &crate::projection::Parked)| DeadLetter {
                stream: stream.clone(),
                version: parked.version,
                position: parked.position,
                event_type: Arc::clone(&parked.event_type),
                message: Arc::clone(&parked.reason),
                at: parked.at,
                waiting: inner.log.confirmed_version(stream).saturating_sub(parked.version) + 1,
            };
            state.live.parked.iter().map(letter).collect()
        });
        Ok(letters.unwrap_or_default())
    }

    /// Takes in the events of parked streams after all, each stream's in their order: those of one stream, or of all. Where an event
    /// fails again, its stream stays parked from it on. Rows that other streams share see these events later than the log has them.
    ///
    /// # Errors
    /// [`ReadError::NotParked`] if the stream that is named is not parked, and as [`Engine::row`].
    pub async fn replay_dead_letters(
        &self,
        projection: &str,
        stream: Option<&str>,
    ) -> Result<Replayed, ReadError> {
        let inner = &self.inner;
        let stream = stream.map(StreamName::parse).transpose()?;
        let view = inner.view(projection)?;
        let _turn = view.turn.lock().await;
        let mut replayed = Replayed::default();
        inner.ready(view).await?;
        let parked = |only: &Option<StreamName>| {
            let streams = view.with(|state| state.live.parked.keys().cloned().collect::<Vec<_>>());
            let mut streams = streams.unwrap_or_default();
            streams.retain(|name| only.as_ref().is_none_or(|only| only == name));
            streams
        };
        let streams = parked(&stream);
        if let (true, Some(stream)) = (streams.is_empty(), &stream) {
            return Err(ReadError::NotParked(stream.as_str().into()));
        }
        for stream in streams {
            // if another tab stores something meanwhile, once more on what it stored
            while let Some(is_taken) = inner.replay_parked(view, &stream).await? {
                if inner.try_save(view, false).await? {
                    *(if is_taken { &mut replayed.streams } else { &mut replayed.failed }) += 1;
                    break;
                }
                inner.ready(view).await?;
            }
        }
        inner.host.changed(Changed { streams: None, sync: false });
        Ok(replayed)
    }
}

impl<S: Store> Inner<S> {
    /// Folds the events of a parked stream, up to where the projection is: whether all went in. None if it is not parked.
    async fn replay_parked(
        &self,
        view: &super::View,
        stream: &StreamName,
    ) -> Result<Option<bool>, ReadError> {
        let found = view.with(|state| {
            let parked = state.live.parked.get(stream)?;
            Some((parked.version, state.live.position))
        });
        let Some(Some((mut version, end))) = found else { return Ok(None) };
        loop {
            let mut events = self.log.load_confirmed(stream, version.saturating_sub(1)).await?;
            events.retain(|event| event.position <= Some(end));
            let last = events.last().and_then(|event| event.position);
            let now = view.with(|state| {
                let (changed, again, reached) = self.take_parked(view, &state.live, events);
                state.rows.confirm(&mut state.live.layer, changed);
                state.live.replays += 1;
                state.pending = None;
                let failed_at = again.as_ref().map(|parked| parked.version);
                let is_through = again.is_none() && (reached.is_none() || reached >= last);
                if again.is_some() || is_through {
                    state.live.park(stream, again);
                }
                (is_through, failed_at)
            });
            match now {
                Some((true, _)) => return Ok(Some(true)),
                Some((false, Some(_))) | None => return Ok(Some(false)),
                // before an event that can't be read: that one is next
                Some((false, None)) => {
                    let next = self.log.load_confirmed(stream, version.saturating_sub(1)).await?;
                    let read = next.iter().take_while(|it| self.decoder.decode(vec![(*it).clone()]).is_ok());
                    version += (read.count() as u64).max(1);
                }
            }
        }
    }
}
