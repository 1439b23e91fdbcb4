//! Routes: what a number does. A pattern on the user part of the Request-URI, and one action.
//!
//! Patterns are compiled when the configuration is read; the `regex` crate matches in linear time, whatever the number.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use super::error::Place;
use super::template::Template;
use super::value::Codec;
use crate::conference::{SpeaksTo, Tag};

/// Longest user part that is looked up, in bytes; longer ones match no route.
pub const MAX_USER_LEN: usize = 255;
/// Longest name of a conference, in bytes; a number that would give a longer one matches no route.
pub const MAX_CONFERENCE_NAME_LEN: usize = 128;

/// What numbers do, in the order of the file: the first route that matches wins.
#[derive(Debug, Clone)]
pub struct Routes {
    pub(super) routes: Vec<Arc<Route>>,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    pub(super) pattern: Regex,
    /// The pattern as it was written.
    pub matches: String,
    /// What the caller gets.
    pub action: Action,
    /// Whether the caller hears it before the call is answered (183 with SDP).
    pub early_media: bool,
    /// How long the caller hears ringing (180) before the answer; zero: answered at once.
    pub ring: Duration,
    /// Participants of its conferences, where the route differs from `max-participants`.
    pub max_participants: Option<usize>,
    /// What is heard of coming and going.
    pub tones: RouteTones,
    /// What its callers are in the conference.
    pub role: Role,
    /// What they carry there, so that coaches can speak to them alone.
    pub(super) tag: Option<Template>,
    /// Where the route differs from `automatic-gain`.
    pub automatic_gain: Option<bool>,
    /// Where the route differs from `denoise`.
    pub denoise: Option<bool>,
    /// Where the route differs from `noise-gate`; then in dB below full scale, or off.
    pub noise_gate_db: Option<Option<u8>>,
    /// Where the route differs from `codecs`: never empty, best first.
    pub codecs: Option<Vec<Codec>>,
    /// Where the file says so.
    pub(super) codecs_place: Place,
}

/// Where a route differs in what is heard of coming and going.
#[derive(Debug, Clone, Copy)]
pub struct RouteTones {
    /// From `enter-tone`.
    pub enter: Option<bool>,
    /// From `leave-tone`.
    pub leave: Option<bool>,
    /// From `waiting-tone`.
    pub waiting: Option<bool>,
}

/// What a route does with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Joins the conference of this name.
    Conference(Template),
    /// Sends back what comes.
    Echo,
    /// Plays a WAV file, then hangs up.
    Play {
        /// The file, relative to the configuration's folder resolved.
        file: PathBuf,
        /// Whether it starts again at its end, until the caller hangs up.
        repeat: bool,
    },
    /// Plays 1004 Hz at 0 dBm0.
    Milliwatt,
    /// Refuses with a SIP status, 400 to 699.
    Reject(u16),
}

/// What a caller is in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Hears all and is heard by all.
    Talker,
    /// Is muted, and stays so.
    Listener,
    /// Is heard by nobody, nor noticed in its coming and going, and is no company for one who is alone.
    Monitor,
    /// The same, but it is heard by those who carry this tag.
    Coach(Template),
}

/// The route of a number, with what its pattern captured.
#[derive(Debug, Clone)]
pub struct Found {
    /// The route; it stays as it is for this call when routes are read again.
    pub route: Arc<Route>,
    conference_name: Option<String>,
    tag: Option<Tag>,
    speaks_to: SpeaksTo,
}

impl Found {
    /// The name of the conference to join; `Some` exactly when the action is [`Action::Conference`].
    pub fn conference_name(&self) -> Option<&str> {
        self.conference_name.as_deref()
    }

    /// What the caller carries in the conference.
    pub fn tag(&self) -> Option<Tag> {
        self.tag
    }

    /// Who hears it there, as its role says.
    pub fn speaks_to(&self) -> SpeaksTo {
        self.speaks_to
    }
}

impl Routes {
    /// The first route whose pattern matches the whole user part (unescaped).
    pub fn find(&self, user: &str) -> Option<Found> {
        if user.len() > MAX_USER_LEN {
            return None;
        }
        self.routes.iter().find_map(|route| route.find(user))
    }

    /// The routes in order.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route)
    }
}

impl Route {
    fn find(self: &Arc<Route>, user: &str) -> Option<Found> {
        let captures = self.pattern.captures(user)?;
        let conference_name = match &self.action {
            Action::Conference(name) => Some(name.fill(&captures)),
            _ => None,
        };
        let fits = |name: &String| (1..=MAX_CONFERENCE_NAME_LEN).contains(&name.len());
        if !conference_name.as_ref().is_none_or(fits) {
            return None;
        }
        let tag = match &self.tag {
            Some(tag) => Some(Tag::new(&tag.fill(&captures))?),
            None => None,
        };
        let speaks_to = match &self.role {
            Role::Talker | Role::Listener => SpeaksTo::Everyone,
            Role::Monitor => SpeaksTo::Nobody,
            Role::Coach(tag) => SpeaksTo::Tagged(Tag::new(&tag.fill(&captures))?),
        };
        Some(Found { route: Arc::clone(self), conference_name, tag, speaks_to })
    }
}
