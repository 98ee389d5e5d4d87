//! Tables: from a story of inputs to the actions of the last one.

use super::*;

fn failure(code: &'static str) -> Input {
    Input::Failed(Failure { code, message: String::new(), retry_after: None, problem: None }, 0.5)
}

fn pulled(pending: u64) -> Input {
    Input::Pulled { up_to_date: true, pending, news: false }
}

const PAGE: Input = Input::Pulled { up_to_date: false, pending: 0, news: true };
const ACCEPTED: Input = Input::Pushed { accepted: true };
const NOTHING_ACCEPTED: Input = Input::Pushed { accepted: false };

#[track_caller]
fn check(story: impl IntoIterator<Item = Input>, doing: Doing, actions: &[Action]) -> Machine {
    let mut machine = Machine::new(5_000, true);
    let mut last = vec![];
    for input in story {
        (machine, last) = machine.step(input);
    }
    // how it listens has tables of its own
    last.retain(|action| !matches!(action, Action::Listen(..) | Action::HangUp));
    assert_eq!((machine.doing, last.as_slice()), (doing, actions));
    machine
}

#[test]
fn a_round_pulls_pushes_and_pulls_the_confirmations() {
    use Input::*;
    check([Start], Doing::Pulling, &[Action::Pull]);
    check([Start, PAGE], Doing::Pulling, &[Action::Pull]);
    check([Start, pulled(0)], Doing::Idle, &[Action::SetTimer(1, 5_000)]);
    check([Start, pulled(3)], Doing::Pushing, &[Action::Push]);
    check([Start, pulled(3), ACCEPTED], Doing::Pulling, &[Action::Pull]);
    check([Start, pulled(3), ACCEPTED, pulled(0)], Doing::Idle, &[Action::SetTimer(1, 5_000)]);
    check([Start, pulled(3), ACCEPTED, pulled(2)], Doing::Pushing, &[Action::Push]);
}

#[test]
fn one_request_at_a_time_and_no_wish_is_forgotten() {
    use Input::*;
    check([Start, Wanted], Doing::Pulling, &[]);
    check([Start, Wanted, pulled(0)], Doing::Pulling, &[Action::Pull]);
    check([Start, pulled(1), Wanted], Doing::Pushing, &[]);
    check([Start, pulled(0), Wanted], Doing::Pulling, &[Action::Pull]);
    check([Start, pulled(0), Rang(1)], Doing::Pulling, &[Action::Pull]);
    check([Start, pulled(0), Wanted, Rang(1)], Doing::Pulling, &[]);
}

#[test]
fn a_server_of_another_protocol_is_left_alone_until_somebody_asks() {
    use Input::*;
    let refused = || failure("upgrade-needed");
    let long = Action::SetTimer(1, 2_700_000);
    check([Start, refused()], Doing::Waiting, &[long]);
    check([Start, refused(), Wanted], Doing::Waiting, &[]);
    check([Start, refused(), Rang(1)], Doing::Pulling, &[Action::Pull]);
    check([Start, refused(), Asked], Doing::Pulling, &[Action::Pull]);
    check([Start, refused(), Asked, pulled(2)], Doing::Pushing, &[Action::Push]);
    check([Start, failure("log-changed"), Wanted], Doing::Waiting, &[]);
    check([Start, failure("log-changed"), Asked], Doing::Pulling, &[Action::Pull]);
    // any other back-off is not cut short
    check([Start, failure("server"), Asked], Doing::Waiting, &[]);
    check([Start, pulled(0), Asked], Doing::Pulling, &[Action::Pull]);
}

#[test]
fn an_old_timer_rings_unheard() {
    use Input::*;
    check([Start, pulled(0), Rang(1), pulled(0), Rang(1)], Doing::Idle, &[]);
    check([Start, pulled(0), Rang(1), pulled(0), Rang(2)], Doing::Pulling, &[Action::Pull]);
}

#[test]
fn failures_back_off_with_jitter_up_to_a_minute_and_heed_the_server() {
    use Input::*;
    check([Start, failure("network")], Doing::Waiting, &[Action::SetTimer(1, 250)]);
    check([Start, failure("network"), Rang(1)], Doing::Pulling, &[Action::Pull]);
    check(
        [Start, failure("network"), Rang(1), failure("network")],
        Doing::Waiting,
        &[Action::SetTimer(2, 500)],
    );
    let mut story = vec![Start];
    for ring in 1..30 {
        story.extend([failure("server"), Rang(ring)]);
    }
    story.push(failure("server"));
    check(story, Doing::Waiting, &[Action::SetTimer(30, 30_000)]);
    let busy =
        Failure { code: "rate-limited", message: String::new(), retry_after: Some(7_000), problem: None };
    let machine = check([Start, Failed(busy.clone(), 0.5)], Doing::Waiting, &[Action::SetTimer(1, 7_000)]);
    assert_eq!(machine.failure, Some(busy));
    let machine =
        check([Start, failure("network"), Rang(1), pulled(0)], Doing::Idle, &[Action::SetTimer(2, 5_000)]);
    assert_eq!(machine.failure, None);
}

/// A pull that went well reset the back-off: a server that failed at pushes alone was asked again and again within half a second,
/// and a token that could read but not write was renewed without end.
#[test]
fn a_pull_does_not_mend_what_a_push_met() {
    use Input::*;
    let twice = [Start, pulled(1), failure("server"), Rang(1), pulled(1), failure("server")];
    let machine = check(twice, Doing::Waiting, &[Action::SetTimer(2, 500)]);
    let (machine, _) = machine.step(Rang(2));
    let (machine, _) = machine.step(pulled(1));
    assert!(machine.failure.is_some(), "the failure is shown until a round succeeds");
    let (machine, _) = machine.step(ACCEPTED);
    assert_eq!(machine.failure, None);
    let read_only =
        [Start, pulled(1), failure("unauthorized"), Token(true), pulled(1), failure("unauthorized")];
    check(read_only, Doing::Unauthorized, &[]);
}

#[test]
fn a_new_commit_does_not_cut_a_back_off_short_but_the_network_does() {
    use Input::*;
    check([Start, failure("network"), Wanted], Doing::Waiting, &[]);
    check([Start, failure("network"), Online(false), Online(true)], Doing::Pulling, &[Action::Pull]);
}

#[test]
fn offline_and_paused_send_nothing() {
    use Input::*;
    check([Online(false), Start], Doing::Idle, &[]);
    check([Paused(true), Start], Doing::Idle, &[]);
    check([Start, Online(false), pulled(3)], Doing::Idle, &[]);
    check([Start, pulled(3), Paused(true), ACCEPTED], Doing::Idle, &[]);
    check([Start, pulled(3), Paused(true), ACCEPTED, Wanted], Doing::Idle, &[]);
    check([Start, pulled(3), Paused(true), ACCEPTED, Paused(false)], Doing::Pulling, &[Action::Pull]);
    check([Paused(true), Online(false), Start, Online(true)], Doing::Idle, &[]);
    check([Start, pulled(0), Online(false), Rang(1)], Doing::Idle, &[]);
}

#[test]
fn a_token_is_asked_for_once() {
    use Input::*;
    check([Start, failure("unauthorized")], Doing::Asking, &[Action::AskToken]);
    check([Start, failure("unauthorized"), Token(false)], Doing::Unauthorized, &[]);
    check([Start, failure("unauthorized"), Token(true)], Doing::Pulling, &[Action::Pull]);
    check([Start, failure("unauthorized"), Token(true), failure("unauthorized")], Doing::Unauthorized, &[]);
    let later = [Start, failure("unauthorized"), Token(true), pulled(0), Wanted, failure("unauthorized")];
    check(later, Doing::Asking, &[Action::AskToken]);
    check([Start, failure("unauthorized"), Token(false), Wanted], Doing::Unauthorized, &[]);
    let resumed = [Start, failure("unauthorized"), Token(false), Paused(true), Paused(false)];
    check(resumed, Doing::Pulling, &[Action::Pull]);
}

#[test]
fn a_push_that_moves_nothing_backs_off_instead_of_spinning() {
    use Input::*;
    let once = [Start, pulled(1), NOTHING_ACCEPTED, pulled(1)];
    check(once.clone(), Doing::Pushing, &[Action::Push]);
    let twice = once.into_iter().chain([NOTHING_ACCEPTED, pulled(1)]);
    check(twice.clone(), Doing::Waiting, &[Action::SetTimer(1, 2_000)]);
    let moved = twice.chain([Rang(1), Input::Pulled { up_to_date: true, pending: 1, news: true }]);
    check(moved, Doing::Pushing, &[Action::Push]);
}

#[test]
fn a_full_storage_holds_nothing_back_that_is_on_this_device_only() {
    use Input::*;
    let full = [Start, failure("quota-exceeded")];
    check(full.clone(), Doing::Pushing, &[Action::Push]);
    // what arrived there can't be confirmed here yet: the failure stands
    let pushed = full.clone().into_iter().chain([ACCEPTED]);
    let machine = check(pushed.clone(), Doing::Waiting, &[Action::SetTimer(1, 60_000)]);
    assert_eq!(machine.failure.map(|failure| failure.code), Some("quota-exceeded"));
    let again = pushed.clone().chain([Rang(1), failure("quota-exceeded")]);
    check(again, Doing::Pushing, &[Action::Push]);
    let unreachable = full.into_iter().chain([failure("quota-exceeded")]);
    check(unreachable, Doing::Waiting, &[Action::SetTimer(1, 60_000)]);

    let room = pushed.chain([Rang(1), Input::Pulled { up_to_date: true, pending: 1, news: true }]);
    let machine = check(room.clone(), Doing::Pushing, &[Action::Push]);
    assert_eq!(machine.failure, None);
    check(room.chain([ACCEPTED]), Doing::Pulling, &[Action::Pull]);

    check([Start, Paused(true), failure("quota-exceeded")], Doing::Waiting, &[Action::SetTimer(1, 60_000)]);
}
