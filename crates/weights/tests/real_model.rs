//! The real default model, where it is at hand.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod files;

use std::path::PathBuf;

const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

fn model_path() -> Option<PathBuf> {
    let named = std::env::var_os("PROEFTUIN_TEST_MODEL").map(PathBuf::from);
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let path = named.unwrap_or_else(|| target.join("test-models/SmolLM2-135M-Instruct.Q4_1.gguf"));
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no model at {} (set PROEFTUIN_TEST_MODEL)", path.display());
    None
}

#[test]
fn loads_verified() {
    let Some(path) = model_path() else { return };
    let mut sha256 = [0; 32];
    hex::decode_to_slice(SHA256, &mut sha256).unwrap();
    let pinned = weights::PinnedFile { path: path.clone(), sha256, size_bytes: 98_362_432 };
    let inspection = weights::inspect(&path).unwrap();
    let mut bytes_seen = 0;
    let verified = weights::load(&pinned, &mut |_, _| {}, &mut |_, tensor, piece| {
        let whole = inspection.unverified_bytes(tensor).unwrap();
        let (start, end) = (piece.start as usize, piece.end() as usize);
        assert!(whole.get(start..end) == Some(piece.bytes), "{} from byte {start}", tensor.name);
        bytes_seen += piece.bytes.len();
        Ok(())
    })
    .unwrap();
    assert_eq!(verified.tensors(), inspection.tensors);
    assert_eq!(verified.tensors().len(), 272);
    let metadata = verified.metadata();
    assert_eq!(metadata.architecture(), Some("llama"));
    assert_eq!(metadata.u32("llama.block_count"), Some(30));
    assert_eq!(metadata.strings("tokenizer.ggml.tokens").unwrap().len(), 49_152);
    assert_eq!(metadata.i32s("tokenizer.ggml.token_type").unwrap().len(), 49_152);
    let embedding = verified.tensors().iter().find(|tensor| tensor.name == "token_embd.weight").unwrap();
    assert_eq!(embedding.shape, [49_152, 576]);
    assert!(bytes_seen > 96_000_000);
}
