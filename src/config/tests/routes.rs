//! Routes: what numbers find, and what is refused.

use super::*;
use crate::conference::{MAX_TAG_LEN, SpeaksTo};

fn routes(test: &str, text: &str) -> Routes {
    let scratch = Scratch::new(test);
    reload_routes(&scratch.file("a.toml", text)).unwrap()
}

fn conference(routes: &Routes, user: &str) -> Option<String> {
    routes.find(user).and_then(|found| found.conference_name().map(str::to_owned))
}

#[test]
fn without_a_file_rooms_echo_and_milliwatt_are_known() {
    let routes = Config::defaults().routes;
    assert_eq!(conference(&routes, "room-demo").as_deref(), Some("demo"));
    assert_eq!(routes.find("echo").unwrap().route.action, Action::Echo);
    assert_eq!(routes.find("milliwatt").unwrap().route.action, Action::Milliwatt);
    for unknown in ["", "room-", "xroom-1", "echo1", "Echo", "echo\n", "room-1\necho"] {
        assert!(routes.find(unknown).is_none(), "{unknown:?}");
    }
}

#[test]
fn the_first_route_that_fits_the_whole_number_wins() {
    let routes = routes(
        "first",
        r#"
        [[route]]
        match = "1|2"
        reject = 603
        [[route]]
        match = "(?<site>[0-9])(.*)"
        conference = "${site}/$2"
        max-participants = 3
        enter-tone = false
        ring-ms = 1500
        early-media = true
        "#,
    );
    assert_eq!(routes.find("1").unwrap().route.action, Action::Reject(603));
    let found = routes.find("12").unwrap();
    assert_eq!(found.conference_name(), Some("1/2"));
    let route = &found.route;
    assert_eq!((route.max_participants, route.tones.enter, route.tones.leave), (Some(3), Some(false), None));
    assert_eq!((route.ring, route.early_media), (Duration::from_millis(1500), true));
    assert_eq!(routes.iter().count(), 2);
    assert!(routes.find("echo").is_none(), "a file's routes replace the embedded ones");
}

#[test]
fn a_route_cleans_what_its_callers_send_as_it_says_or_as_all_do() {
    let text = r#"
        [[route]]
        match = "1"
        echo = true
        denoise = true
        noise-gate = 50
        [[route]]
        match = "2"
        echo = true
        denoise = false
        automatic-gain = false
        noise-gate = "off"
        [[route]]
        match = "3"
        echo = true
        "#;
    let routes = routes("cleaning", text);
    let cleaning = |user: &str| {
        let route = routes.find(user).unwrap().route;
        (route.denoise, route.noise_gate_db)
    };
    assert_eq!(
        ["1", "2", "3"].map(cleaning),
        [(Some(true), Some(Some(50))), (Some(false), Some(None)), (None, None)]
    );
    assert_eq!(routes.find("2").unwrap().route.automatic_gain, Some(false));
    let defaults = Config::defaults().conference;
    assert_eq!((defaults.denoise, defaults.noise_gate_db, defaults.background_db), (false, None, None));
}

#[test]
fn a_file_that_is_played_is_found_beside_the_configuration() {
    let scratch = Scratch::new("play");
    scratch.file("hello.wav", "RIFF");
    let path = scratch.file("a.toml", "[[route]]\nmatch = \"7\"\nplay = \"hello.wav\"\nloop = true\n");
    let found = reload_routes(&path).unwrap().find("7").unwrap();
    assert_eq!(found.route.action, Action::Play { file: scratch.folder.join("hello.wav"), repeat: true });
    assert_eq!(found.conference_name(), None);
}

#[test]
fn names_and_numbers_are_bounded() {
    let routes = Config::defaults().routes;
    assert!(routes.find(&format!("room-{}", "x".repeat(MAX_CONFERENCE_NAME_LEN))).is_some());
    assert!(routes.find(&format!("room-{}", "x".repeat(MAX_CONFERENCE_NAME_LEN + 1))).is_none());
    assert!(routes.find(&"9".repeat(1 << 20)).is_none());
}

#[test]
fn a_route_may_have_codecs_of_its_own_in_its_own_order() {
    let routes = routes(
        "codecs",
        r#"
        codecs = ["opus", "pcmu"]
        [[route]]
        match = "1"
        echo = true
        codecs = ["g722", "L16/8000", "pcma"]
        [[route]]
        match = "2"
        echo = true
        codecs = "pcmu"
        [[route]]
        match = "3"
        echo = true
        "#,
    );
    let codecs = |user| routes.find(user).unwrap().route.codecs.clone();
    let wide = vec![Codec::G722, Codec::L16 { clock_rate_hz: 8000 }, Codec::Pcma];
    assert_eq!((codecs("1"), codecs("2"), codecs("3")), (Some(wide), Some(vec![Codec::Pcmu]), None));
}

#[test]
fn mistakes_of_a_routes_codecs_are_told_with_line_and_key() {
    let text = "[[route]]\nmatch = \"1\"\necho = true\ncodecs = [\n  \"g722\",\n  \"g729\",\n  \"G722\",\n]\n\
                [[route]]\nmatch = \"2\"\necho = true\ncodecs = []\n\
                [[route]]\nmatch = \"3\"\necho = true\ncodec = \"pcmu\"\n\
                [[route]]\nmatch = \"4\"\necho = true\ncodecs = { a = 1 }\n";
    let found = mistakes_of_file("route-codecs", text);
    let expected = [
        "a.toml:6: route[1].codecs: \"g729\" is not allowed; allowed: pcmu, pcma, g722, opus, ",
        "a.toml:7: route[1].codecs: \"G722\" is given twice",
        "a.toml:12: route[2].codecs: \"\" is not allowed; allowed: at least one codec",
        "a.toml:16: route[3].codec: no such key; nearest is codecs",
        "a.toml:20: route[4].codecs: \"a list or table\" is not allowed; allowed: pcmu, ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    let text = "ptime-ms = 60\n[[route]]\nmatch = \"1\"\necho = true\ncodecs = \"l16/16000\"\n";
    let found = mistakes_of_file("route-ptime", &format!("codecs = \"pcmu\"\n{text}"));
    assert_eq!(
        found,
        [
            "a.toml:6: route[1].codecs: \"l16/16000\" is not allowed; allowed: no codec whose packet is over 1400 bytes at \
          ptime-ms 60"
        ]
    );
}

#[test]
fn mistakes_of_routes_are_told_with_line_and_key() {
    let text = r#"[[route]]
match = "a)|(b"
echo = true
[[route]]
conference = "$1"
[[route]]
match = "(.)"
conference = "$2"
max-participant = 3
[[route]]
match = "x"
play = "missing.wav"
[[route]]
match = "x"
echo = true
milliwatt = true
[[route]]
match = "x"
[[route]]
match = "x"
reject = 200
[[route]]
match = "x"
echo = false
loop = true
[[route]]
match = ".{1000}{1000}"
echo = true
"#;
    let found = mistakes_of_file("routes", text);
    let expected = [
        "a.toml:2: route[1].match: \"a)|(b\" is not allowed; allowed: a regular expression on the dialled user part, \
         as \"room-(.+)\"; unopened group",
        "a.toml:4: route[2].match: missing; ",
        "a.toml:8: route[3].conference: \"$2\" is not allowed; allowed: only groups of the pattern; it has no group 2",
        "a.toml:9: route[3].max-participant: no such key; nearest is max-participants",
        "a.toml:12: route[4].play: cannot be read: ",
        "a.toml:13: route[5].action: \"echo, milliwatt\" is not allowed; allowed: exactly one of ",
        "a.toml:17: route[6].action: missing; allowed: exactly one of ",
        "a.toml:21: route[7].reject: \"200\" is not allowed; allowed: a whole number from 400 to 699",
        "a.toml:24: route[8].echo: \"off\" is not allowed; allowed: true",
        "a.toml:25: route[8].loop: \"loop\" is not allowed; allowed: loop beside play only",
        "a.toml:27: route[9].match: ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert!(mistakes_of_file("table", "route = 3\n")[0].starts_with("a.toml:1: route: "));
}

#[test]
fn a_mistake_anywhere_in_the_file_keeps_routes_from_being_replaced() {
    let scratch = Scratch::new("reload");
    let path = scratch.file("a.toml", "[[route]]\nmatch = \"1\"\necho = true\n");
    let call = reload_routes(&path).unwrap().find("1").unwrap();
    scratch.file("a.toml", "[[route]]\nmatch = \"1\"\nmilliwatt = true\n");
    assert_eq!(reload_routes(&path).unwrap().find("1").unwrap().route.action, Action::Milliwatt);
    assert_eq!(call.route.action, Action::Echo, "a call in progress keeps its route");
    scratch.file("a.toml", "nonsense = 1\n[[route]]\nmatch = \"1\"\necho = true\n");
    assert_eq!(reload_routes(&path).unwrap_err().len(), 1);
}

#[test]
fn a_route_says_what_its_callers_are_in_the_conference() {
    let routes = routes(
        "roles",
        r#"
        [[route]]
        match = "agent-([0-9]*)"
        conference = "desk"
        tag = "agent-$1"
        [[route]]
        match = "coach-([0-9]*)"
        conference = "desk"
        role = "coach"
        tag = "coach"
        coaches = "${1}"
        [[route]]
        match = "monitor"
        conference = "desk"
        role = "monitor"
        [[route]]
        match = "listener"
        conference = "desk"
        role = "listener"
        "#,
    );
    let found = |user: &str| {
        let found = routes.find(user)?;
        let speaks_to = match found.speaks_to() {
            SpeaksTo::Tagged(tag) => format!("to {tag}"),
            other => format!("{other:?}"),
        };
        Some((found.tag().map(|tag| tag.to_string()).unwrap_or_default(), speaks_to))
    };
    let is = |tag: &str, speaks_to: &str| Some((tag.to_owned(), speaks_to.to_owned()));
    assert_eq!(found("agent-7"), is("agent-7", "Everyone"));
    assert_eq!(found("coach-7"), is("coach", "to 7"));
    assert_eq!(found("coach-"), None, "a coach of nobody");
    assert_eq!(found(&format!("agent-{}", "7".repeat(MAX_TAG_LEN))), None, "too long a tag");
    assert_eq!((found("monitor"), found("listener")), (is("", "Nobody"), is("", "Everyone")));
    assert_eq!(routes.find("listener").unwrap().route.role, Role::Listener);
    assert_eq!(Config::defaults().routes.find("room-1").unwrap().route.role, Role::Talker);
}

#[test]
fn mistakes_of_roles_are_told_with_line_and_key() {
    let text = r#"[[route]]
match = "1"
conference = "a"
role = "coach"
[[route]]
match = "2"
conference = "a"
coaches = "agent"
[[route]]
match = "3"
conference = "a"
role = "spy"
[[route]]
match = "4"
conference = "a"
tag = "$1"
[[route]]
match = "5"
echo = true
role = "monitor"
tag = "agent"
[[route]]
match = "6"
conference = "a"
role = "coach"
coaches = "$agent"
"#;
    let found = mistakes_of_file("roles-wrong", text);
    let expected = [
        "a.toml:4: route[1].coaches: missing; allowed: the tag of those whom the coach speaks to",
        "a.toml:8: route[2].coaches: \"coaches\" is not allowed; allowed: coaches beside role = \"coach\" only",
        "a.toml:12: route[3].role: \"spy\" is not allowed; allowed: talker, listener, monitor or coach",
        "a.toml:16: route[4].tag: \"$1\" is not allowed; allowed: only groups of the pattern; it has no group 1",
        "a.toml:20: route[5].role: \"role\" is not allowed; allowed: role beside conference only",
        "a.toml:21: route[5].tag: \"tag\" is not allowed; allowed: tag beside conference only",
        "a.toml:26: route[6].coaches: \"$agent\" is not allowed; allowed: a group as $1, ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}
