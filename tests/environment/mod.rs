//! Where the contract suites run: this makes an entry for every test of one.

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// One test function for each name.
#[macro_export]
macro_rules! entry {
    ($($name:ident)*) => {
        $(
            #[cfg(not(target_arch = "wasm32"))]
            #[test]
            fn $name() {
                futures_executor::block_on(suite::$name(&tidelog::log::MemoryStore::new()));
            }

            #[cfg(target_arch = "wasm32")]
            #[wasm_bindgen_test::wasm_bindgen_test]
            async fn $name() {
                let database = tidelog::testing::BrowserDatabase::new(stringify!($name));
                suite::$name(&database).await;
                database.delete().await;
            }
        )*
    };
}
