//! A disk that gives other bytes back than it was given: reading is an error or a log, and nothing worse.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidelog_fuzz::rows;

fuzz_target!(|damages: Vec<rows::Damage>| rows::rows(damages));
