//! Loading what is stored of a projection, and storing it: rows, dead letters and the checkpoint in one batch, over the checkpoint
//! that this holder saw. If another one was faster, what it stored is taken in.

use super::{Inner, State, View, key, noted};
use crate::{
    engine::ReadError,
    log::{
        LogError,
        store::{Batch, Bytes, Key, Selection, Store, Table, Write, Written},
    },
    projection::{Checkpoint, Damaged, Generation, Layer, Mark, Parked, Rows},
    stream::StreamName,
    version::Position,
};
use std::{collections::BTreeMap, rc::Rc};

/// The key of a projection's checkpoint.
fn checkpoint(name: &str) -> Key {
    Key::Text(key(&["projection", name]))
}

/// The beginning of the keys of a projection's dead letters, or of those of one generation.
fn letters(name: &str, generation: &str) -> Rc<str> {
    match generation {
        "" => key(&["projection", name, ""]),
        generation => key(&["projection", name, generation, ""]),
    }
}

fn segment(name: &str, generation: u64, number: u32) -> Key {
    Key::Text(key(&[name, &generation.to_string(), &number.to_string()]))
}

/// The parts of a key behind its first ones.
fn last_parts(key: &Key) -> Option<(&str, &str)> {
    let Key::Text(text) = key else { return None };
    let mut parts = text.rsplit('\0');
    let last = parts.next()?;
    Some((parts.next()?, last))
}

/// All that is stored of a projection.
struct Found {
    row: Option<Bytes>,
    segments: Vec<(Key, Bytes)>,
    letters: Vec<(Key, Bytes)>,
}

impl Found {
    fn generation(&self, mark: &Mark) -> Result<Generation, Damaged> {
        let number = mark.generation.to_string();
        let mut segments = Vec::new();
        for (key, row) in &self.segments {
            match last_parts(key) {
                Some((generation, segment)) if generation == number => {
                    segments.push((segment.parse().map_err(|_| Damaged)?, Rc::clone(row)));
                }
                _ => {}
            }
        }
        // as numbers: their texts stand in another order
        let mut by_number = BTreeMap::new();
        by_number.extend(segments);
        if !by_number.keys().eq(&mark.segments) {
            return Err(Damaged);
        }
        let layer = Layer::of_segments(by_number.into_iter().collect(), mark.next_segment)?;
        Ok(Generation::stored(mark, layer, self.parked(&number)?))
    }

    fn parked(&self, number: &str) -> Result<BTreeMap<StreamName, Parked>, Damaged> {
        let mut parked = BTreeMap::new();
        for (key, row) in &self.letters {
            match last_parts(key) {
                Some((generation, stream)) if generation == number => {
                    let stream = StreamName::parse(stream).map_err(|_| Damaged)?;
                    parked.insert(stream, Parked::of_row(row)?);
                }
                _ => {}
            }
        }
        Ok(parked)
    }
}

impl<S: Store> Inner<S> {
    /// Makes sure that the state is in memory.
    pub(super) async fn load(&self, view: &View) -> Result<(), ReadError> {
        if view.with(|_| ()).is_none() {
            let state = self.fetch(view).await?;
            *view.state.borrow_mut() = Some(state);
        }
        Ok(())
    }

    /// The state as it is stored; an empty one if nothing is, or nothing that can be read.
    async fn fetch(&self, view: &View) -> Result<State, LogError> {
        let definition = view.definition();
        let name = &*definition.name;
        let selections = [
            Selection::Keys(Table::Checkpoints, vec![checkpoint(name)]),
            Selection::Prefix(Table::ProjectionRows, key(&[name, ""])),
            Selection::Prefix(Table::DeadLetters, letters(name, "")),
        ];
        let mut rows = self.log.store().load(&selections).await?.rows.into_iter();
        let mut next = || rows.next().unwrap_or_default();
        let found =
            Found { row: next().into_iter().next().map(|(_, row)| row), segments: next(), letters: next() };
        let head = self.log.head();
        let mut state = State {
            stored: found.row.clone(),
            checkpoint: None,
            next_generation: 2,
            dropped: Vec::new(),
            sweeps: false,
            detached: false,
            live: Generation::new(1, definition, head.history()),
            shadow: None,
            rows: Rows::new(definition),
            pending: None,
            error: None,
            is_held: false,
            // what was left unsaved is stored when there is time
            is_writer: true,
        };
        let Some(row) = &found.row else { return Ok(state) };
        let read = || -> Result<_, Damaged> {
            let checkpoint = Checkpoint::of_row(row)?;
            let live = found.generation(&checkpoint.live)?;
            let shadow = checkpoint.shadow.as_ref().map(|mark| found.generation(mark)).transpose()?;
            Ok((checkpoint, live, shadow))
        };
        match read() {
            Ok((checkpoint, live, shadow)) => {
                self.reach(live.position, live.history.as_deref()).await?;
                state.next_generation = checkpoint.next_generation;
                state.checkpoint = Some(checkpoint);
                state.live = live;
                state.shadow = shadow;
            }
            // derived, and so made anew, under numbers that were not used before
            Err(Damaged) => {
                state.sweeps = true;
                let now = self.surroundings.now().map_or(0, |now| now.millis().unsigned_abs());
                state.live.number = now;
                state.next_generation = now + 1;
            }
        }
        Ok(state)
    }

    /// Makes sure that this holder's log is not behind the rows that another one stored.
    async fn reach(&self, position: Position, history: Option<&str>) -> Result<(), LogError> {
        let head = self.log.head();
        if (position > head.position || position > 0 && history != head.history().as_deref())
            && self.log.catch_up().await?
        {
            self.announce(None);
        }
        Ok(())
    }

    /// Stores what is not stored yet. What fails is noted: the rows in memory are what they are, and another write follows.
    /// False if another holder was faster.
    pub(super) async fn save(&self, view: &View) -> bool {
        match self.try_save(view, false).await {
            Ok(saved) => saved,
            Err(error) => {
                let error = ReadError::Log(error);
                let noted = noted(&error, self.surroundings.now().ok());
                view.with(|state| state.error = Some(noted));
                self.host.failed(&error);
                true
            }
        }
    }

    /// Stores what is not stored yet; with `swaps` the shadow takes the place of the rows that are read. False if another holder was
    /// faster: then what it stored has been taken in.
    pub(super) async fn try_save(&self, view: &View, swaps: bool) -> Result<bool, LogError> {
        let name = view.definition().name.to_string();
        let prepared = view.with(|state| {
            if state.detached {
                return None;
            }
            let mut writes = Vec::new();
            if state.sweeps {
                writes.push(Write::DeletePrefix(Table::ProjectionRows, key(&[&name, ""])));
                writes.push(Write::DeletePrefix(Table::DeadLetters, letters(&name, "")));
            }
            for generation in &state.dropped {
                let old = generation.to_string();
                writes.push(Write::DeletePrefix(Table::ProjectionRows, key(&[&name, &old, ""])));
                writes.push(Write::DeletePrefix(Table::DeadLetters, letters(&name, &old)));
            }
            let mut plans = Vec::new();
            let mut marks = Vec::new();
            for generation in [Some(&state.live).filter(|_| !swaps), state.shadow.as_ref()] {
                let Some(generation) = generation else { continue };
                let number = generation.number;
                let plan = generation.layer.plan();
                for gone in plan.iter().flat_map(|plan| &plan.gone) {
                    writes.push(Write::Delete(Table::ProjectionRows, segment(&name, number, *gone)));
                }
                for (at, bytes) in plan.iter().flat_map(|plan| &plan.written) {
                    let key = segment(&name, number, *at);
                    writes.push(Write::Put(Table::ProjectionRows, key, Rc::clone(bytes)));
                }
                for stream in &generation.unsaved {
                    let key = Key::Text(key(&["projection", &name, &number.to_string(), stream.as_str()]));
                    writes.push(match generation.parked.get(stream) {
                        Some(parked) => Write::Put(Table::DeadLetters, key, parked.row()),
                        None => Write::Delete(Table::DeadLetters, key),
                    });
                }
                marks.push(Mark {
                    generation: number,
                    version: generation.version,
                    fingerprint: generation.fingerprint,
                    history: generation.history.clone(),
                    position: generation.position,
                    events: generation.events,
                    skipped: generation.skipped,
                    replays: generation.replays,
                    next_segment: plan
                        .as_ref()
                        .and_then(|plan| plan.next())
                        .unwrap_or(generation.layer.next()),
                    segments: generation.layer.numbers(plan.as_ref()),
                });
                plans.push(plan);
            }
            if swaps {
                let old = state.live.number.to_string();
                writes.push(Write::DeletePrefix(Table::ProjectionRows, key(&[&name, &old, ""])));
                writes.push(Write::DeletePrefix(Table::DeadLetters, letters(&name, &old)));
            }
            let mut marks = marks.into_iter();
            let live = marks.next()?;
            let number = state.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.number) + 1;
            let next_generation = state.next_generation;
            let checkpoint_now = Checkpoint { number, next_generation, live, shadow: marks.next() };
            let row = checkpoint_now.row();
            writes.push(Write::Put(Table::Checkpoints, checkpoint(&name), Rc::clone(&row)));
            let unchanged = vec![(Table::Checkpoints, checkpoint(&name), state.stored.clone())];
            Some((Batch { unchanged, writes, ..Batch::default() }, plans, row, checkpoint_now))
        });
        let Some(Some((batch, plans, row, checkpoint_now))) = prepared else { return Ok(true) };
        if self.log.store().write(batch).await? == Written::Collision {
            self.catch_up_rows(view).await?;
            return Ok(false);
        }
        view.with(|state| {
            state.stored = Some(row);
            state.checkpoint = Some(checkpoint_now);
            state.sweeps = false;
            state.dropped.clear();
            if swaps && let Some(shadow) = state.shadow.take() {
                state.live = shadow;
                state.rows.replaced();
                state.pending = None;
            }
            let generations = [Some(&mut state.live), state.shadow.as_mut()].into_iter().flatten();
            for (generation, plan) in generations.zip(plans) {
                if let Some(plan) = plan {
                    generation.layer.written(plan);
                }
                generation.unsaved.clear();
                generation.since_saved = 0;
            }
        });
        Ok(true)
    }

    /// Takes in what another holder stored.
    async fn catch_up_rows(&self, view: &View) -> Result<(), LogError> {
        let name = &*view.definition().name;
        let selections = [Selection::Keys(Table::Checkpoints, vec![checkpoint(name)])];
        let loaded = self.log.store().load(&selections).await?;
        let row = loaded.rows.into_iter().flatten().next().map(|(_, row)| row);
        let seen = row.as_ref().and_then(|row| Checkpoint::of_row(row).ok());
        if let Some(seen) = &seen {
            self.reach(seen.live.position, seen.live.history.as_deref()).await?;
        }
        // Of a generation that is known here only the segments are read that are not.
        let wanted = view.with(|state| {
            let (before, seen) = (state.checkpoint.as_ref()?, seen.as_ref()?);
            let (live, mark) = (&state.live, &seen.live);
            let known = live.layer.numbers(None);
            let fresh: Vec<u32> = mark.segments.iter().copied().filter(|it| !known.contains(it)).collect();
            let of = |mark: &Mark| (mark.generation, mark.replays, mark.history.clone());
            (of(&before.live) == of(mark) && live.number == mark.generation && before.shadow == seen.shadow)
                .then_some((live.number, fresh))
        });
        if let (Some(Some((generation, fresh))), Some(seen)) = (wanted, &seen) {
            let keys = fresh.iter().map(|number| segment(name, generation, *number)).collect();
            let selections = [
                Selection::Keys(Table::ProjectionRows, keys),
                Selection::Keys(Table::Checkpoints, vec![checkpoint(name)]),
                Selection::Prefix(Table::DeadLetters, letters(name, &generation.to_string())),
            ];
            let mut rows = self.log.store().load(&selections).await?.rows.into_iter();
            let mut next = || rows.next().unwrap_or_default();
            let segments = next();
            let is_still = next().into_iter().next().map(|(_, row)| row) == row;
            let found = Found { row: None, segments: Vec::new(), letters: next() };
            if is_still && segments.len() == fresh.len() {
                let fresh = fresh.into_iter().zip(segments.into_iter().map(|(_, row)| row)).collect();
                let parked = found.parked(&generation.to_string());
                let adopted = view.with(|state| adopt(state, seen, row, fresh, parked));
                if adopted == Some(Ok(())) {
                    return Ok(());
                }
            }
        }
        let mut fresh = self.fetch(view).await?;
        let head = self.log.head();
        view.with(|state| {
            let definition = view.definition();
            let was_current = state.live.position > 0 && state.is_current(definition, &head);
            if was_current && !fresh.sweeps && !fresh.is_current(definition, &head) {
                // An app of another version stores rows of its own: this one's stay in memory, until it is loaded again.
                state.detached = true;
                return;
            }
            let before = state.checkpoint.as_ref().and_then(|before| before.shadow.as_ref());
            let now = fresh.checkpoint.as_ref().and_then(|now| now.shadow.as_ref());
            if let Some(mut shadow) = state.shadow.take()
                && before == now
                && fresh.live.number <= state.live.number
            {
                // nobody else is at it: what was made here goes on
                if before.is_none() {
                    shadow.number = fresh.next_generation;
                    fresh.next_generation += 1;
                }
                fresh.shadow = Some(shadow);
            }
            fresh.is_held = state.is_held;
            fresh.error = state.error.take();
            fresh.rows = std::mem::replace(&mut state.rows, Rows::new(definition));
            fresh.rows.replaced();
            *state = fresh;
        });
        Ok(())
    }
}

/// Takes in what another holder stored of the same generation: its rows, if it is further.
fn adopt(
    state: &mut State,
    seen: &Checkpoint,
    row: Option<Bytes>,
    fresh: Vec<(u32, Bytes)>,
    parked: Result<BTreeMap<StreamName, Parked>, Damaged>,
) -> Result<(), Damaged> {
    let State { live, rows, .. } = state;
    let mark = &seen.live;
    let is_later = mark.position >= live.position;
    let parked = parked?;
    live.layer.adopt(&mark.segments, fresh, is_later, &mut |key, before, after| {
        rows.note(key, before, after);
    })?;
    if is_later {
        live.position = mark.position;
        live.events = mark.events;
        live.skipped = mark.skipped;
        live.parked = parked;
        live.unsaved.clear();
        live.since_saved = 0;
        live.halted = None;
        // what was pending may be confirmed by now
        state.pending = None;
    } else {
        live.unsaved = parked.into_keys().chain(live.parked.keys().cloned()).collect();
    }
    state.stored = row;
    state.checkpoint = Some(seen.clone());
    state.next_generation = seen.next_generation;
    Ok(())
}
