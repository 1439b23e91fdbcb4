//! RTP and RTCP (RFC 3550): packets, sources, jitter buffer, telephone-event.
