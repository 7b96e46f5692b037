//! What is fuzzed: every parser of bytes that may come from outside, with what must hold of the result.
//! Included by the fuzz targets and by the ordinary tests.

use provenance::{
    Entry, VerifierKey,
    checkpoint::{Checkpoint, InclusionProof},
    journal::{self, Next, Reader},
    note::NoteSigner,
    tile::{Kind, Tile, parse_hashes, push_entry, split_entries},
};

/// The journal's records: whatever is read frames to the same bytes, at the same place.
pub fn journal(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut at = 0;
    loop {
        match reader.next_record() {
            Ok(Next::Record(record)) => {
                let mut body = Vec::new();
                for entry in &record.entries {
                    push_entry(&mut body, entry).unwrap();
                }
                let count = u32::try_from(record.entries.len()).unwrap();
                let framed = journal::frame(record.first_index, count, &body).unwrap();
                assert_eq!(data[at..at + framed.len()], framed);
                at += framed.len();
            }
            Ok(Next::Torn { bytes }) => {
                assert_eq!(at as u64 + bytes, data.len() as u64);
                return;
            }
            Ok(Next::End) => return assert_eq!(at, data.len()),
            Err(_) => return,
        }
    }
}

/// Notes, checkpoints, proofs, keys: what parses writes the same text again.
pub fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let signer = NoteSigner::from_seed("proeftuin.example/log", &[42; 32]).unwrap();
    let _ = signer.verifier().open("note", text);
    let _ = NoteSigner::parse(text);
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text.trim());
    }
    if let Ok(checkpoint) = Checkpoint::parse_text("checkpoint", text) {
        assert!(text.starts_with(&checkpoint.to_text()));
    }
    if let Ok(proof) = InclusionProof::parse(text) {
        assert_eq!(InclusionProof::parse(&proof.to_text()).unwrap(), proof);
        let _ = proof.verify(b"entry", &signer.verifier());
    }
}

/// A path on the first line, a tile or bundle after it.
pub fn tile(data: &[u8]) {
    let split = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let (path, bytes) = data.split_at(split);
    let bytes = bytes.get(1..).unwrap_or_default();
    if let Some(tile) = std::str::from_utf8(path).ok().and_then(Tile::parse_path) {
        assert_eq!(tile.path().as_bytes(), path);
        let _ = tile.span();
        if tile.kind != Kind::Entries
            && let Ok(hashes) = parse_hashes(&tile, bytes)
        {
            assert_eq!(hashes.concat(), bytes);
        }
    }
    if let Some(entries) = split_entries(bytes) {
        let mut bundle = Vec::new();
        for entry in entries {
            push_entry(&mut bundle, entry).unwrap();
        }
        assert_eq!(bundle, bytes);
    }
}

/// Entries: what parses encodes to the same bytes.
pub fn leaf(data: &[u8]) {
    if let Ok(entry) = Entry::parse(data) {
        assert_eq!(entry.encode().unwrap(), data);
    }
}
