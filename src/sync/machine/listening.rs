//! Tables of listening: from a story of inputs to the actions of the last one, and how news come then.

use super::*;
use crate::sync::{
    live::News,
    protocol::{Cursor, Page},
};
use Action::{HangUp, Listen, Pull, Push, SetTimer};
use Input::{Online, Paused, Rang, Start, Token, Wanted};
use Way::{LongPoll, Poll, Stream};

const REACHED: Input = Input::Pulled { up_to_date: true, pending: 0, news: false };
const PAGE: Input = Input::Pulled { up_to_date: false, pending: 0, news: true };
const OPEN: Input = Input::Heard(Heard::Open, 0.5);
const QUIET: Input = Input::Heard(Heard::Quiet, 0.5);
const CLOSED: Input = Input::Heard(Heard::Closed, 0.5);
const BROKEN: Input = Input::Heard(Heard::Broken, 0.5);
const UNFIT: Input = Input::Heard(Heard::Unfit, 0.5);

fn news() -> Input {
    let page = Page {
        log_id: "log".into(),
        commits: vec![],
        cursor: Cursor("7".into()),
        up_to_date: true,
        scope: None,
        archived: None,
    };
    Input::Heard(Heard::News(Box::new(News { after: Cursor::default(), page })), 0.5)
}

fn busy(milliseconds: u64) -> Input {
    Input::Heard(Heard::Busy(milliseconds), 0.5)
}

fn failed(code: &'static str) -> Input {
    Input::Failed(Failure { code, message: String::new(), retry_after: None, problem: None }, 0.5)
}

/// Plays a story; a ring is that of the timer that counts.
#[track_caller]
fn check(story: impl IntoIterator<Item = Input>, way: Way, actions: &[Action]) -> Machine {
    let mut machine = Machine::new(5_000, true);
    let mut last = vec![];
    for input in story {
        let input = if let Rang(_) = input { Rang(machine.timer()) } else { input };
        (machine, last) = machine.step(input);
    }
    // the numbers of timers are the other tables' matter
    for action in &mut last {
        if let SetTimer(timer, _) = action {
            *timer = 0;
        }
    }
    assert_eq!((machine.live.way(), last.as_slice()), (way, actions));
    machine
}

fn after(story: &[Input], more: &[Input]) -> Vec<Input> {
    [&[Start, REACHED], story, more].concat()
}

#[test]
fn it_listens_once_the_end_is_reached() {
    check([Start, PAGE], Poll, &[Pull]);
    check([Start, REACHED], Poll, &[SetTimer(0, 5_000), Listen(Stream, 0)]);
    let pending = Input::Pulled { up_to_date: true, pending: 2, news: false };
    check([Start, pending], Poll, &[Push, Listen(Stream, 0)]);
    check(after(&[], &[Wanted, REACHED]), Poll, &[SetTimer(0, 5_000)]);
}

#[test]
fn an_open_stream_makes_looking_rare() {
    check(after(&[], &[OPEN]), Stream, &[SetTimer(0, 60_000), Listen(Stream, 0)]);
    check(after(&[OPEN], &[QUIET]), Stream, &[Listen(Stream, 0)]);
    check(after(&[OPEN], &[Rang(0), REACHED]), Stream, &[SetTimer(0, 60_000)]);
    check(after(&[OPEN], &[CLOSED]), Stream, &[Listen(Stream, 0)]);
}

#[test]
fn news_lead_to_a_round() {
    check(after(&[OPEN], &[news()]), Stream, &[Pull, Listen(Stream, 0)]);
    check(after(&[OPEN, news()], &[REACHED]), Stream, &[SetTimer(0, 60_000)]);
    // a back-off is not cut short by them
    check(after(&[OPEN, Wanted, failed("server")], &[news()]), Stream, &[Listen(Stream, 0)]);
    // an answer that waits is asked for again only behind what it told of: asked at once it would tell the same
    let waiting = [UNFIT, Rang(0), REACHED];
    check(after(&waiting, &[news()]), LongPoll, &[Pull]);
    check(after(&waiting, &[news(), REACHED]), LongPoll, &[SetTimer(0, 60_000), Listen(LongPoll, 0)]);
    check(after(&waiting, &[QUIET]), LongPoll, &[SetTimer(0, 60_000), Listen(LongPoll, 0)]);
}

#[test]
fn after_a_break_a_pull_tells_whether_the_server_is_there() {
    check(after(&[OPEN], &[BROKEN]), Poll, &[SetTimer(0, 251)]);
    check(after(&[OPEN, BROKEN], &[Rang(0)]), Poll, &[Pull]);
    check(after(&[OPEN, BROKEN, Rang(0)], &[REACHED]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 0)]);
    check(after(&[OPEN, BROKEN, Rang(0)], &[failed("network")]), Poll, &[SetTimer(0, 250)]);
    let twice = [OPEN, BROKEN, Rang(0), REACHED, BROKEN, Rang(0)];
    check(after(&twice, &[REACHED]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 1_000)]);
    // a heartbeat shows that streams do get through
    let healed = [OPEN, BROKEN, Rang(0), REACHED, OPEN, QUIET, BROKEN, Rang(0)];
    check(after(&healed, &[REACHED]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 0)]);
}

#[test]
fn what_does_not_work_gives_way_to_what_does() {
    let broken = [BROKEN, Rang(0), REACHED];
    let thrice = [&broken[..], &broken, &broken].concat();
    check(after(&thrice, &[]), Poll, &[SetTimer(0, 5_000), Listen(LongPoll, 0)]);
    check(after(&[UNFIT, Rang(0)], &[REACHED]), Poll, &[SetTimer(0, 5_000), Listen(LongPoll, 0)]);
    let neither = [UNFIT, Rang(0), REACHED, UNFIT];
    check(after(&neither, &[]), Poll, &[SetTimer(0, 251), Listen(Stream, 300_000)]);
    // it is not tried in vain every few seconds meanwhile
    check(after(&neither, &[Rang(0), REACHED]), Poll, &[SetTimer(0, 5_000)]);
}

#[test]
fn a_better_way_is_tried_again() {
    let waiting = [UNFIT, Rang(0), REACHED];
    let quiet = vec![QUIET; 11];
    check(after(&waiting, &quiet), LongPoll, &[Listen(LongPoll, 0)]);
    check(after(&waiting, &vec![QUIET; 12]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 0)]);
}

#[test]
fn a_server_without_a_place_is_asked_later() {
    check(after(&[], &[busy(30_000)]), Poll, &[Listen(Stream, 30_000)]);
    check(after(&[OPEN], &[busy(0)]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 1_000)]);
    check(after(&[], &[busy(u64::MAX)]), Poll, &[Listen(Stream, 300_000)]);
}

#[test]
fn nobody_listens_who_may_not_send() {
    for (ends, begins) in [(Online(false), Online(true)), (Paused(true), Paused(false))] {
        check(after(&[OPEN], std::slice::from_ref(&ends)), Poll, &[HangUp]);
        check(after(&[OPEN, ends.clone()], std::slice::from_ref(&ends)), Poll, &[]);
        check(after(&[OPEN, ends.clone()], std::slice::from_ref(&begins)), Poll, &[Pull]);
        let again = [OPEN, ends.clone(), begins.clone()];
        check(after(&again, &[REACHED]), Poll, &[SetTimer(0, 5_000), Listen(Stream, 0)]);
        // what was under way still answers, and does not begin to listen
        check(after(&[Wanted, ends], &[REACHED]), Poll, &[]);
    }
    check(after(&[OPEN, Wanted, failed("unauthorized")], &[Token(false)]), Poll, &[HangUp]);
    check(after(&[OPEN, Wanted], &[failed("upgrade-needed")]), Poll, &[SetTimer(0, 2_700_000), HangUp]);
}
