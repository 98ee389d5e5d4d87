//! Requests to a server: whatever they hold, the log keeps its order, and what is refused writes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidelog_fuzz::request;

fuzz_target!(|requests: Vec<request::Request>| request::request(requests));
