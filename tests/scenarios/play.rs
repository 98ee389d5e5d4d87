//! Plays scenarios.

use super::{
    device::World,
    script::{Kept, Scenario, Script, Step, differences},
    verbs,
};
use serde_json::{Value, json};

/// Plays every scenario of a file; says of all that fail what failed.
pub async fn file(text: &str) {
    let script: Script = serde_json::from_str(text).unwrap();
    let mut failed = Vec::new();
    for scenario in script.scenarios {
        let mut world = World::new(&scenario.name, scenario.server, scenario.domain);
        if let Err(why) = scenario_in(&mut world, &scenario).await {
            failed.push(format!("{}\n  {why}", scenario.name));
        }
        world.end().await;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn scenario_in(world: &mut World, scenario: &Scenario) -> Result<(), String> {
    let mut kept = Kept::default();
    for (index, step) in scenario.steps.iter().enumerate() {
        let played = play_when_due(world, &mut kept, step).await;
        played.map_err(|why| format!("step {} ({}): {why}", index + 1, step.verb))?;
    }
    Ok(())
}

/// A step that is `eventually` so is played until it is, as long as there is something to do in the background.
async fn play_when_due(world: &mut World, kept: &mut Kept, step: &Step) -> Result<(), String> {
    let mut is_more = step.eventually;
    loop {
        let played = play(world, kept, step).await;
        if played.is_ok() || !is_more {
            return played;
        }
        let device = world.device(&step.on).await.map_err(|failure| failure.to_string())?;
        is_more = device.maintain().await.map_err(|error| error.to_string())?;
    }
}

async fn play(world: &mut World, kept: &mut Kept, step: &Step) -> Result<(), String> {
    let arguments = kept.resolve(&Value::Object(step.arguments.clone()))?;
    let (expected, actual) = match (verbs::run(world, &step.on, &step.verb, arguments).await, &step.fails) {
        (Ok(answer), None) => (step.gives.as_ref(), answer),
        (Err(verbs::Failure::Of { code, message, detail }), Some(expected)) => {
            (Some(expected), json!({ "code": code, "message": message, "detail": detail }))
        }
        (Ok(answer), Some(expected)) => {
            return Err(format!("did not fail with {expected}, but answered {answer}"));
        }
        (Err(failure), _) => return Err(failure.to_string()),
    };
    if let Some(expected) = expected {
        let differences = differences(&kept.resolve(expected)?, &actual);
        if !differences.is_empty() {
            return Err(differences.join("\n    "));
        }
    }
    if let Some(name) = &step.kept_as {
        kept.keep(name.clone(), actual);
    }
    Ok(())
}
