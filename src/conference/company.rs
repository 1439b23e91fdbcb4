//! Who is in a conference, and who listens in.

use super::place::ParticipantId;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// Those who speak to everyone.
    pub(super) speakers: usize,
    /// Where there are just two.
    pub(super) pair: Option<[ParticipantId; 2]>,
    pub(super) taps: usize,
}
