//! The contract of storage: natively over memory, in browsers over IndexedDB.

use tidelog::testing::store_contract as suite;

mod environment;

tidelog::store_contract!(entry);
