use super::*;

fn headers(lines: &[(HeaderName, &str)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in lines {
        headers.push(name.clone(), *value);
    }
    headers
}

#[test]
fn interval_and_refresher_are_agreed_as_rfc_4028_section_9_says() {
    use Refresher::*;
    type Row = (&'static str, &'static str, &'static str, Option<u32>, Option<(u32, Refresher, bool)>);
    let table: &[Row] = &[
        // Supported, Session-Expires, Min-SE, ours; agreed
        ("timer", "1800", "", Some(1800), Some((1800, Uac, true))),
        ("timer", "1800;refresher=uac", "", Some(1800), Some((1800, Uac, true))),
        ("timer", "1800;refresher=uas", "", Some(1800), Some((1800, Uas, true))),
        ("timer", "3600", "", Some(1800), Some((1800, Uac, true))),
        ("timer", "3600", "2000", Some(1800), Some((2000, Uac, true))),
        ("timer", "600", "", Some(1800), Some((600, Uac, true))),
        ("timer", "600", "", None, Some((600, Uac, true))),
        ("timer", "", "", Some(1800), Some((1800, Uac, true))),
        ("timer", "", "2500", Some(1800), Some((2500, Uac, true))),
        ("timer", "", "", None, None),
        // A peer that knows nothing of it: we refresh, and its proxy's interval is not lengthened.
        ("", "", "", Some(1800), Some((1800, Uas, false))),
        ("", "600", "", Some(1800), Some((600, Uas, false))),
        ("", "600;refresher=uac", "", Some(1800), Some((600, Uas, false))),
        ("", "", "", None, None),
        ("timer", "4294967295", "", None, Some((86_400, Uac, true))),
    ];
    for (supported, expires, min_se, ours, agreed) in table {
        let lines: Vec<_> = [
            (HeaderName::Supported, *supported),
            (HeaderName::SessionExpires, *expires),
            (HeaderName::MinSe, *min_se),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
        let settings = SessionSettings { session_expires_seconds: *ours, ..SessionSettings::default() };
        let expected =
            agreed.map(|(seconds, refresher, peer_knows)| Agreed { seconds, refresher, peer_knows });
        assert_eq!(
            agree(&headers(&lines), &settings),
            Ok(expected),
            "{supported} {expires} {min_se} {ours:?}"
        );
    }
}

#[test]
fn too_small_an_interval_is_refused_only_to_a_peer_that_understands_422() {
    let settings = SessionSettings { min_se_seconds: 300, ..SessionSettings::default() };
    let small = [(HeaderName::Supported, "timer"), (HeaderName::SessionExpires, "299")];
    assert_eq!(agree(&headers(&small), &settings), Err(Unacceptable::TooSmall(300)));
    assert!(agree(&headers(&small[1..]), &settings).is_ok());
    let broken = [(HeaderName::Supported, "timer"), (HeaderName::SessionExpires, "soon")];
    assert!(matches!(agree(&headers(&broken), &settings), Err(Unacceptable::Header(_))));
}

#[test]
fn the_refresher_acts_in_the_middle_and_both_end_the_session_before_its_end() {
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let ours = Interval::begin(now, 1800, true);
    assert_eq!((ours.refresh_at, ours.expires_at), (Some(after(900)), after(1800 - 32)));
    let theirs = Interval::begin(now, 90, false);
    assert_eq!((theirs.refresh_at, theirs.expires_at), (None, after(60)));
}

#[test]
fn a_response_to_our_refresh_says_who_refreshes_from_then_on() {
    let now = Instant::now();
    let of = |value| Interval::from_response(now, 1800, &headers(&[(HeaderName::SessionExpires, value)]));
    assert_eq!(of("900;refresher=uac"), Interval::begin(now, 900, true));
    assert_eq!(of("900;refresher=uas"), Interval::begin(now, 900, false));
    assert_eq!(of("900"), Interval::begin(now, 900, true));
    assert_eq!(Interval::from_response(now, 1800, &Headers::new()), Interval::begin(now, 1800, true));
}

#[test]
fn a_422_to_our_refresh_lengthens_the_interval_and_nothing_else_does() {
    let interval = Interval::begin(Instant::now(), 1800, true);
    let of = |value| interval.lengthened(&headers(&[(HeaderName::MinSe, value)]));
    assert_eq!(of("2000"), Some(2000));
    assert_eq!((of("1800"), of("x"), of("4294967295")), (None, None, None));
    assert_eq!(interval.lengthened(&Headers::new()), None);
}
