//! One suite of scenarios for both languages (README.md beside this file), here over the Rust API.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

#[path = "../support/academy.rs"]
mod academy;
mod device;
mod domain;
mod layer;
mod note;
mod play;
mod script;
mod verbs;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// One test for each file of scenarios, and the list of them.
macro_rules! files {
    ($($name:ident)*) => {
        #[cfg(not(target_arch = "wasm32"))]
        const FILES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[cfg(not(target_arch = "wasm32"))]
            #[test]
            fn $name() {
                futures_executor::block_on(play::file(include_str!(concat!(stringify!($name), ".json"))));
            }

            #[cfg(target_arch = "wasm32")]
            #[wasm_bindgen_test::wasm_bindgen_test]
            async fn $name() {
                play::file(include_str!(concat!(stringify!($name), ".json"))).await;
            }
        )*
    };
}

files! {
    appends
    commands
    conflicts
    inside
    middleware
    past
    processes
    projections
    reading
    snapshots
    stored
    sync
    transfer
    upcasting
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn every_file_is_played() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    names.sort();
    assert_eq!(names, FILES, "each file has its line in tests/scenarios/main.rs");
}
