//! Transactions (RFC 3261 §17, RFC 6026): four pure machines, how messages match them, and the layer that drives both.
//!
//! [`invite_server`], [`server`], [`invite_client`] and [`client`] are functions of state and event, one per figure of
//! the RFC; [`TransactionLayer`] keeps the transactions and their timers.

mod alarms;
pub mod client;
mod client_side;
mod event;
mod hop;
pub mod invite_client;
pub mod invite_server;
pub mod key;
mod layer;
#[cfg(test)]
mod layer_fuzz;
pub mod server;
mod server_side;
pub mod step;
#[cfg(test)]
mod tests;

pub use event::{
    ClientFailure, ClientKey, Ended, ServerKey, TransactionCounters, TransactionEvent, Transmit,
};
pub use hop::{DEFAULT_PORT, FlowId, Hop};
pub use layer::TransactionLayer;
pub use step::Timers;
