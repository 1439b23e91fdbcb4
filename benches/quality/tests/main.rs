//! The tests of those parts of the bench that need no server: cargo tests no bench that has a main of its own.

#[path = "../alignment.rs"]
mod alignment;
mod alignment_tests;
#[path = "../../legs/codec.rs"]
mod codec;
mod codec_tests;
#[path = "../conditions.rs"]
mod conditions;
mod conditions_tests;
#[path = "../hearing.rs"]
mod hearing;
mod hearing_tests;
#[path = "../judge.rs"]
mod judge;
mod judge_tests;
#[path = "../network.rs"]
mod network;
mod network_tests;
#[path = "../outcome.rs"]
mod outcome;
mod outcome_tests;
#[path = "../speech.rs"]
mod speech;
mod speech_tests;
#[path = "../../legs/statistics.rs"]
mod statistics;
