//! Answers of a server that lies, breaks, or is none: the device keeps what it decided, and its log stays readable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidelog_fuzz::answer;

fuzz_target!(|talk: answer::Talk| answer::answer(talk));
