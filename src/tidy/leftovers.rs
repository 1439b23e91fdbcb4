//! What was meant to go before the code was done.

use proc_macro2::{TokenStream, TokenTree};

use super::Finding;
use super::source::Source;

/// Macros that say that something is missing, or print for the author alone.
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// Macros that write past the log. `main` prints what was asked for, the worker its last words before it aborts, and tests
/// what they like.
const PRINTING: [&str; 4] = ["print", "println", "eprint", "eprintln"];
const MAY_PRINT: [&str; 2] = ["main", "worker"];
/// Words of a comment, split so that this file does not find itself.
const WORDS: [&str; 3] = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];

pub(super) fn check(source: &Source, findings: &mut Vec<Finding>) {
    walk(source.text.parse().expect("it was parsed before"), source, findings);
    for (index, line) in source.text.lines().enumerate() {
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        let mut words = comment.split(|c: char| !c.is_ascii_alphanumeric());
        if let Some(word) = words.find(|word| WORDS.contains(word)) {
            findings.push(source.finding(index + 1, format!("{word} in a comment")));
        }
    }
}

fn walk(tokens: TokenStream, source: &Source, findings: &mut Vec<Finding>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let line = token.span().start().line;
        match (token, tokens.get(index + 1)) {
            (TokenTree::Ident(name), Some(TokenTree::Punct(punct))) if punct.as_char() == '!' => {
                let name = name.to_string();
                let prints = PRINTING.contains(&name.as_str())
                    && source.is_shipped(line)
                    && !MAY_PRINT.contains(&source.layer().as_str());
                if MACROS.contains(&name.as_str()) || prints {
                    findings.push(source.finding(line, format!("{name}!")));
                }
            }
            (TokenTree::Punct(punct), Some(TokenTree::Group(group)))
                if matches!(punct.as_char(), '#' | '!') =>
            {
                let attribute: String = group.stream().to_string().split_whitespace().collect();
                if attribute == "ignore" || attribute.starts_with("ignore=") {
                    findings.push(source.finding(line, "a test that is ignored"));
                }
                if attribute.starts_with("allow(") && attribute.contains("dead_code") {
                    findings.push(source.finding(line, "dead code that is allowed"));
                }
            }
            _ => {}
        }
        if let TokenTree::Group(group) = token {
            walk(group.stream(), source, findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings_in;
    use super::*;

    #[test]
    fn leftovers_are_found_in_tests_too() {
        let text = format!(
            "#![allow(unused, dead_code)]\nfn f() {{ {}!() }}\n// {} later\n#[ignore]\nfn g() {{}}\n#[ignore = \"slow\"]\n\
             fn h() {{ if x {{ {}!(1); }} }}",
            "todo", WORDS[0], "dbg"
        );
        let lines: Vec<_> =
            findings_in("src/call/a.rs", &text, check).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [1, 2, 4, 6, 7, 3]);
    }

    #[test]
    fn only_main_and_tests_print() {
        let printing = "fn f() { println!(\"x\"); }";
        assert_eq!(findings_in("src/call/a.rs", printing, check).len(), 1);
        assert!(findings_in("src/main.rs", printing, check).is_empty());
        assert!(
            findings_in("src/call/a.rs", &format!("#[cfg(test)] mod tests {{ {printing} }}"), check)
                .is_empty()
        );
    }

    #[test]
    fn ordinary_code_is_no_leftover() {
        let text =
            "// A xxx-y method.\n#[must_use]\nfn f() { assert!(!ignore); }\n#[allow(clippy::x)]\nfn g() {}";
        assert!(findings_in("src/call/a.rs", text, check).is_empty());
    }
}
