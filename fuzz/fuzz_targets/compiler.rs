#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopctl::compile::fuzzing::compiler(bytes, loopctl::builtin::registry()));
