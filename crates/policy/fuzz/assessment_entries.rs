//! What is fuzzed of assessments: form definitions, filled-in forms, lists of measures. Included by the fuzz targets and by
//! the ordinary tests.

use policy::{Form, Forms, Mitigations, Output, Standing};

/// A form that asks one of everything.
const FORM: &str = include_str!("seeds/form/every-kind");
/// An output of that form.
const OUTPUT: &str = include_str!("seeds/output/filled");

/// A definition: what parses judges an output without a panic, and asks for something or has nothing to ask.
pub fn form(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(form) = Form::parse("form.yaml", text) else { return };
    let output = OUTPUT.replace("urn:nl:dpia:1.0", form.urn());
    let forms = Forms::read([("forms/form.yaml", text)]).unwrap();
    if let Ok(output) = Output::parse("output.json", &output) {
        let report = forms.judge(&output);
        assert!(report.missing.len() <= report.asked);
        assert_eq!(report.standing == Standing::Complete, report.missing.is_empty());
    }
}

/// An output, against a form of its kind: no message and no report holds what was answered.
pub fn output(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let forms = Forms::read([("forms/form.yaml", FORM)]).unwrap();
    match Output::parse("output.json", text) {
        Ok(output) => {
            let said = format!("{output:?} {:?}", forms.judge(&output));
            assert!(!said.contains("CANARY"), "{said}");
        }
        Err(error) => assert!(!error.to_string().contains("CANARY"), "{error}"),
    }
}

/// A list of measures: what parses comes to something without a panic.
pub fn mitigations(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(mitigations) = Mitigations::parse("use-cases/letters.mitigations.toml", text) {
        let measures = mitigations.measures([]);
        assert!(measures.open.iter().all(|label| label.contains(' ')));
    }
}
