//! What is fuzzed: what a client claims to have kept. Included by the fuzz target and by an ordinary test.

use server::kept;

/// An answer, a receipt, a stream or a body: read or refused, and canonical JSON is canonical.
pub fn kept(data: &[u8]) {
    if let Ok(kept) = kept::answer(data) {
        assert!(kept.choices.len() <= 128);
        let _ = kept.receipt.key();
    }
    if let Ok(canonical) = kept::canonical_body(data) {
        assert_eq!(kept::canonical_body(&canonical).unwrap(), canonical);
    }
    for action in ["chat", "complete", "messages", "respond", "embed"] {
        if let Ok(request) = kept::request(action, data) {
            assert_eq!(request.client_input, kept::canonical_body(data).unwrap());
        }
    }
}
