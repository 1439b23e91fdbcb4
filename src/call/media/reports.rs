//! What the media tell their leg, through an inbox that may be full.

use super::MediaReport;
use crate::call::leg::LegMessage;
use crate::worker::Sender;

/// The way to the leg.
pub struct Reports {
    leg: Sender<LegMessage>,
    /// One that found the inbox full and must not be lost.
    unsent: Option<MediaReport>,
}

impl Reports {
    /// Tells this leg.
    pub fn new(leg: Sender<LegMessage>) -> Reports {
        Reports { leg, unsent: None }
    }

    /// Tells it now, or with the next lap. A key pressed into a full inbox is lost, and counted there.
    pub fn send(&mut self, report: MediaReport) {
        let refused = self.leg.send(LegMessage::Media(report)).is_err();
        if refused && !matches!(report, MediaReport::Digit(_)) {
            self.unsent = Some(report);
        }
    }

    /// Tries again.
    pub fn retry(&mut self) {
        if let Some(report) = self.unsent.take() {
            self.send(report);
        }
    }
}
