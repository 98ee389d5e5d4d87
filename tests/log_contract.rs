//! The contract of the log: natively over memory, in browsers over IndexedDB.

use tidelog::testing::log_contract as suite;

mod environment;

tidelog::log_contract!(entry);
