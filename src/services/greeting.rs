//! How a call is taken: at once, after ringing, or after early media.

use crate::call::Leg;
use crate::call::leg::Gone;
use std::time::Duration;

/// Takes the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Greeting {
    /// How long the caller waits for the answer.
    pub ring: Duration,
    /// Whether the caller hears us meanwhile (183) instead of its own ringing (180).
    pub early_media: bool,
}

impl Greeting {
    /// Answers; `begin` starts what the caller is to hear, as soon as there is a way to it.
    pub fn run(&self, leg: &mut Leg, begin: impl Fn(&mut Leg) -> Result<(), Gone>) -> Result<(), Gone> {
        leg.prepare()?;
        if self.early_media {
            leg.early_media()?;
            begin(leg)?;
        } else if !self.ring.is_zero() {
            leg.ring()?;
        }
        leg.pause(self.ring)?;
        leg.answer()?;
        begin(leg)
    }
}
