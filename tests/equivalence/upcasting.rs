//! Law: upcast then downcast is the identity, where every step is invertible.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidelog::{
    json::Json,
    upcast::{Direction, Step},
};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\é.*]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z.*]{1,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A property of its own, a step for it, and what the older shape may hold there.
fn property(index: usize) -> impl Strategy<Value = (Value, Option<Value>)> {
    let key = format!("p{index}");
    (0..6_u8, prop::option::of(value()), prop::sample::select(vec!["x", "y"])).prop_map(
        move |(kind, value, word)| {
            let (step, value) = match kind {
                0 => (json!({ "rename": key, "to": format!("{key}-new") }), value),
                1 => (json!({ "move": key, "to": format!("box{index}.deep.{key}") }), value),
                2 => (json!({ "add": format!("added{index}.at"), "value": [1, { "k": null }] }), value),
                3 => (json!({ "map": key, "values": [["x", "y"], ["y", "x"]] }), Some(json!(word))),
                4 => (json!({ "wrap": key, "key": "in" }), value),
                _ => (json!({ "unwrap": key, "key": "in" }), value.map(|value| json!({ "in": value }))),
            };
            (step, value)
        },
    )
}

proptest! {
    #[test]
    fn upcast_then_downcast_gives_back_the_original(
        properties in (1..7_usize).prop_flat_map(|count| (0..count).map(property).collect::<Vec<_>>())
    ) {
        let steps: Vec<Step> = properties.iter().map(|(step, _)| serde_json::from_value(step.clone()).unwrap()).collect();
        prop_assert!(steps.iter().all(Step::is_invertible));
        let object = properties.iter().enumerate().filter_map(|(index, (_, value))| Some((format!("p{index}"), value.clone()?)));
        let original = Value::Object(object.collect());
        let data = Json::of(&original).unwrap();
        let newer = Step::apply_all(&steps, &data, Direction::Up).unwrap();
        let older = Step::apply_all(&steps, &newer, Direction::Down).unwrap();
        prop_assert_eq!(older.to::<Value>().unwrap(), original);
    }
}
