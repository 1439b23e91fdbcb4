//! 1004 Hz at 0 dBm0 (ITU-T O.6 in its North American form), until the caller hangs up.

use super::Greeting;
use crate::audio::tone::Tone;
use crate::call::Leg;
use crate::call::leg::Gone;
use crate::call::media::Programme;

/// The test tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayMilliwatt;

impl PlayMilliwatt {
    /// Takes the call and plays the tone.
    pub fn run(&self, leg: &mut Leg, greeting: &Greeting) -> Result<(), Gone> {
        greeting.run(leg, |leg| {
            leg.play(|_, out_rate| Programme::tone(Tone::milliwatt(), out_rate));
            Ok(())
        })?;
        leg.stay()
    }
}
