//! What a log holds, as far as the pushes of one transaction ask: read at once, and grown by what each of them adds.

use super::{
    archive::markers_of,
    failure::Trouble,
    producers::last,
    row::{Log, signed, stream, unsigned},
};
use crate::{
    candidate::Candidate,
    cursor::Mark,
    judge::{Facts, Standing},
    log_name::LogName,
    storage::{LastPush, Offer},
};
use deadpool_postgres::Client;
use std::collections::{HashMap, HashSet};
use tidelog::{
    commit::{Commit, ConfirmedCommit},
    id::{CommitId, EventId},
    stream::StreamName,
    sync::protocol::Archived,
    time::Timestamp,
    version::{Position, Version},
};
use tokio_postgres::{Row, Statement, types::ToSql};
use uuid::Uuid;

/// What the pushes name.
#[derive(Default)]
struct Names<'a> {
    commits: Vec<Uuid>,
    events: Vec<Uuid>,
    streams: Vec<&'a str>,
    producers: Vec<Uuid>,
    /// Where their cursors stand.
    positions: Vec<i64>,
}

impl<'a> Names<'a> {
    fn of(offers: &'a [Offer]) -> Result<Self, Trouble> {
        let mut names = Self::default();
        for offer in offers {
            names.commits.extend(commits(offer).map(|commit| commit.id.0));
            for commit in writable(offer) {
                names.events.extend(commit.events.iter().map(|event| event.id.0));
                names.streams.push(commit.stream.as_str());
            }
            names.producers.extend(offer.producer.map(|producer| producer.id.0));
            if let Some(mark) = offer.cursor.as_ref().and_then(Mark::read) {
                names.positions.push(signed(mark.position)?);
            }
        }
        names.streams.sort_unstable();
        names.streams.dedup();
        Ok(names)
    }
}

/// Those that can be read.
fn commits(offer: &Offer) -> impl Iterator<Item = &Commit> {
    offer.commits.iter().filter_map(|candidate| match candidate {
        Candidate::Commit(commit) => Some(&**commit),
        Candidate::Malformed(_) => None,
    })
}

/// Those to streams that may be written to; about others nothing more is asked than whether the commit is there.
fn writable(offer: &Offer) -> impl Iterator<Item = &Commit> {
    commits(offer).filter(|commit| offer.rights.write.includes(commit.stream.as_str()))
}

/// The questions about a log, which go by its name: so they can be sent together with the lock on its row, before its key is known. The lock is
/// taken by a statement before them: one that asked and locked would see the other tables as they were before it waited for the lock.
pub(super) struct Questions<'a> {
    names: Names<'a>,
    commits: Statement,
    /// Only if a push names one.
    producers: Option<Statement>,
    ends: Option<Statement>,
}

/// Looks up one row at a time, by all columns of an index: a plan that was made when the table was small stays good.
const COMMITS: &str = "
    WITH asked AS (SELECT key FROM tidelog.logs WHERE name = $1)
    SELECT found.id, found.stream, found.first_version, found.position FROM unnest($2::uuid[]) AS commit (id)
    CROSS JOIN LATERAL (
        SELECT id, stream, first_version, position FROM tidelog.commits
        WHERE log = (SELECT key FROM asked) AND id = commit.id LIMIT 1
    ) AS found
    UNION ALL SELECT found.id, NULL, NULL, NULL FROM unnest($3::uuid[]) AS event (id)
    CROSS JOIN LATERAL (
        SELECT id FROM tidelog.events WHERE log = (SELECT key FROM asked) AND id = event.id LIMIT 1
    ) AS found
    UNION ALL SELECT NULL, stream.name, last.version, NULL FROM unnest($4::text[]) AS stream (name)
    CROSS JOIN LATERAL (
        SELECT first_version + events - 1 AS version FROM tidelog.commits
        WHERE log = (SELECT key FROM asked) AND stream = stream.name ORDER BY first_version DESC LIMIT 1
    ) AS last";

const PRODUCERS: &str = "
    SELECT found.* FROM unnest($2::uuid[]) AS asked (id)
    CROSS JOIN LATERAL (
        SELECT id, epoch, sequence, digest FROM tidelog.producers
        WHERE log = (SELECT key FROM tidelog.logs WHERE name = $1) AND id = asked.id LIMIT 1
    ) AS found";

/// The commits that end at these positions.
const ENDS: &str = "
    SELECT asked.position, last.id, last.recorded_at FROM unnest($2::bigint[]) AS asked (position)
    CROSS JOIN LATERAL (
        SELECT id, recorded_at, position + events - 1 AS ends FROM tidelog.commits
        WHERE log = (SELECT key FROM tidelog.logs WHERE name = $1) AND position <= asked.position
        ORDER BY position DESC LIMIT 1
    ) AS last WHERE last.ends = asked.position";

impl<'a> Questions<'a> {
    /// Makes them ready, so that asking is one round trip.
    pub(super) async fn about(offers: &'a [Offer], client: &Client) -> Result<Self, Trouble> {
        let names = Names::of(offers)?;
        let only_if = async |is_asked: bool, sql: &str| match is_asked {
            true => client.prepare_cached(sql).await.map(Some),
            false => Ok(None),
        };
        Ok(Self {
            commits: client.prepare_cached(COMMITS).await?,
            producers: only_if(!names.producers.is_empty(), PRODUCERS).await?,
            ends: only_if(!names.positions.is_empty(), ENDS).await?,
            names,
        })
    }

    /// Asks all in one round trip.
    pub(super) async fn ask(&self, client: &Client, log: &LogName) -> Result<Known, Trouble> {
        let (Names { commits, events, streams, producers, positions }, log) = (&self.names, log.as_str());
        let ask = async |statement: Option<&Statement>, names: &(dyn ToSql + Sync)| match statement {
            Some(statement) => client.query(statement, &[&log, names]).await,
            None => Ok(Vec::new()),
        };
        let (commits, producers, ends) = tokio::join!(
            biased;
            async { client.query(&self.commits, &[&log, commits, events, streams]).await },
            ask(self.producers.as_ref(), producers),
            ask(self.ends.as_ref(), positions),
        );
        // In this order: after one that failed, the database refuses the others for that reason alone.
        Known::read(&commits?, &producers?, &ends?)
    }
}

/// What is known of a log.
#[derive(Default)]
pub(super) struct Known {
    commits: HashMap<CommitId, Standing>,
    events: HashSet<EventId>,
    versions: HashMap<StreamName, Version>,
    producers: HashMap<Uuid, LastPush>,
    ends: HashMap<Position, (CommitId, Timestamp)>,
    archived: HashMap<StreamName, Archived>,
}

impl Known {
    fn read(commits: &[Row], producers: &[Row], ends: &[Row]) -> Result<Self, Trouble> {
        let mut known = Self::default();
        for row in commits {
            match (row.try_get(0)?, row.try_get::<_, Option<&str>>(1)?) {
                (Some(id), Some(_)) => {
                    let (first_version, first_position) = (unsigned(row, 2)?, unsigned(row, 3)?);
                    let standing = Standing { stream: stream(row, 1)?, first_version, first_position };
                    known.commits.insert(CommitId(id), standing);
                }
                (Some(id), None) => {
                    known.events.insert(EventId(id));
                }
                (None, _) => {
                    known.versions.insert(stream(row, 1)?, unsigned(row, 2)?);
                }
            }
        }
        for row in producers {
            known.producers.insert(row.try_get(0)?, last(row, 1)?);
        }
        for row in ends {
            known.ends.insert(unsigned(row, 0)?, (CommitId(row.try_get(1)?), Timestamp(row.try_get(2)?)));
        }
        Ok(known)
    }

    /// Asks which streams were archived, if any was. Under the lock: nothing else archives.
    pub(super) async fn ask_for_markers(
        &mut self,
        client: &Client,
        log: &Log,
        offers: &[Offer],
    ) -> Result<(), Trouble> {
        if log.archived > 0 {
            self.archived = markers_of(client, log, &Names::of(offers)?.streams).await?;
        }
        Ok(())
    }

    /// Checks the cursor of a push, and admits its producer; what is to be remembered of it.
    ///
    /// # Errors
    /// [`Trouble::Cursor`], [`Trouble::Fenced`].
    pub(super) fn admit(&self, offer: &Offer, log: &Log) -> Result<Option<LastPush>, Trouble> {
        if let Some(cursor) = &offer.cursor {
            let mark = Mark::of(cursor, log.id, log.position)?;
            mark.check(self.ends.get(&mark.position).copied())?;
        }
        let last = offer.producer.and_then(|producer| self.producers.get(&producer.id.0).copied());
        Ok(offer.admit(last)?)
    }

    /// What one of the pushes is judged by.
    pub(super) fn facts(&self, offer: &Offer, position: Position) -> Facts {
        let mut facts = Facts { position, ..Facts::default() };
        for commit in commits(offer) {
            let standing = self.commits.get(&commit.id);
            facts.commits.extend(standing.map(|standing| (commit.id, standing.clone())));
        }
        for commit in writable(offer) {
            let ids = commit.events.iter().map(|event| event.id);
            facts.events.extend(ids.filter(|id| self.events.contains(id)));
            let version = self.versions.get(&commit.stream);
            facts.versions.extend(version.map(|&version| (commit.stream.clone(), version)));
            let marker = self.archived.get(&commit.stream);
            facts.archived.extend(marker.map(|marker| (commit.stream.clone(), marker.clone())));
        }
        facts
    }

    /// What those after a push are judged by as well.
    pub(super) fn add(&mut self, accepted: &[ConfirmedCommit], producer: Option<(Uuid, LastPush)>) {
        for &ConfirmedCommit { first_version, first_position, ref commit, .. } in accepted {
            let stream = commit.stream.clone();
            self.versions.insert(stream.clone(), first_version + commit.count() - 1);
            self.commits.insert(commit.id, Standing { stream, first_version, first_position });
            self.events.extend(commit.events.iter().map(|event| event.id));
        }
        self.producers.extend(producer);
    }
}
