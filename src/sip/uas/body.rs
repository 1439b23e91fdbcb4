//! Finds the session description in a body: alone or as a part of multipart (RFC 3261 §7.4, RFC 5621).

use bytes::Bytes;

use crate::sip::{HeaderName, Headers, NameAddr};

/// The only media type of a session description here.
pub const SDP: &str = "application/sdp";

/// Most parts of a multipart body that are looked at.
const MAX_PARTS: usize = 16;

/// Why a body cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than allowed: 413.
    TooLarge,
    /// It is compressed or otherwise encoded: 415 with Accept-Encoding.
    Encoded,
    /// It has no Content-Type, or holds no session description and must be understood: 415 with Accept.
    NotSdp,
    /// It is encrypted (S/MIME): 493.
    Encrypted,
}

/// The session description in a body: `None` if the body is empty, or is something else that may be ignored
/// (Content-Disposition with `handling=optional`).
pub fn session_description(
    headers: &Headers,
    body: &Bytes,
    max_bytes: usize,
) -> Result<Option<Bytes>, BodyError> {
    if body.is_empty() {
        return Ok(None);
    }
    check_size_and_encoding(headers, body, max_bytes)?;
    if headers.content_type_is(SDP) {
        return Ok(Some(body.clone()));
    }
    if headers.content_type_is("application/pkcs7-mime") {
        return Err(BodyError::Encrypted);
    }
    let is_multipart = headers
        .content_type()
        .is_some_and(|text| text.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/")));
    let part = if is_multipart { sdp_part(headers, body) } else { None };
    match part {
        Some(part) => Ok(Some(part)),
        None if is_optional(headers) => Ok(None),
        None => Err(BodyError::NotSdp),
    }
}

/// What holds for bodies of any media type.
pub fn check_size_and_encoding(headers: &Headers, body: &Bytes, max_bytes: usize) -> Result<(), BodyError> {
    if body.len() > max_bytes {
        return Err(BodyError::TooLarge);
    }
    let encoded = headers.content_encoding().iter().any(|coding| !coding.eq_ignore_ascii_case("identity"));
    if encoded && !body.is_empty() { Err(BodyError::Encoded) } else { Ok(()) }
}

fn is_optional(headers: &Headers) -> bool {
    let Some(disposition) = headers.get(HeaderName::ContentDisposition) else { return false };
    disposition.split(';').skip(1).any(|param| {
        param.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("handling") && value.trim().eq_ignore_ascii_case("optional")
        })
    })
}

/// The first part of that media type.
fn sdp_part(headers: &Headers, body: &Bytes) -> Option<Bytes> {
    let boundary = boundary(headers.content_type()?)?;
    let delimiter = format!("--{boundary}");
    let mut starts = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&body[from..], delimiter.as_bytes()) {
        starts.push(from + at);
        from += at + delimiter.len();
        if starts.len() > MAX_PARTS {
            break;
        }
    }
    starts.windows(2).find_map(|pair| {
        let part = body.slice(pair[0] + delimiter.len()..pair[1]);
        let head_len = find(&part, b"\r\n\r\n")?;
        let head = std::str::from_utf8(&part[..head_len]).ok()?;
        let is_sdp = head.lines().filter_map(|line| line.split_once(':')).any(|(name, value)| {
            let media_type = value.split(';').next().unwrap_or_default().trim();
            let name = name.trim();
            (name.eq_ignore_ascii_case("content-type") || name.eq_ignore_ascii_case("c"))
                && media_type.eq_ignore_ascii_case(SDP)
        });
        // The line end before the next delimiter belongs to the delimiter; SDP wants its own last one.
        is_sdp.then(|| part.slice(head_len + 4..))
    })
}

/// The `boundary` parameter. A Content-Type has the shape of an address's parameters.
fn boundary(content_type: &str) -> Option<String> {
    let params = content_type.split_once(';')?.1;
    let address = NameAddr::parse(&format!("<sip:body.invalid>;{params}")).ok()?;
    address.params.unquoted("boundary").map(|text| text.into_owned()).filter(|text| !text.is_empty())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, content_type);
        headers
    }

    #[test]
    fn a_session_description_is_found_alone_and_among_parts() {
        let sdp = Bytes::from_static(b"v=0\r\n");
        assert_eq!(session_description(&headers("Application/SDP;x=y"), &sdp, 100), Ok(Some(sdp)));
        let parts = Bytes::from_static(
            b"--b1\r\nContent-Type: application/isup\r\n\r\n\x01\xff\r\n\
              --b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n",
        );
        let found = session_description(&headers("multipart/mixed;boundary=\"b1\""), &parts, 1000);
        assert_eq!(found, Ok(Some(Bytes::from_static(b"v=0\r\n"))));
        let none = Bytes::from_static(b"--b1\r\nContent-Type: text/plain\r\n\r\nv=0\r\n--b1--\r\n");
        assert_eq!(
            session_description(&headers("multipart/mixed;boundary=b1"), &none, 1000),
            Err(BodyError::NotSdp)
        );
        assert_eq!(session_description(&headers("multipart/mixed"), &none, 1000), Err(BodyError::NotSdp));
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        let body = Bytes::from_static(b"hello");
        assert_eq!(session_description(&headers("text/plain"), &Bytes::new(), 3), Ok(None));
        assert_eq!(session_description(&headers("application/sdp"), &body, 3), Err(BodyError::TooLarge));
        assert_eq!(session_description(&headers("text/plain"), &body, 9), Err(BodyError::NotSdp));
        assert_eq!(session_description(&Headers::new(), &body, 9), Err(BodyError::NotSdp));
        assert_eq!(
            session_description(&headers("application/pkcs7-mime"), &body, 9),
            Err(BodyError::Encrypted)
        );
        let mut zipped = headers("application/sdp");
        zipped.push(HeaderName::ContentEncoding, "gzip");
        assert_eq!(session_description(&zipped, &body, 9), Err(BodyError::Encoded));
        let mut optional = headers("text/plain");
        optional.push(HeaderName::ContentDisposition, "render; handling=optional");
        assert_eq!(session_description(&optional, &body, 9), Ok(None));
    }
}
