//! Refuses a call with a status.

use crate::call::Leg;
use crate::call::leg::Gone;

/// The refusal of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// 400 to 699, as the configuration has checked.
    pub status: u16,
}

impl Reject {
    /// Refuses.
    pub fn run(&self, leg: &mut Leg) -> Result<(), Gone> {
        Err(leg.reject(self.status))
    }
}
