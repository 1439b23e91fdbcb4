//! What happens in conferences, once it has: logged and counted. The one place where it is taken, for all who want to know.

use crate::call::counters::Counters;
use crate::conference::{Conference, Happening};

/// Takes what has happened in the conference of this name.
pub(super) fn tell(name: &str, conference: &mut Conference, counters: &Counters) {
    while let Some(event) = conference.take_event() {
        let leg = event.label;
        match event.what {
            Happening::TalkingStarted(level) => {
                counters.conferences.talkspurts.add(1);
                log::debug!(leg; "talks in conference {name}, at -{} dBov", level.minus_dbov());
            }
            Happening::TalkingStopped(talked_ms) => {
                log::debug!(leg; "talks no more in conference {name}, after {talked_ms} ms");
            }
            Happening::ActiveSpeaker(level) => {
                counters.conferences.active_speakers.add(1);
                log::debug!(leg; "is the active speaker of conference {name}, at -{} dBov", level.minus_dbov());
            }
        }
    }
}
