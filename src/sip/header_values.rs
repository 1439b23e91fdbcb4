//! Typed access to header fields (RFC 3261 §20, RFC 3262, 3325, 3326, 4028).

use std::fmt;

use super::header_name::HeaderName;
use super::headers::{HeaderError, HeaderErrorKind, Headers};
use super::method::Method;
use super::name_addr::NameAddr;
use super::params::Params;
use super::text::{parse_number, take_quoted, trim, unescape_quoted, write_quoted};
use super::via::Via;

/// CSeq: the place of a request in its dialog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

/// RAck: which reliable provisional response a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The CSeq number of the response.
    pub cseq: u32,
    /// The CSeq method of the response.
    pub method: Method,
}

/// Who refreshes a session (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answers it.
    Uas,
}

/// Session-Expires (RFC 4028 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval.
    pub seconds: u32,
    /// Who refreshes, where it says so.
    pub refresher: Option<Refresher>,
}

/// One value of Reason (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonValue {
    /// `SIP`, `Q.850` …
    pub protocol: Box<str>,
    /// The status code or cause.
    pub cause: Option<u16>,
    /// Words for people.
    pub text: Option<Box<str>>,
}

/// Retry-After (RFC 3261 §20.33); its comment is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter {
    /// When to try again, from now.
    pub seconds: u32,
    /// How long the called party will be reachable from then on.
    pub duration_seconds: Option<u32>,
}

/// One value of Warning (RFC 3261 §20.43).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarningValue {
    /// Three digits.
    pub code: u16,
    /// Who warns: host, port or pseudonym.
    pub agent: Box<str>,
    /// Words for people.
    pub text: Box<str>,
}

type Typed<T> = Result<T, HeaderError>;

impl Headers {
    /// The topmost Via.
    pub fn top_via(&self) -> Typed<Via> {
        self.vias().next().unwrap_or_else(|| Err(missing(HeaderName::Via)))
    }

    /// All Via values, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Typed<Via>> {
        self.elements(HeaderName::Via).map(|text| Via::parse(text).map_err(at(HeaderName::Via)))
    }

    /// From.
    pub fn from(&self) -> Typed<NameAddr> {
        self.address(HeaderName::From)
    }

    /// To.
    pub fn to(&self) -> Typed<NameAddr> {
        self.address(HeaderName::To)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Typed<&str> {
        match self.single(HeaderName::CallId)? {
            "" => Err(HeaderError { header: HeaderName::CallId, kind: HeaderErrorKind::Empty }),
            text if text.contains([' ', '\t']) => {
                Err(HeaderError { header: HeaderName::CallId, kind: HeaderErrorKind::Syntax })
            }
            text => Ok(text),
        }
    }

    /// CSeq.
    pub fn cseq(&self) -> Typed<CSeq> {
        CSeq::parse(self.single(HeaderName::CSeq)?).map_err(at(HeaderName::CSeq))
    }

    /// Max-Forwards, 0 to 255.
    pub fn max_forwards(&self) -> Typed<Option<u8>> {
        self.number(HeaderName::MaxForwards)
    }

    /// Expires in seconds. A value beyond 32 bits counts as the largest (RFC 4475 §3.1.2.4).
    pub fn expires(&self) -> Typed<Option<u32>> {
        self.optional(HeaderName::Expires, |text| match parse_number::<u64>(text) {
            Some(seconds) => Ok(u32::try_from(seconds).unwrap_or(u32::MAX)),
            None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(u32::MAX),
            None => Err(HeaderErrorKind::Number),
        })
    }

    /// The Contact addresses; none for `*`, which [`Headers::contact_is_wildcard`] tells.
    pub fn contacts(&self) -> Typed<Vec<NameAddr>> {
        if self.contact_is_wildcard() {
            return Ok(Vec::new());
        }
        self.addresses(HeaderName::Contact)
    }

    /// Whether Contact is `*` (RFC 3261 §10.2.2).
    pub fn contact_is_wildcard(&self) -> bool {
        self.get(HeaderName::Contact).is_some_and(|text| trim(text) == "*")
    }

    /// The Route addresses, next hop first.
    pub fn routes(&self) -> Typed<Vec<NameAddr>> {
        self.addresses(HeaderName::Route)
    }

    /// The Record-Route addresses in the order written.
    pub fn record_routes(&self) -> Typed<Vec<NameAddr>> {
        self.addresses(HeaderName::RecordRoute)
    }

    /// The P-Asserted-Identity addresses (RFC 3325 §9.1): at most a sip(s) and a tel URI.
    pub fn p_asserted_identity(&self) -> Typed<Vec<NameAddr>> {
        self.addresses(HeaderName::PAssertedIdentity)
    }

    /// The option tags of Require.
    pub fn require(&self) -> Vec<&str> {
        self.values(HeaderName::Require).collect()
    }

    /// The option tags of Proxy-Require.
    pub fn proxy_require(&self) -> Vec<&str> {
        self.values(HeaderName::ProxyRequire).collect()
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> Vec<&str> {
        self.values(HeaderName::Supported).collect()
    }

    /// Whether Supported or Require names this option tag.
    pub fn supports(&self, option_tag: &str) -> bool {
        let both = self.values(HeaderName::Supported).chain(self.values(HeaderName::Require));
        both.into_iter().any(|tag| tag.eq_ignore_ascii_case(option_tag))
    }

    /// The methods of Allow; what is no token is left out.
    pub fn allow(&self) -> Vec<Method> {
        self.values(HeaderName::Allow).filter_map(Method::parse).collect()
    }

    /// Content-Length.
    pub fn content_length(&self) -> Typed<Option<usize>> {
        self.number(HeaderName::ContentLength)
    }

    /// Content-Type as written, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.get(HeaderName::ContentType)
    }

    /// Whether Content-Type is this media type (any case), whatever its parameters.
    pub fn content_type_is(&self, media_type: &str) -> bool {
        self.content_type().is_some_and(|text| media_range(text).eq_ignore_ascii_case(media_type))
    }

    /// Content-Disposition without its parameters.
    pub fn content_disposition(&self) -> Option<&str> {
        self.get(HeaderName::ContentDisposition).map(media_range)
    }

    /// The codings of Content-Encoding.
    pub fn content_encoding(&self) -> Vec<&str> {
        self.values(HeaderName::ContentEncoding).collect()
    }

    /// Whether Accept admits this media type; without Accept only `application/sdp` is (RFC 3261 §20.1).
    pub fn accepts(&self, media_type: &str) -> bool {
        if !self.contains(HeaderName::Accept) {
            return media_type.eq_ignore_ascii_case("application/sdp");
        }
        let main_type = media_type.split('/').next().unwrap_or_default();
        self.values(HeaderName::Accept).map(media_range).any(|range| match range.split_once('/') {
            Some(("*", "*")) => true,
            Some((main, "*")) => trim(main).eq_ignore_ascii_case(main_type),
            _ => range.eq_ignore_ascii_case(media_type),
        })
    }

    /// Session-Expires (RFC 4028 §4).
    pub fn session_expires(&self) -> Typed<Option<SessionExpires>> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE in seconds (RFC 4028 §5).
    pub fn min_se(&self) -> Typed<Option<u32>> {
        self.optional(HeaderName::MinSe, |text| {
            parse_number(before_params(text)).ok_or(HeaderErrorKind::Number)
        })
    }

    /// RSeq (RFC 3262 §7.1).
    pub fn rseq(&self) -> Typed<Option<u32>> {
        self.number(HeaderName::RSeq)
    }

    /// RAck (RFC 3262 §7.2).
    pub fn rack(&self) -> Typed<Option<RAck>> {
        self.optional(HeaderName::RAck, RAck::parse)
    }

    /// Retry-After.
    pub fn retry_after(&self) -> Typed<Option<RetryAfter>> {
        self.optional(HeaderName::RetryAfter, RetryAfter::parse)
    }

    /// The values of Reason that can be read (RFC 3326).
    pub fn reasons(&self) -> Vec<ReasonValue> {
        self.values(HeaderName::Reason).filter_map(ReasonValue::parse).collect()
    }

    /// The values of Warning that can be read.
    pub fn warnings(&self) -> Vec<WarningValue> {
        self.values(HeaderName::Warning).filter_map(WarningValue::parse).collect()
    }

    /// The one line of this name.
    fn single(&self, name: HeaderName) -> Typed<&str> {
        let mut lines = self.all(&name);
        match (lines.next(), lines.next()) {
            (Some(line), None) => Ok(line),
            (None, _) => Err(missing(name.clone())),
            (Some(_), Some(_)) => Err(HeaderError { header: name.clone(), kind: HeaderErrorKind::Repeated }),
        }
    }

    fn optional<T>(
        &self,
        name: HeaderName,
        parse: impl Fn(&str) -> Result<T, HeaderErrorKind>,
    ) -> Typed<Option<T>> {
        if !self.contains(&name) {
            return Ok(None);
        }
        parse(trim(self.single(name.clone())?)).map(Some).map_err(at(name))
    }

    fn number<N: TryFrom<u64>>(&self, name: HeaderName) -> Typed<Option<N>> {
        self.optional(name, |text| parse_number(text).ok_or(HeaderErrorKind::Number))
    }

    fn address(&self, name: HeaderName) -> Typed<NameAddr> {
        NameAddr::parse(self.single(name.clone())?).map_err(at(name))
    }

    fn addresses(&self, name: HeaderName) -> Typed<Vec<NameAddr>> {
        self.elements(name.clone()).map(|text| NameAddr::parse(text).map_err(at(name.clone()))).collect()
    }

    /// Like `values`, but keeps empty elements: where they are errors.
    fn elements(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        self.all(name).flat_map(|line| super::text::split_unquoted(line, b',')).map(trim)
    }
}

fn missing(header: HeaderName) -> HeaderError {
    HeaderError { header, kind: HeaderErrorKind::Missing }
}

fn at(header: HeaderName) -> impl FnOnce(HeaderErrorKind) -> HeaderError {
    move |kind| HeaderError { header, kind }
}

fn before_params(text: &str) -> &str {
    trim(text.split(';').next().unwrap_or_default())
}

/// `type/subtype` without parameters.
fn media_range(text: &str) -> &str {
    before_params(text)
}

impl CSeq {
    /// Reads `number method`.
    pub fn parse(text: &str) -> Result<CSeq, HeaderErrorKind> {
        let (number, method) = text.split_once([' ', '\t']).ok_or(HeaderErrorKind::Syntax)?;
        Ok(CSeq {
            number: parse_number(number).ok_or(HeaderErrorKind::Number)?,
            method: Method::parse(trim(method)).ok_or(HeaderErrorKind::Method)?,
        })
    }
}

impl RAck {
    fn parse(text: &str) -> Result<RAck, HeaderErrorKind> {
        let (rseq, cseq) = text.split_once([' ', '\t']).ok_or(HeaderErrorKind::Syntax)?;
        let rseq = parse_number(rseq).ok_or(HeaderErrorKind::Number)?;
        let CSeq { number, method } = CSeq::parse(trim(cseq))?;
        Ok(RAck { rseq, cseq: number, method })
    }
}

impl SessionExpires {
    fn parse(text: &str) -> Result<SessionExpires, HeaderErrorKind> {
        let params_at = text.find(';').unwrap_or(text.len());
        let seconds = parse_number(trim(&text[..params_at])).ok_or(HeaderErrorKind::Number)?;
        let params = Params::parse_header(&text[params_at..]).ok_or(HeaderErrorKind::Params)?;
        let refresher = match params.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(SessionExpires { seconds, refresher })
    }
}

impl RetryAfter {
    fn parse(text: &str) -> Result<RetryAfter, HeaderErrorKind> {
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let seconds = parse_number(&text[..end]).ok_or(HeaderErrorKind::Number)?;
        let rest = trim(&text[end..]);
        // A comment may stand between the number and the parameters, with ';' of its own.
        let params = match rest.starts_with('(') {
            true => rest.rsplit_once(')').ok_or(HeaderErrorKind::Syntax)?.1,
            false => rest,
        };
        let params = Params::parse_header(params).ok_or(HeaderErrorKind::Params)?;
        Ok(RetryAfter { seconds, duration_seconds: params.get("duration").and_then(parse_number) })
    }
}

impl ReasonValue {
    /// Reads one value; `None` if malformed.
    pub fn parse(text: &str) -> Option<ReasonValue> {
        let params_at = text.find(';').unwrap_or(text.len());
        let protocol = trim(&text[..params_at]);
        let params = Params::parse_header(&text[params_at..])?;
        super::text::is_token(protocol).then(|| ReasonValue {
            protocol: protocol.into(),
            cause: params.get("cause").and_then(parse_number),
            text: params.unquoted("text").map(Into::into),
        })
    }
}

impl WarningValue {
    /// Reads one value; `None` if malformed.
    pub fn parse(text: &str) -> Option<WarningValue> {
        let (code, rest) = trim(text).split_once([' ', '\t'])?;
        let (agent, rest) = trim(rest).split_once([' ', '\t'])?;
        let code = parse_number(code).filter(|code| (100..1000).contains(code))?;
        match take_quoted(trim(rest))? {
            (inside, "") => {
                Some(WarningValue { code, agent: agent.into(), text: unescape_quoted(inside).into() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for RetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seconds)?;
        self.duration_seconds.map_or(Ok(()), |duration| write!(f, ";duration={duration}"))
    }
}

impl fmt::Display for ReasonValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if let Some(text) = &self.text {
            f.write_str(";text=")?;
            write_quoted(f, text)?;
        }
        Ok(())
    }
}

impl fmt::Display for WarningValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {} ", self.code, self.agent)?;
        write_quoted(f, &self.text)
    }
}

#[cfg(test)]
mod tests;
