//! Sends back what comes, voice and keys, until the caller hangs up.

use super::Greeting;
use crate::call::Leg;
use crate::call::leg::{Gone, LegEvent};
use crate::call::media::Programme;

/// The caller's own voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayEcho;

impl PlayEcho {
    /// Takes the call and echoes.
    pub fn run(&self, leg: &mut Leg, greeting: &Greeting) -> Result<(), Gone> {
        greeting.run(leg, |leg| {
            leg.play(Programme::echo);
            Ok(())
        })?;
        loop {
            if let LegEvent::Digit(digit) = leg.wait(None)? {
                leg.press(digit);
            }
        }
    }
}
