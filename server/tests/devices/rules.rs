//! A server with rules of its own, and devices that don't know them yet.

use super::{
    domain::complete,
    world::{World, run, server_log},
};
use serde::{Deserialize, Serialize};
use tidelog::aggregate::{Aggregate, Context};
use tidelog_server::Domain;

/// Courses as the server knows them by now: the lesson `l9` is not open yet.
struct Course;

#[derive(Deserialize)]
#[serde(tag = "type", content = "data")]
enum Command {
    CompleteLesson { lesson: String },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
enum Event {
    LessonCompleted { lesson: String },
}

#[derive(Debug, thiserror::Error)]
#[error("lesson {0} opens tomorrow")]
struct NotOpen(String);

impl Aggregate for Course {
    const NAME: &'static str = "course";
    type State = ();
    type Command = Command;
    type Event = Event;
    type Error = NotOpen;

    fn decide(
        (): &(),
        Command::CompleteLesson { lesson }: Command,
        _: &Context,
    ) -> Result<Vec<Event>, NotOpen> {
        if lesson == "l9" { Err(NotOpen(lesson)) } else { Ok(vec![Event::LessonCompleted { lesson }]) }
    }

    fn evolve((): (), _: &Event) {}

    fn code(_: &NotOpen) -> Option<String> {
        Some("not-open".into())
    }
}

#[test]
fn a_refusal_of_the_server_reads_as_one_from_here() {
    run(async {
        let world = World::with(|| Domain::default().aggregate::<Course>());
        let device = world.device(1).await;
        device.complete("l1").await;
        let refused = device.complete("l9").await;
        device.complete("l2").await;
        device.answer(1, "42").await;
        device.sync().await;
        let rejected = device.rejected().await;
        assert_eq!(rejected.len(), 1, "{rejected:?}");
        assert_eq!(rejected[0].commit.id, refused.commit_id);
        let reason = &rejected[0].reason;
        assert_eq!((&*reason.code, reason.detail.as_deref()), ("domain", Some("not-open")));
        assert_eq!(reason.message, "lesson l9 opens tomorrow");
        // what stood behind it in its stream was decided again, and what has no rules there is taken as it comes
        let log = server_log(&world).await;
        assert_eq!(log.len(), 3);
        assert_eq!(log, device.confirmed().await);
        // the app may give it again, and is told again
        assert!(device.engine.retry(refused.commit_id).await.is_ok());
        device.sync().await;
        assert_eq!(device.rejections().await, ["not-open"]);
        assert_eq!(
            device.engine.execute("course", "ada", complete("l3"), Default::default()).await.unwrap().version,
            3
        );
    });
}
