//! A source file as the checks see it: its text, its syntax tree, and the paths and words in its tokens.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;

/// One file.
pub(super) struct Source {
    pub path: PathBuf,
    pub text: String,
    pub tree: syn::File,
    /// Whether the whole file is compiled for tests only.
    pub is_test: bool,
    /// `a::b::c` wherever it stands, with its line; `use a::{b, c}` gives `a::b` and `a::c`.
    pub paths: Vec<(Vec<String>, usize)>,
    test_lines: Vec<RangeInclusive<usize>>,
    modules: Vec<Module>,
}

impl Source {
    pub fn parse(path: &Path, text: &str) -> Source {
        let tree = syn::parse_file(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut paths = Vec::new();
        collect_paths(text.parse().expect("it was parsed before"), &[], &mut paths);
        let mut tests = Tests { path, lines: Vec::new(), modules: Vec::new() };
        tests.visit_file(&tree);
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            tree,
            is_test: path.starts_with("benches") || path.starts_with("src/whole"),
            paths,
            test_lines: tests.lines,
            modules: tests.modules,
        }
    }

    /// Whether the line is part of what is shipped.
    pub fn is_shipped(&self, line: usize) -> bool {
        !self.is_test && !self.test_lines.iter().any(|range| range.contains(&line))
    }

    /// The module's path from the crate's root: `src/sip/parser.rs` is `sip`, `parser`.
    pub fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let mut module: Vec<String> =
            path.iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        module
    }

    /// The top-level module it belongs to, `lib` for the root.
    pub fn layer(&self) -> String {
        self.module().into_iter().next().unwrap_or_else(|| "lib".to_owned())
    }

    /// Whether the file is this one or stands in this folder.
    pub fn is_within(&self, place: &str) -> bool {
        self.path.with_extension("").starts_with(Path::new("src").join(place))
    }

    /// The files of its modules that are for tests, all where it is itself.
    fn test_files(&self) -> Vec<PathBuf> {
        let modules = self.modules.iter().filter(|module| self.is_test || module.is_for_tests);
        modules.map(|module| module.file.clone()).collect()
    }

    pub fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { file: self.path.clone(), line, what: what.into() }
    }
}

/// Marks the files of `#[cfg(test)] mod name;`, all below them, and the files that those name by `#[path]`.
pub(super) fn mark_test_files(sources: &mut [Source]) {
    loop {
        let roots: Vec<PathBuf> = sources.iter().flat_map(Source::test_files).collect();
        let is_test = |path: &Path| roots.iter().any(|root| path.with_extension("").starts_with(root));
        let mut marked =
            sources.iter_mut().filter(|source| !source.is_test && is_test(&source.path)).peekable();
        if marked.peek().is_none() {
            return;
        }
        marked.for_each(|source| source.is_test = true);
    }
}

/// A `mod name;` and the file it stands for, without `.rs` or `/mod.rs`.
struct Module {
    file: PathBuf,
    is_for_tests: bool,
}

impl Module {
    fn new(declared_in: &Path, item: &syn::ItemMod) -> Module {
        let beside = declared_in.parent().unwrap_or(Path::new(""));
        let below = match declared_in.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib" | "main") => beside.to_owned(),
            _ => declared_in.with_extension(""),
        };
        let named = item.attrs.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(file), .. }) => Some(file.value()),
                _ => None,
            },
            _ => None,
        });
        let file =
            named.map_or(below.join(item.ident.to_string()), |file| beside.join(file).with_extension(""));
        Module { file, is_for_tests: item.attrs.iter().any(is_for_tests) }
    }
}

/// Whether an attribute keeps its item out of what is shipped: `cfg(test)`, `cfg(any(test, …))`.
fn is_for_tests(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return attribute.path().is_ident("test") };
    let words = list.tokens.to_string();
    let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    attribute.path().is_ident("cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// Walks a file's items for those of tests, and for its modules.
struct Tests<'p> {
    path: &'p Path,
    lines: Vec<RangeInclusive<usize>>,
    modules: Vec<Module>,
}

impl Tests<'_> {
    fn consider(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) {
        if attributes.iter().any(is_for_tests) {
            let span = item.span();
            self.lines.push(span.start().line..=span.end().line);
        }
    }
}

impl<'ast> Visit<'ast> for Tests<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.consider(&item.attrs, item);
        if item.content.is_none() {
            self.modules.push(Module::new(self.path, item));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.consider(&item.attrs, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.consider(&item.attrs, item);
        visit::visit_item_impl(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.consider(&item.attrs, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.consider(&item.attrs, item);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.consider(&item.attrs, item);
    }
}

/// Finds paths in tokens, and so in macros too; `prefix` is what stands before a group of a `use`.
fn collect_paths(tokens: TokenStream, prefix: &[String], paths: &mut Vec<(Vec<String>, usize)>) {
    let mut path: Vec<String> = prefix.to_vec();
    let mut line = 0;
    let mut colons = 2;
    let end = |path: &mut Vec<String>, line: usize, paths: &mut Vec<(Vec<String>, usize)>| {
        if path.len() > prefix.len() {
            paths.push((std::mem::replace(path, prefix.to_vec()), line));
        }
    };
    let mut renames = false;
    for token in tokens {
        match token {
            // In a group of a `use`, what follows `as` is a name of the file's own.
            TokenTree::Ident(ident) if !prefix.is_empty() && (renames || ident == "as") => renames = !renames,
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, line, paths);
                }
                line = ident.span().start().line;
                path.push(ident.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                let continues =
                    colons == 2 && group.delimiter() == Delimiter::Brace && path.len() > prefix.len();
                let inner = if continues { std::mem::take(&mut path) } else { Vec::new() };
                if continues {
                    path = prefix.to_vec();
                } else {
                    end(&mut path, line, paths);
                }
                collect_paths(group.stream(), &inner, paths);
                colons = 2;
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {
                end(&mut path, line, paths);
                colons = 2;
            }
        }
    }
    end(&mut path, line, paths);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let source = Source::parse(Path::new("src/sip/a.rs"), text);
        source.paths.iter().map(|(path, _)| path.join("::")).filter(|path| path.contains("::")).collect()
    }

    #[test]
    fn paths_are_found_in_uses_in_code_and_in_macros() {
        let text = "use std::{net::{IpAddr, UdpSocket as S}, fmt::*};\nfn f(x: a::B) { let y: T = c::d(); m!(e::f, g::h()); z as i::J }";
        let expected =
            ["std::net::IpAddr", "std::net::UdpSocket", "std::fmt", "a::B", "c::d", "e::f", "g::h", "i::J"];
        assert_eq!(paths(text), expected);
    }

    #[test]
    fn a_field_of_a_type_is_no_path() {
        assert_eq!(paths("struct A { time: Instant, now: u8 }"), Vec::<String>::new());
    }

    #[test]
    fn what_is_for_tests_is_not_shipped() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n";
        let source = Source::parse(Path::new("src/sip/a.rs"), text);
        let shipped: Vec<_> = (1..=7).filter(|&line| source.is_shipped(line)).collect();
        assert_eq!(shipped, [1, 6, 7]);
    }

    #[test]
    fn files_of_test_modules_are_not_shipped() {
        let mut sources = vec![
            Source::parse(Path::new("src/sip/mod.rs"), "mod a;\n#[cfg(test)]\nmod fuzz;"),
            Source::parse(Path::new("src/sip/a.rs"), "\n#[cfg(test)]\nmod tests;"),
            Source::parse(Path::new("src/sip/a/tests.rs"), "#[path = \"more_tests.rs\"]\nmod more;"),
            Source::parse(Path::new("src/sip/a/more_tests.rs"), ""),
            Source::parse(Path::new("src/sip/fuzz.rs"), ""),
            Source::parse(Path::new("src/sip/tests.rs"), ""),
        ];
        mark_test_files(&mut sources);
        let shipped: Vec<_> = sources.iter().map(|source| source.is_shipped(1)).collect();
        assert_eq!(shipped, [true, true, false, false, false, true]);
        assert_eq!(sources[1].module(), ["sip", "a"]);
        assert_eq!(sources[0].module(), ["sip"]);
    }
}
