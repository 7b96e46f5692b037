//! What is fuzzed: the parser of reports that evaluators hand over, with what must hold of the result. Included by the fuzz
//! target and by the ordinary tests.

use policy::{EvaluationReport, SignedReport};

/// A report, signed or not: what parses writes the same again, and is genuine or not without a panic.
pub fn evaluation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(signed) = SignedReport::parse("evaluations/x.json", text) {
        let again = SignedReport::parse("evaluations/x.json", &signed.to_text().unwrap()).unwrap();
        assert_eq!(again, signed);
        assert_eq!(again.is_genuine(), signed.is_genuine());
        assert_eq!(signed.path().matches('/').count(), 1);
        assert!(signed.term().date < signed.term().expires);
    }
    if let Ok(report) = EvaluationReport::parse(text) {
        let bytes = report.to_canonical().unwrap();
        assert_eq!(EvaluationReport::parse(std::str::from_utf8(&bytes).unwrap()).unwrap(), report);
        let _ = report.passes();
    }
}
