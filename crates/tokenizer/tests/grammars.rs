//! What a grammar lets through, token by token, and what is refused before it could.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{tiny_bpe, tiny_spm};
use tokenizer::{Error, Grammar, GrammarState, Tokenizer, schema_in_lark};

fn allowed(state: &mut GrammarState, tokenizer: &Tokenizer) -> Vec<u32> {
    let mut words = vec![0; tokenizer.vocab_len().div_ceil(32)];
    state.allow(&mut words).unwrap();
    let set = |id: &u32| words[*id as usize / 32] >> (id % 32) & 1 == 1;
    (0..tokenizer.vocab_len() as u32).filter(set).collect()
}

/// Whether the tokens are allowed one after the other, and the text may end after them.
fn follows(tokenizer: &Tokenizer, mut state: GrammarState, ids: &[u32]) -> bool {
    let end = tokenizer.end_of_generation()[0];
    for (at, id) in ids.iter().enumerate() {
        if !allowed(&mut state, tokenizer).contains(id) {
            return false;
        }
        if state.accept(*id).unwrap() {
            return at + 1 == ids.len();
        }
    }
    let may_end = allowed(&mut state, tokenizer).contains(&end);
    assert_eq!(may_end, state.may_end().unwrap());
    may_end
}

fn check(grammar: Grammar<'_>, yes: &[&str], no: &[&str]) {
    for tokenizer in [tiny_bpe("llama-bpe"), tiny_spm(false)] {
        let state = tokenizer.grammar(&grammar).unwrap();
        for (texts, expected) in [(yes, true), (no, false)] {
            for text in texts {
                let ids = tokenizer.encode(text).unwrap();
                assert_eq!(follows(&tokenizer, state.clone(), &ids), expected, "{grammar:?}: {text}");
            }
        }
    }
}

fn schema(schema: Value, yes: &[&str], no: &[&str]) {
    check(Grammar::JsonSchema(&schema), yes, no);
}

fn refused(grammar: Grammar<'_>) -> String {
    let tokenizer = tiny_bpe("llama-bpe");
    let start = Instant::now();
    let Err(error) = tokenizer.grammar(&grammar) else { panic!("taken: {grammar:?}") };
    assert!(start.elapsed() < Duration::from_secs(6), "{error}");
    error.to_string()
}

#[test]
fn json_is_on_one_line_and_whole() {
    let yes = ["{}", r#"{"a": 1}"#, r#"{"a": [1, "\"é⟦PERSOON_1⟧", null, {"b": -1.5e3}]}"#];
    let no =
        ["", "[]", r#"{"a": 1"#, r#"{"a": 1}}"#, "{ }", "{\n}", r#"{"a":1}"#, r#"{a: 1}"#, r#" {"a": 1}"#];
    check(Grammar::JsonObject, &yes, &no);
}

#[test]
fn a_schema_is_held_keyword_by_keyword() {
    let person = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Aanvraag", "type": "object",
        "properties": {
            "naam": {"type": "string", "minLength": 2, "description": "Zoals op het formulier"},
            "leeftijd": {"type": "integer", "minimum": 18, "maximum": 120},
            "soort": {"enum": ["bezwaar", "klacht"]},
            "datum": {"type": "string", "format": "date"},
            "kenmerk": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
            "bijlagen": {"type": "array", "items": {"type": "string"}, "maxItems": 2}
        },
        "required": ["naam", "soort"], "additionalProperties": false
    });
    let yes = [
        r#"{"naam": "Jo", "soort": "klacht"}"#,
        r#"{"naam": "Joé", "leeftijd": 18, "soort": "bezwaar", "datum": "2026-02-28", "kenmerk": "AB-12", "bijlagen": ["a", "b"]}"#,
    ];
    let no = [
        r#"{"naam": "J", "soort": "klacht"}"#,
        r#"{"naam": "Jo", "soort": "vraag"}"#,
        r#"{"naam": "Jo"}"#,
        r#"{"naam": "Jo", "leeftijd": 17, "soort": "klacht"}"#,
        r#"{"naam": "Jo", "soort": "klacht", "datum": "2026-02-30"}"#,
        r#"{"naam": "Jo", "soort": "klacht", "kenmerk": "A-12"}"#,
        r#"{"naam": "Jo", "soort": "klacht", "bijlagen": ["a", "b", "c"]}"#,
        r#"{"naam": "Jo", "soort": "klacht", "meer": 1}"#,
    ];
    schema(person, &yes, &no);
}

#[test]
fn references_are_followed_whatever_their_names() {
    let tree = json!({
        "$ref": "#/$defs/knoop~1a",
        "$defs": {
            "knoop/a": {"type": "object", "required": ["naam"], "additionalProperties": false, "properties": {
                "naam": {"type": "string"}, "kinderen": {"type": "array", "items": {"$ref": "#/$defs/knoop~1a"}}
            }},
            "unused": {"not": {}}
        }
    });
    let yes = [r#"{"naam": "a", "kinderen": [{"naam": "b", "kinderen": []}]}"#];
    schema(tree, &yes, &[r#"{"naam": "a", "kinderen": [{"kinderen": []}]}"#]);
    let list =
        json!({"type": "object", "properties": {"meer": {"$ref": "#"}}, "additionalProperties": false});
    schema(list, &["{}", r#"{"meer": {"meer": {}}}"#], &[r#"{"meer": 1}"#]);
}

#[test]
fn alternatives_that_exclude_each_other_may_be_one_of() {
    let shape = |kind: &str, field: &str| {
        json!({
            "type": "object", "required": ["soort", field], "additionalProperties": false,
            "properties": {"soort": {"const": kind}, field: {"type": "number", "exclusiveMinimum": 0}}
        })
    };
    let either = json!({"oneOf": [shape("cirkel", "straal"), shape("vierkant", "zijde")]});
    let yes = [r#"{"soort": "cirkel", "straal": 1.5}"#, r#"{"soort": "vierkant", "zijde": 2}"#];
    schema(either, &yes, &[r#"{"soort": "cirkel", "zijde": 2}"#, r#"{"soort": "cirkel", "straal": 0}"#]);
    let unclear = json!({"oneOf": [{"type": "string"}, {"type": "string", "minLength": 2}]});
    assert!(refused(Grammar::JsonSchema(&unclear)).contains("oneOf"));
}

#[test]
fn what_cannot_be_held_is_refused_by_its_place() {
    let of = |schema: Value| refused(Grammar::JsonSchema(&schema));
    let inside =
        |inner: Value| json!({"type": "object", "properties": {"a/b": {"anyOf": [inner]}, "n": inner}});
    for (keyword, value) in [
        ("not", json!({})),
        ("if", json!({})),
        ("contains", json!({})),
        ("uniqueItems", json!(true)),
        ("propertyNames", json!({})),
        ("dependentRequired", json!({})),
        ("unevaluatedProperties", json!(false)),
        ("$dynamicRef", json!("#a")),
        ("additionalItems", json!(false)),
        ("nullable", json!(true)),
        ("format", json!("int32")),
        ("type", json!("text")),
        ("pattern", json!("(?=a)")),
        ("pattern", json!("[")),
        ("minLength", json!(-1)),
        ("maxItems", json!(1e9)),
        ("multipleOf", json!(0)),
        ("enum", json!([])),
        ("minimum", json!("1")),
        ("items", json!([{}])),
        ("$ref", json!("#/nowhere")),
        ("$ref", json!("other.json")),
        ("required", json!("a")),
        ("x-guidance", json!({})),
    ] {
        let said = of(inside(json!({keyword: value})));
        assert!(said.starts_with(&format!("/properties/(unprintable name)/anyOf/0/{keyword}: ")), "{said}");
    }
    let secret = of(json!({"properties": {"Jan Jansen": {"geheim woord!": 1}}}));
    assert!(!secret.contains("Jan") && !secret.contains("geheim"), "{secret}");
}

#[test]
fn circles_and_bombs_are_refused_soon() {
    let of = |schema: Value| refused(Grammar::JsonSchema(&schema));
    assert!(of(json!({"$ref": "#"})).contains("itself"));
    let circle = json!({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}});
    assert!(of(circle).contains("itself"));
    let deep = (0..60).fold(json!({}), |inner, _| json!({"items": {"anyOf": [inner]}}));
    assert!(of(deep).contains("nested"));
    let chain = |last: Value, link: fn(String) -> Value| {
        let mut defs: serde_json::Map<String, Value> =
            (0..2000).map(|i| (format!("d{i}"), link(format!("#/$defs/d{}", i + 1)))).collect();
        defs.insert("d2000".to_owned(), last);
        json!({"$ref": "#/$defs/d0", "$defs": defs})
    };
    assert!(of(chain(json!({}), |next| json!({"properties": {"a": {"$ref": next}}}))).contains("nested"));
    assert!(of(chain(json!({}), |next| json!({"$ref": next}))).contains("nested"));
    assert!(of(json!({"enum": vec!["a"; 1001]})).contains("1000"));
    assert!(of(json!({"title": "x".repeat(200 << 10)})).contains("bytes"));
    assert!(of(json!({"type": "number", "minimum": 3, "maximum": 2})).contains("match"));
}

/// What is big is refused or made ready, and either within the time.
#[test]
fn large_schemas_end_in_time() {
    let tokenizer = tiny_bpe("llama-bpe");
    let pairs = |n: usize| {
        (0..n)
            .map(|i| {
                json!({"anyOf": [
                    {"type": "object", "properties": {(format!("a{i}")): {"minLength": i}}},
                    {"type": "object", "properties": {(format!("b{i}")): {"maximum": i}}}
                ]})
            })
            .collect::<Vec<_>>()
    };
    let doubling: serde_json::Map<String, Value> = (0..80)
        .map(|i| {
            let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
            (
                format!("d{i}"),
                if i == 79 {
                    json!({"type": "object"})
                } else {
                    json!({"properties": {"x": {"allOf": [next, next]}, "y": {"allOf": [next, next]}}})
                },
            )
        })
        .collect();
    for bomb in [
        json!({"allOf": pairs(12)}),
        json!({"allOf": pairs(200)}),
        json!({"$ref": "#/$defs/d0", "$defs": doubling}),
        json!({"type": "string", "minLength": 99_999, "maxLength": 100_000}),
        json!({"type": "array", "minItems": 99_999, "maxItems": 100_000, "items": {"type": "array", "maxItems": 100_000}}),
        json!({"type": "string", "pattern": "^(a{1,1000}){1,1000}$"}),
        json!({"allOf": [{"type": "string", "pattern": "a.{100}b"}, {"type": "string", "pattern": "b.{101}c"}]}),
        json!({"type": "number", "multipleOf": 999_983, "minimum": 7}),
        json!({"type": "object", "properties": (0..1000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect::<serde_json::Map<_, _>>()}),
        json!({"type": "object", "minProperties": 100_000}),
    ] {
        let start = Instant::now();
        let made = tokenizer.grammar(&Grammar::JsonSchema(&bomb));
        assert!(start.elapsed() < Duration::from_secs(6));
        let Ok(mut state) = made else { continue };
        let start = Instant::now();
        let mut words = vec![0; tokenizer.vocab_len().div_ceil(32)];
        let _ = state.allow(&mut words);
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn regular_expressions_and_choices() {
    check(Grammar::Regex("[0-9]{4} ?[A-Z]{2}"), &["1234 AB", "1234AB"], &["", "1234 ab", "1234 ABC"]);
    check(Grammar::Regex("a/b+"), &["a/b", "a/bbb"], &["a/"]);
    let choices = ["ja".to_owned(), "nee \"é\"\n".to_owned()];
    check(Grammar::Choice(&choices), &["ja", "nee \"é\"\n"], &["", "j", "jaja", "nee"]);
    assert!(refused(Grammar::Regex("(?=a)b")).contains("look-around"));
    assert!(refused(Grammar::Regex("(")).contains("regular expression"));
    assert!(refused(Grammar::Regex("")).contains("empty"));
    assert!(refused(Grammar::Regex(&"a".repeat(40 << 10))).contains("bytes"));
    assert!(refused(Grammar::Choice(&[])).contains('1'));
    assert!(refused(Grammar::Choice(&[String::new()])).contains("empty"));
}

#[test]
fn a_callers_grammar_is_text_only() {
    let sums = "start: sum\nsum: number (\"+\" number)*\nnumber: /[0-9]+/\n";
    check(Grammar::Lark(sums), &["1", "1+23"], &["", "+", "1+"]);
    for (text, word) in [
        ("root ::= \"a\"", "Lark"),
        ("start: %json {\"type\": \"object\"}", "directive"),
        ("%llguidance {}\nstart: \"a\"", "directive"),
        ("start: nowhere", "Lark"),
        ("start: (", "Lark"),
    ] {
        assert!(refused(Grammar::Lark(text)).contains(word), "{text}: {}", refused(Grammar::Lark(text)));
    }
    let secret = refused(Grammar::Lark("start: \"a\"\n\ngeheim geheim"));
    assert!(!secret.contains("geheim"), "{secret}");
}

#[test]
fn control_tokens_come_only_where_we_wrote_them() {
    let tokenizer = tiny_bpe("llama-bpe");
    let controls: Vec<u32> =
        (0..tokenizer.vocab_len() as u32).filter(|id| tokenizer.is_control(*id)).collect();
    let ends = tokenizer.end_of_generation();
    let inner = controls.iter().copied().find(|id| !ends.contains(id)).unwrap();
    let mut any = tokenizer.grammar(&Grammar::Regex("(?s:.*)")).unwrap();
    let free = allowed(&mut any, &tokenizer);
    assert!(free.len() > 500);
    assert!(free.iter().all(|id| !tokenizer.is_control(*id) || ends.contains(id)));
    // By its id, from a caller: the grammar may compile, the token never comes.
    for text in [
        format!("start: \"a\" <[{inner}]>"),
        format!("start: \"a\" {}", tokenizer.token_text(inner).unwrap()),
    ] {
        if let Ok(mut state) = tokenizer.grammar(&Grammar::Lark(&text)) {
            state.accept(tokenizer.encode("a").unwrap()[0]).unwrap();
            assert!(!allowed(&mut state, &tokenizer).contains(&inner));
        }
    }
    let object = schema_in_lark(
        &json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false}),
    )
    .unwrap();
    let text = format!("start: \"x\" <[{inner}]> call\ncall: {object}");
    let state = tokenizer.grammar(&Grammar::TrustedLark { text: &text, control: &[inner] }).unwrap();
    let ids = |before: &str, after: &str| {
        [tokenizer.encode(before).unwrap().to_vec(), vec![inner], tokenizer.encode(after).unwrap().to_vec()]
            .concat()
    };
    assert!(follows(&tokenizer, state.clone(), &ids("x", "{\"a\": 12}")));
    assert!(!follows(&tokenizer, state, &ids("x", "{\"b\": 12}")));
}

#[test]
fn a_call_may_come_after_free_text() {
    let object = schema_in_lark(
        &json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false}),
    )
    .unwrap();
    let text = format!(
        "start: free (call)?\nfree[lazy]: /(?s:.*)<tool_call>/\ncall: \"\\n\" object \"\\n</tool_call>\"\nobject: {object}"
    );
    let tokenizer = tiny_bpe("llama-bpe");
    assert!(tokenizer.grammar(&Grammar::TrustedLark { text: &text, control: &[] }).is_ok());
}

#[test]
fn copies_go_on_alone_and_what_is_not_allowed_is_an_error() {
    let tokenizer = tiny_bpe("llama-bpe");
    let mut state = tokenizer.grammar(&Grammar::Choice(&["ab".to_owned(), "cd".to_owned()])).unwrap();
    let mut other = state.clone();
    let id = |text: &str| tokenizer.encode(text).unwrap()[0];
    state.accept(id("a")).unwrap();
    assert!(allowed(&mut other, &tokenizer).contains(&id("c")));
    assert!(!allowed(&mut state, &tokenizer).contains(&id("c")));
    assert!(matches!(state.accept(id("c")), Err(Error::GrammarState)));
    assert!(!other.accept(id("c")).unwrap());
    assert!(other.accept(id("d")).unwrap());
}

/// Two tokens that add the same bytes are both allowed, and either leads on.
#[test]
fn twins_are_allowed_together() {
    let mut vocabulary = support::tiny_spm_vocabulary();
    let add = |vocabulary: &mut tokenizer::Vocabulary, text: &str, kind: i32| {
        vocabulary.tokens.push(text.to_owned());
        vocabulary.token_types.push(kind);
        vocabulary.scores.push(0.0);
        vocabulary.tokens.len() as u32 - 1
    };
    let (one, two) = (add(&mut vocabulary, "▁q7q", 1), add(&mut vocabulary, " q7q", 4));
    let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
    for id in [one, two] {
        let mut state = tokenizer.grammar(&Grammar::Regex(" q7q")).unwrap();
        let free = allowed(&mut state, &tokenizer);
        assert!(free.contains(&one) && free.contains(&two));
        assert!(state.accept(id).unwrap());
    }
}
