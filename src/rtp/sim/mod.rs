//! A seeded, lossy network in virtual time, for tests: what is sent comes out late, out of order, twice, or
//! not at all, the same way for the same seed.
//!
//! Virtual time is a [`Duration`] since the test's beginning; nothing sleeps. [`Link`] carries any value one
//! way; [`SkewedClock`] turns a sender's clock into true time; [`Talker`] makes an audio stream's headers.

mod link;
mod random;
mod talker;

pub(crate) use link::{Conditions, Link, Loss};
pub(crate) use talker::{Sent, SkewedClock, Talker};
