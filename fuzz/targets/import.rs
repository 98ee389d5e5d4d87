//! Files that people import: refused with a reason, or taken in; what was there before stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidelog_fuzz::import;

fuzz_target!(|input: import::Input| import::import(input));
