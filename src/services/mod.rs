//! What a caller experiences: one service object per verb, data in, `run(&mut Leg)` to the end.
//!
//! [`tell`] is the story of every call: it makes the verb of the route and runs it. Nothing else holds call logic.

mod conference;
mod echo;
mod greeting;
mod keys;
mod milliwatt;
mod play;
mod recorder;
mod reject;

pub use conference::JoinConference;
pub use echo::PlayEcho;
pub use greeting::Greeting;
pub use milliwatt::PlayMilliwatt;
pub use play::PlayFile;
pub use reject::Reject;

use crate::call::Leg;
use crate::call::leg::Gone;
use crate::config::Action;

/// The story of a call: what its route says.
pub fn tell(leg: &mut Leg) -> Result<(), Gone> {
    let route = leg.found.route.clone();
    let greeting = Greeting { ring: route.ring, early_media: route.early_media };
    match &route.action {
        Action::Reject(status) => Reject { status: *status }.run(leg),
        Action::Conference(_) => JoinConference::of(leg).run(leg, &greeting),
        Action::Echo => PlayEcho.run(leg, &greeting),
        Action::Milliwatt => PlayMilliwatt.run(leg, &greeting),
        Action::Play { file, repeat } => PlayFile { file: file.clone(), repeat: *repeat }.run(leg, &greeting),
    }
}
