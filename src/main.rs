//! argv → configuration → worker → exit code.

fn main() {}
