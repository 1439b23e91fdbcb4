//! The style of the house and its layers, as a test over the sources.
//!
//! `cargo test tidy -- --nocapture` also prints the figures. Tests in the sources are held to lengths and leftovers
//! alone: layers, clocks, sockets and randomness concern what is shipped.

mod layers;
mod leftovers;
mod shape;
mod source;

use std::fmt;
use std::path::{Path, PathBuf};

use source::Source;

/// Something in a source that the house does not do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// All Rust files below a folder, relative to the crate's root, in order.
fn rust_files(root: &Path, folder: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() {
            rust_files(root, &path, found);
        } else if name.ends_with(".rs") {
            found.push(PathBuf::from(path));
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    rust_files(root, "src", &mut paths);
    rust_files(root, "benches", &mut paths);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root.join(&path)).unwrap();
        Source::parse(&path, &text)
    };
    let mut sources: Vec<Source> = paths.into_iter().map(read).collect();
    source::mark_test_files(&mut sources);
    sources
}

#[test]
fn the_sources_keep_the_style_and_the_layers() {
    let sources = sources();
    assert!(sources.len() > 10, "the sources are not where they are looked for");
    let mut findings = Vec::new();
    for source in &sources {
        layers::check(source, &mut findings);
        shape::check(source, &mut findings);
        leftovers::check(source, &mut findings);
    }
    let figures = shape::Figures::of(&sources);
    println!("{figures}");
    let listed: Vec<_> = findings.iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", listed.len(), listed.join("\n"));
    assert!(figures.files.median <= shape::MAX_MEDIAN_FILE_LINES, "most files should be short:\n{figures}");
    assert!(
        figures.functions.median <= shape::MAX_MEDIAN_FUNCTION_LINES,
        "most functions should be short:\n{figures}"
    );
}

/// What a check says about a snippet standing in this file.
#[cfg(test)]
fn findings_in(path: &str, text: &str, check: fn(&Source, &mut Vec<Finding>)) -> Vec<(usize, String)> {
    let mut findings = Vec::new();
    check(&Source::parse(Path::new(path), text), &mut findings);
    findings.into_iter().map(|finding| (finding.line, finding.what)).collect()
}
