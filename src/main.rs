//! argv → configuration → worker → exit code.

fn main() {}

#[cfg(test)]
mod tests {
    #[test]
    fn the_crate_carries_its_version() {
        assert!(!env!("CARGO_PKG_VERSION").is_empty());
    }
}
