//! Mistakes that can be made on purpose, one at a time, so that the simulator can show that it would notice them. Without the feature
//! `mistakes`, which only the simulator's build has, none can be made and nothing of this is compiled in.

/// A cure, left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The log: an append is written though another tab has changed more than the end of the log.
    AppendIgnoresEpoch,
    /// The log: an append takes the place of one that another tab was faster with.
    AppendOverwrites,
    /// The log: whatever a write collided with is taken for the append itself.
    AppendTrustsCollision,
    /// The log: an append that failed is acknowledged.
    AppendAcknowledgedAnyway,
    /// The log: a change is applied to another view than it was computed from.
    ApplyIgnoresView,
    /// The log: a pull does not tell the views of other tabs that they are old.
    ApplyKeepsEpoch,
    /// The log: the cursor is saved with all but the last commit of its page.
    CursorBeforeCommits,
    /// The log: a rejected commit is taken off the queue and kept nowhere.
    RejectedDropped,
    /// The log: what a commit that is rejected by now caused is appended all the same.
    EffectOfRejected,
    /// The log: a tab goes on with its view though others have removed rows.
    RefreshKeepsOldView,
    /// The engine: what the server has accepted leaves the queue before a pull has brought it.
    SettledByPush,
    /// The engine: an own commit that comes back is taken for one of others, and stays in the queue.
    OwnNotRecognised,
    /// The engine: a state that a rebase has changed is used on.
    StateKeptOverRebase,
    /// The engine: a page is taken in though the log has moved on since it was asked for.
    LatePageTaken,
    /// Rebase: a commit keeps the version that it was first decided on.
    StaleVersion,
    /// Rebase: a command is not decided again.
    NotDecidedAgain,
    /// Rebase: a command is decided again without the pending commits before it.
    PendingForgotten,
    /// Rebase: what a rejected commit caused goes on without it.
    EffectOutlivesCause,
    /// Rebase: a command that the rules refuse now counts as done.
    RefusedCountsAsDone,
    /// The server: a commit that stands in the log already is accepted again.
    NoDedupe,
    /// The server: whatever version a commit expects, it is accepted.
    NoVersionCheck,
    /// The server: what builds on a refused commit is accepted.
    NothingBlocked,
    /// The server: a page's cursor stands behind a commit that the page does not hold.
    PageSkips,
    /// The log: of what the server has lost, only the first commit is offered again.
    ReofferForgotten,
    /// The log: what the server has lost is offered again from its end.
    ReofferLosesOrder,
    /// The server: a push that was decided on a history that the server has lost is judged by its numbers.
    PushCursorIgnored,
    /// The engine: a page that was heard is taken for the answer of a pull, wherever it begins.
    NewsTakenAnywhere,
    /// The engine: streams that came to be followed are pulled from where the others stand.
    PastNotFetched,
    /// The engine: the past of streams counts as fetched with the first pages of it.
    PastCutShort,
    /// The engine: a commit is pushed as this app reads it.
    PushedAsRead,
    /// The engine: an event of a newer schema version than the app knows is read as if it knew it.
    NewerTakenForKnown,
    /// The engine: rows that an older app has made of older shapes are used on.
    RowsOfOlderApp,
    /// The server: what the rules of the domain say about a push is not looked at.
    RulesNotAsked,
    /// The server: two devices that take themselves for one may both push.
    FenceIgnored,
    /// The server: a stream that was archived takes more.
    ArchivedTakesMore,
    /// The engine: a commit that is in an archive is waited for.
    ArchivedNotSettled,
    /// The engine: markers of streams that are archived no longer stay, and what they stood for is not fetched.
    MarkersOutliveRestore,
}

impl Mistake {
    /// Those that the simulator has to find.
    pub const ALL: [Self; 35] = [
        Self::AppendIgnoresEpoch,
        Self::AppendOverwrites,
        Self::AppendTrustsCollision,
        Self::AppendAcknowledgedAnyway,
        Self::ApplyIgnoresView,
        Self::ApplyKeepsEpoch,
        Self::CursorBeforeCommits,
        Self::RejectedDropped,
        Self::EffectOfRejected,
        Self::RefreshKeepsOldView,
        Self::SettledByPush,
        Self::OwnNotRecognised,
        Self::StateKeptOverRebase,
        Self::StaleVersion,
        Self::NotDecidedAgain,
        Self::PendingForgotten,
        Self::EffectOutlivesCause,
        Self::RefusedCountsAsDone,
        Self::NoDedupe,
        Self::NoVersionCheck,
        Self::NothingBlocked,
        Self::PageSkips,
        Self::ReofferForgotten,
        Self::ReofferLosesOrder,
        Self::LatePageTaken,
        Self::FenceIgnored,
        Self::RulesNotAsked,
        Self::PushedAsRead,
        Self::NewerTakenForKnown,
        Self::RowsOfOlderApp,
        Self::PastNotFetched,
        Self::PastCutShort,
        Self::ArchivedTakesMore,
        Self::ArchivedNotSettled,
        Self::MarkersOutliveRestore,
    ];

    /// Those that other cures nearly always make up for: of 20,000 histories at most one shows them. They are tried for whoever asks, and
    /// tests of their own hold what they would break.
    pub const RARE: [Self; 2] = [Self::PushCursorIgnored, Self::NewsTakenAnywhere];
}

#[cfg(feature = "mistakes")]
thread_local! {
    static MADE: std::cell::Cell<Option<Mistake>> = const { std::cell::Cell::new(None) };
}

/// From now on this thread makes this mistake, or none.
#[cfg(feature = "mistakes")]
pub fn make(mistake: Option<Mistake>) {
    MADE.set(mistake);
}

/// Whether a mistake is made here and now.
#[cfg(feature = "mistakes")]
#[inline]
pub(crate) fn made(mistake: Mistake) -> bool {
    MADE.get() == Some(mistake)
}

/// Whether a mistake is made here and now.
#[cfg(not(feature = "mistakes"))]
#[inline(always)]
pub(crate) const fn made(_: Mistake) -> bool {
    false
}
