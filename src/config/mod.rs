//! A configuration that cannot be invalid.
