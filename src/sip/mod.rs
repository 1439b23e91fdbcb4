//! SIP text and machines (RFC 3261).
