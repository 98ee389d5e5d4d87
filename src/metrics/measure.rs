//! What is counted, and what is timed.

macro_rules! measures {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in a report.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

measures! {
    /// What is counted.
    Counter {
        /// Commits appended by this opening.
        Commits => "commits",
        /// Events in them.
        Events => "events",
        /// Commands that led to no events.
        Silent => "silent",
        /// Commands and queries that a rule of the domain, or a middleware, refused.
        Refused => "refused",
        /// Commands and queries that failed otherwise.
        Failed => "failed",
        /// Version conflicts that the caller was told of.
        Conflicts => "conflicts",
        /// Decisions taken again because another tab was faster.
        Redecided => "redecided",
        /// Events folded into states.
        Replayed => "replayed",
        /// Events that other devices recorded, as they came in.
        Received => "received",
        /// Own commits confirmed as they were decided.
        Confirmed => "confirmed",
        /// Own commits confirmed after a rebase.
        Rebased => "rebased",
        /// Own commits that a rebase found to have nothing left to say.
        Absorbed => "absorbed",
        /// Own commits that can't be confirmed any more.
        Rejected => "rejected",
        /// Exchanges with the server that failed.
        SyncFailures => "syncFailures",
        /// States that were loaded from a snapshot and the events after it.
        SnapshotHits => "snapshotHits",
        /// States for which no snapshot fitted, so that all events were folded. Short streams, for which none is looked for,
        /// don't count.
        SnapshotMisses => "snapshotMisses",
        /// Snapshots taken.
        SnapshotsTaken => "snapshotsTaken",
        /// Snapshots passed over because other code had made them.
        SnapshotsOutdated => "snapshotsOutdated",
        /// Snapshots passed over because they could not be read: damaged, of another format, or refused by the aggregate.
        SnapshotsUnreadable => "snapshotsUnreadable",
        /// Snapshots passed over because they end with an event that is not there among the confirmed ones.
        SnapshotsAhead => "snapshotsAhead",
        /// States that could not be kept, because JSON would change them.
        SnapshotsUnkeepable => "snapshotsUnkeepable",
        /// Snapshots that could not be read from storage, or written to it.
        SnapshotsFailed => "snapshotsFailed",
    }
}

measures! {
    /// What is timed, in milliseconds.
    Timing {
        /// A command: from its turn to its events being durable.
        Execute => "execute",
        /// The aggregate's `decide`.
        Decide => "decide",
        /// A write of the log, until it is durable.
        Append => "append",
        /// A state that the app asked for.
        Load => "load",
        /// Folding events into a state.
        Replay => "replay",
        /// A page of events that the app asked for.
        Read => "read",
        /// Rows of a projection that the app asked for, catching up included.
        Query => "query",
        /// A pull: the exchange with the server and taking in what it brought.
        Pull => "pull",
        /// A push, likewise.
        Push => "push",
        /// From the decision of an own commit to its confirmation, time without a network included.
        Confirm => "confirm",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_order_and_names_differ() {
        for (at, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, at);
        }
        for (at, timing) in Timing::ALL.iter().enumerate() {
            assert_eq!(*timing as usize, at);
        }
        let mut names: Vec<_> = Counter::ALL.iter().map(|it| it.name()).collect();
        crate::order::sort(&mut names);
        names.dedup();
        assert_eq!(names.len(), Counter::ALL.len());
    }
}
