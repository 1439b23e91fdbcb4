//! The whole binary against real peers: sipp for each flow of the signalling, baresip as a phone, raw sockets for abuse.
//!
//! It runs the release binary, as users do. `scripts/test` builds it and installs the peers.

mod abuse;
mod caller;
mod callers;
mod classes;
mod command_line;
mod connections;
mod contributors;
mod conversation;
mod dialog;
mod hearing;
mod holding;
mod keys;
mod levels;
mod listening;
mod messages;
mod pauses;
mod phones;
mod redundancy;
mod refreshes;
mod relay;
mod reports;
mod resources;
mod roles;
mod scene;
mod server;
mod service;
mod services;
mod signalling;
mod sipp;
mod speech;
mod talk;
mod tones;
mod wideband;
mod wire;
