//! Lengths of files, functions and structs, module docs, names; and the figures of it all.

use std::fmt;

use proc_macro2::LineColumn;
use syn::visit::{self, Visit};

use super::Finding;
use super::source::Source;

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 70;
const MAX_FIELDS: usize = 15;
const MAX_MODULE_DOC_LINES: usize = 12;
pub(super) const MAX_MEDIAN_FILE_LINES: usize = 200;
pub(super) const MAX_MEDIAN_FUNCTION_LINES: usize = 35;

/// Words that say nothing, as parts of a name.
const EMPTY_WORDS: [&str; 7] = ["manager", "util", "utils", "ctx", "misc", "stuff", "obj"];
/// Words that say nothing at the end of a type's name; alone, INFO is a SIP method.
const EMPTY_ENDINGS: [&str; 3] = ["data", "info", "impl"];
/// Threads for work that blocks are called helpers; elsewhere a helper is a function without a name.
const HELPER_HOMES: [&str; 3] = ["worker", "config", "serve"];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    let lines = source.text.lines().count();
    if lines > MAX_FILE_LINES {
        findings.push(source.finding(lines, format!("{lines} lines, at most {MAX_FILE_LINES}")));
    }
    let doc_lines = source.text.lines().take_while(|line| line.starts_with("//!")).count();
    if source.is_shipped(1) && !(1..=MAX_MODULE_DOC_LINES).contains(&doc_lines) {
        findings
            .push(source.finding(1, format!("{doc_lines} lines of module doc, 1 to {MAX_MODULE_DOC_LINES}")));
    }
    let mut shapes = Shapes { source, findings, function_lines: Vec::new() };
    shapes.visit_file(&source.tree);
}

/// Walks a file's items.
struct Shapes<'s, 'f> {
    source: &'s Source,
    findings: &'f mut Vec<Finding>,
    function_lines: Vec<usize>,
}

impl Shapes<'_, '_> {
    fn function(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        block: Option<&syn::Block>,
    ) {
        let (start, name) = (signature.fn_token.span.start().line, signature.ident.to_string());
        if let Some(block) = block {
            let LineColumn { line: end, .. } = block.brace_token.span.close().end();
            let lines = end - start + 1;
            self.function_lines.push(lines);
            if lines > MAX_FUNCTION_LINES {
                self.found(start, format!("{name} has {lines} lines, at most {MAX_FUNCTION_LINES}"));
            }
        }
        if name.starts_with("get_") {
            self.found(start, format!("{name}: a getter is called as what it gives"));
        }
        if name.starts_with("test_") && attributes.iter().any(|attribute| attribute.path().is_ident("test")) {
            self.found(start, format!("{name}: a test is a sentence about behaviour"));
        }
        self.name(&signature.ident, false);
    }

    fn fields(&mut self, name: &syn::Ident, fields: &syn::Fields) {
        if fields.len() > MAX_FIELDS {
            let what = format!("{name} has {} fields, at most {MAX_FIELDS}", fields.len());
            self.found(name.span().start().line, what);
        }
        fields.iter().filter_map(|field| field.ident.as_ref()).for_each(|field| self.name(field, false));
    }

    fn name(&mut self, ident: &syn::Ident, is_type: bool) {
        let words = words(&ident.to_string());
        let helper = |word: &str| {
            matches!(word, "helper" | "helpers")
                && !HELPER_HOMES.iter().any(|home| self.source.is_within(home))
        };
        let empty = words.iter().find(|word| EMPTY_WORDS.contains(&word.as_str()) || helper(word));
        let ending =
            words.last().filter(|last| is_type && words.len() > 1 && EMPTY_ENDINGS.contains(&last.as_str()));
        if let Some(word) = empty.or(ending) {
            self.found(ident.span().start().line, format!("{ident}: {word:?} says nothing"));
        }
    }

    fn found(&mut self, line: usize, what: String) {
        self.findings.push(self.source.finding(line, what));
    }
}

impl<'ast> Visit<'ast> for Shapes<'_, '_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.function(&item.attrs, &item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident, true);
        self.fields(&item.ident, &item.fields);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident, true);
        for variant in &item.variants {
            self.name(&variant.ident, false);
            self.fields(&variant.ident, &variant.fields);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident, true);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name(&item.ident, true);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.name(&item.ident, false);
        visit::visit_item_mod(self, item);
    }
}

/// The words of a name: `rtpPort`, `RtpPort` and `rtp_port` are `rtp`, `port`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.chars() {
        if character == '_' || (character.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = character.is_lowercase() || character.is_ascii_digit();
        if character != '_' {
            words.last_mut().expect("there is always one").extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// How long things are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lengths {
    pub count: usize,
    pub median: usize,
    pub p90: usize,
    pub max: usize,
}

impl Lengths {
    fn of(mut lengths: Vec<usize>) -> Lengths {
        lengths.sort_unstable();
        let at = |percent: usize| {
            lengths.get(lengths.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0)
        };
        Lengths { count: lengths.len(), median: at(50), p90: at(90), max: at(100) }
    }
}

/// The figures of the whole.
#[derive(Debug)]
pub(super) struct Figures {
    pub files: Lengths,
    pub functions: Lengths,
    lines: usize,
    comment_lines: usize,
    blank_lines: usize,
}

impl Figures {
    pub fn of(sources: &[Source]) -> Figures {
        let mut function_lines = Vec::new();
        for source in sources {
            let mut shapes = Shapes { source, findings: &mut Vec::new(), function_lines: Vec::new() };
            shapes.visit_file(&source.tree);
            function_lines.append(&mut shapes.function_lines);
        }
        let lines = || sources.iter().flat_map(|source| source.text.lines()).map(str::trim);
        Figures {
            files: Lengths::of(sources.iter().map(|source| source.text.lines().count()).collect()),
            functions: Lengths::of(function_lines),
            lines: lines().count(),
            comment_lines: lines().filter(|line| line.starts_with("//")).count(),
            blank_lines: lines().filter(|line| line.is_empty()).count(),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (files, functions) = (&self.files, &self.functions);
        let comments = 100 * self.comment_lines / (self.lines - self.blank_lines).max(1);
        writeln!(
            f,
            "files: {}, lines: median {}, p90 {}, max {}",
            files.count, files.median, files.p90, files.max
        )?;
        let Lengths { count, median, p90, max } = functions;
        writeln!(f, "functions: {count}, lines: median {median}, p90 {p90}, max {max}")?;
        write!(f, "lines: {}, of which comments {comments} % (blank lines not counted)", self.lines)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::findings_in;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let text = format!("//! A doc.\n{text}");
        findings_in("src/call/a.rs", &text, check).into_iter().map(|(_, what)| what).collect()
    }

    #[test]
    fn lengths_have_their_limits() {
        let lines = |count| "\n".repeat(count);
        assert!(found(&lines(599)).is_empty());
        assert_eq!(found(&lines(600)), ["601 lines, at most 600"]);
        assert!(found(&format!("fn f() {{{}}}", lines(69))).is_empty());
        assert_eq!(found(&format!("impl A {{ fn f() {{{}}} }}", lines(70))), ["f has 71 lines, at most 70"]);
        let fields = |count| (0..count).map(|field| format!("f{field}: u8,")).collect::<String>();
        assert!(found(&format!("struct A {{ {} }}", fields(15))).is_empty());
        assert_eq!(found(&format!("struct A {{ {} }}", fields(16))), ["A has 16 fields, at most 15"]);
    }

    #[test]
    fn a_function_is_measured_without_its_doc() {
        let doc = "/// Says something.\n".repeat(30);
        assert!(found(&format!("{doc}#[inline]\nfn f() {{{}}}", "\n".repeat(60))).is_empty());
    }

    #[test]
    fn a_file_that_is_shipped_says_what_it_is() {
        assert_eq!(findings_in("src/call/a.rs", "fn f() {}", check).len(), 1);
        assert_eq!(findings_in("src/call/a.rs", &"//! a\n".repeat(13), check).len(), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for text in [
            "struct CallManager;",
            "mod util {}",
            "struct A { ctx: u8 }",
            "enum LegInfo {}",
            "fn get_leg() {}",
            "struct MixHelper;",
            "fn parse_helper() {}",
            "trait RtpData {}",
            "#[test] fn test_it() {}",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
        for text in
            ["enum Method { Info }", "mod dtmf_info {}", "struct Utility;", "fn data() {}", "fn gets() {}"]
        {
            assert!(found(text).is_empty(), "{text}");
        }
        let helpers = "//! A doc.\npub struct Helpers;";
        assert!(findings_in("src/worker/helpers.rs", helpers, check).is_empty());
    }

    #[test]
    fn figures_are_those_of_the_files() {
        let text = "//! a\n\nfn f() {\n}\n// c\nfn g() {}\n";
        let figures = Figures::of(&[Source::parse(Path::new("src/sip/a.rs"), text)]);
        assert_eq!(figures.files, Lengths { count: 1, median: 6, p90: 6, max: 6 });
        assert_eq!(figures.functions, Lengths { count: 2, median: 1, p90: 1, max: 2 });
        assert!(figures.to_string().contains("comments 40 %"), "{figures}");
    }
}
