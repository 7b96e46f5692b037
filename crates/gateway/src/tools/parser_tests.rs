use super::*;
use proptest::prelude::*;

const FORMATS: [ToolFormat; 5] =
    [ToolFormat::Hermes, ToolFormat::Llama3, ToolFormat::Mistral, ToolFormat::Other, ToolFormat::Plain];

fn parser(format: ToolFormat) -> Parser {
    Parser::new(format, ["f", "zoek_dossier"].map(str::to_owned).into())
}

/// What pieces come to: text joined, calls as `name(arguments)`.
fn read<'a>(format: ToolFormat, pieces: impl IntoIterator<Item = &'a str>) -> (String, Vec<String>) {
    let mut parser = parser(format);
    let mut parts: Vec<Part> = pieces.into_iter().flat_map(|piece| parser.push(piece)).collect();
    parts.extend(parser.finish());
    let (mut text, mut calls) = (String::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(piece) => text.push_str(&piece),
            Part::Call(call) => calls.push(format!("{}({})", call.name, call.arguments.as_str())),
        }
    }
    (text, calls)
}

fn check(format: ToolFormat, answer: &str, text: &str, calls: &[&str]) {
    let expected = (text.to_owned(), calls.iter().map(|call| (*call).to_owned()).collect::<Vec<_>>());
    assert_eq!(read(format, [answer]), expected, "{format:?} {answer}");
    let letters = answer.char_indices().map(|(at, c)| &answer[at..at + c.len_utf8()]);
    assert_eq!(read(format, letters), expected, "letter by letter: {format:?} {answer}");
}

#[test]
fn calls_of_each_family() {
    use ToolFormat::{Hermes, Llama3, Mistral, Other, Plain};
    for (format, answer, text, calls) in [
        (
            Hermes,
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {}]}}\n</tool_call>",
            "",
            &["f({\"a\": [1, {}]})"][..],
        ),
        (
            Hermes,
            "Even kijken.\n\n<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n",
            "Even kijken.",
            &["f({})"],
        ),
        (
            Hermes,
            "<tool_call>{\"name\":\"f\"}</tool_call>\n<tool_call>\n{\"name\":\"zoek_dossier\",\"arguments\":{\"q\":\"}</tool_call>\"}}\n</tool_call> Klaar.",
            "Klaar.",
            &["f({})", "zoek_dossier({\"q\":\"}</tool_call>\"})"],
        ),
        (
            Hermes,
            "<tool_call>{\"name\":\"f\",\"arguments\":{\"q\":\"een \\\" en {\"}}",
            "",
            &["f({\"q\":\"een \\\" en {\"})"],
        ),
        (
            Plain,
            "<tool_call>[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"f\",\"arguments\":{\"b\":2}}]</tool_call>",
            "",
            &["f({})", "f({\"b\":2})"],
        ),
        (Plain, " {\"name\": \"f\", \"arguments\": {\"a\": 1}}", "", &["f({\"a\": 1})"]),
        (
            Other,
            "{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1}\"}}",
            "",
            &["f({\"a\": 1})"],
        ),
        (Llama3, "{\"name\": \"f\", \"parameters\": {\"a\": null}}", "", &["f({\"a\": null})"]),
        (Llama3, "{\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}", "", &["f({})"]),
        (
            Llama3,
            "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"f\", \"parameters\": {\"b\": 1}}",
            "",
            &["f({})", "f({\"b\": 1})"],
        ),
        (
            Mistral,
            "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"f\", \"arguments\": {}}]",
            "",
            &["f({\"a\": 1})", "f({})"],
        ),
        (
            Mistral,
            "Zo.[TOOL_CALLS]f[ARGS]{\"a\": 1}[TOOL_CALLS]zoek_dossier[CALL_ID]abc[ARGS]{}",
            "Zo.",
            &["f({\"a\": 1})", "zoek_dossier({})"],
        ),
        (Mistral, "[TOOL_CALLS] f{\"a\": 1}", "", &["f({\"a\": 1})"]),
        (
            Hermes,
            "<tool_call>{\"name\":\"f\",\"arguments\":{\"bsn\":⟦BSN_1⟧}}</tool_call>",
            "",
            &["f({\"bsn\":\"\u{FDD0}⟦BSN_1⟧\"})"],
        ),
    ] {
        check(format, answer, text, calls);
    }
}

#[test]
fn what_is_no_call_is_text_to_the_letter() {
    use ToolFormat::{Hermes, Llama3, Mistral, Plain};
    for (format, answer) in [
        (Hermes, "Gewone tekst.\n"),
        (Hermes, "<tool_call>"),
        (Hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{"),
        (Hermes, "<tool_call>{\"name\":\"unknown\",\"arguments\":{}}</tool_call>"),
        (Hermes, "<tool_call>{\"name\":\"f\",\"arguments\":[1]}</tool_call>"),
        (Hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":01}}</tool_call>"),
        (Hermes, "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}</tool_call> en verder"),
        (Hermes, "<tool_call>f(1)</tool_call>"),
        (Hermes, "{\"name\": \"f\", \"arguments\": {}}"),
        (Hermes, "een <tool_ en <tool_cal"),
        (Llama3, "{\"naam\": \"f\"}"),
        (Llama3, "{\"name\": \"Jan\"} is een mens"),
        (Llama3, "Zo: {\"name\": \"f\", \"parameters\": {}}"),
        (Mistral, "[TOOL_CALLS]f[ARGS]"),
        (Mistral, "[TOOL_CALLS]onbekend[ARGS]{}"),
        (Plain, "{ \"na"),
        (Plain, "[1, 2]"),
    ] {
        check(format, answer, answer, &[]);
    }
    // A broken call hides none after it.
    let good = "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>";
    check(Hermes, &format!("<tool_call>{{\"name\": {good}"), "<tool_call>{\"name\": ", &["f({})"]);
    check(Hermes, &format!("<tool_call>{good}"), "<tool_call>", &["f({})"]);
}

#[test]
fn a_call_is_held_back_and_text_is_not() {
    let mut parser = parser(ToolFormat::Hermes);
    assert_eq!(parser.push("Ja. <to"), [Part::Text("Ja.".to_owned())]);
    assert_eq!(parser.push("en"), [Part::Text(" <toen".to_owned())]);
    assert_eq!(parser.push("<tool_call>{\"name\": \"f\", "), []);
    assert_eq!(parser.push("\"arguments\": {}").len(), 0);
    assert_eq!(parser.push("}").len(), 1);
    assert_eq!(parser.push("</tool_call>\n"), []);
    assert_eq!(parser.push("Klaar."), [Part::Text("Klaar.".to_owned())]);
    assert_eq!(parser.finish(), []);
}

#[test]
fn what_is_too_long_or_too_deep_is_text() {
    let long =
        format!("<tool_call>{{\"name\":\"f\",\"arguments\":{{\"a\":\"{}\"}}}}", "x".repeat(CALL_BYTES_MAX));
    assert_eq!(read(ToolFormat::Hermes, [long.as_str()]), (long.clone(), vec![]));
    let deep = format!("<tool_call>{}", "[".repeat(100));
    assert_eq!(read(ToolFormat::Hermes, [deep.as_str()]), (deep.clone(), vec![]));
}

fn crumb() -> impl Strategy<Value = String> {
    let fixed = [
        "<tool_call>",
        "</tool_call>",
        "<tool",
        "_call>",
        "<|python_tag|>",
        "[TOOL_CALLS]",
        "[ARGS]",
        "[CALL_ID]",
        "f",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\"name\"",
        "\"arguments\"",
        "\"parameters\"",
        ":",
        ",",
        ";",
        " ",
        "\n",
        "{\"name\":\"f\",\"arguments\":{}}",
        "{\"name\": \"f\", \"parameters\": {\"a\": \"é\"}}",
        "⟦BSN_1⟧",
        "⟦",
        "1",
        "é",
        "tekst",
    ];
    prop_oneof![4 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned), 1 => ".{0,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cuts_change_nothing(crumbs in proptest::collection::vec(crumb(), 0..14), format in proptest::sample::select(FORMATS.to_vec())) {
        let whole = crumbs.concat();
        let at_once = read(format, [whole.as_str()]);
        prop_assert_eq!(&read(format, crumbs.iter().map(String::as_str)), &at_once);
        let letters = whole.char_indices().map(|(at, c)| &whole[at..at + c.len_utf8()]);
        prop_assert_eq!(&read(format, letters), &at_once);
        for call in &at_once.1 {
            let (_, arguments) = call.split_once('(').unwrap();
            let arguments = &arguments[..arguments.len() - 1];
            prop_assert!(serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments).is_ok());
        }
        if at_once.1.is_empty() {
            prop_assert_eq!(at_once.0, whole);
        }
    }
}
