//! Models of several files.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;

use std::path::Path;

use files::{Gguf, safetensors, write};
use weights::{Error, PinnedFile, Verified, load_model};

fn shard(folder: &Path, name: &str, tensor: &str, value: u8) -> PinnedFile {
    let header = format!(r#"{{"{tensor}":{{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}}}"#);
    write(folder, name, &safetensors(&header, &[value; 8])).1
}

fn run(files: &[PinnedFile]) -> Result<(Verified, Vec<(String, u8)>), Error> {
    let mut seen = Vec::new();
    let mut last = (0, 0);
    let verified = load_model(files, &mut |done, total| last = (done, total), &mut |_, tensor, piece| {
        seen.push((tensor.name.clone(), piece.bytes[0]));
        Ok(())
    })?;
    assert_eq!(last.0, last.1);
    Ok((verified, seen))
}

#[test]
fn safetensors_shards_with_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let one = shard(folder.path(), "model-00001-of-00002.safetensors", "a", 1);
    let two = shard(folder.path(), "model-00002-of-00002.safetensors", "b", 2);
    let config = write(folder.path(), "config.json", b"{}").1;
    let index = |text: &str| write(folder.path(), "model.safetensors.index.json", text.as_bytes()).1;
    let right = index(
        r#"{"metadata":{"total_size":16},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
    );
    let all = [config.clone(), right, one.clone(), two.clone()];
    let (verified, seen) = run(&all).unwrap();
    assert_eq!(seen, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert_eq!(verified.side_file("config.json"), Some(&b"{}"[..]));
    assert_eq!(verified.files().len(), 4);

    // The identity depends on every file, not on their order.
    let mut turned = all.to_vec();
    turned.reverse();
    assert_eq!(run(&turned).unwrap().0.sha256(), verified.sha256());

    // Without an index, two files are no model.
    assert!(matches!(run(&[one.clone(), two.clone()]), Err(Error::Assembly(_))));
    for (text, expected) in [
        (r#"{"weight_map":{"a":"model-00001-of-00002.safetensors"}}"#, "does not place this tensor"),
        (
            r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}}"#,
            "does not place this tensor",
        ),
        (
            r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}"#,
            "tensor c of the shard index is in no file",
        ),
        ("nonsense", "model.safetensors.index.json"),
    ] {
        let error = run(&[index(text), one.clone(), two.clone()]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_changed_side_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = shard(folder.path(), "model.safetensors", "a", 1);
    let (path, config) = write(folder.path(), "config.json", b"{}");
    std::fs::write(path, b"[]").unwrap();
    assert!(matches!(run(&[one.clone(), config]), Err(Error::HashMismatch { .. })));
    assert!(run(std::slice::from_ref(&one)).is_ok());
    assert!(matches!(run(&[]), Err(Error::Assembly(_))));
}

#[test]
fn gguf_splits_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let part = |number: u16, count: u16, tensor: &str| {
        Gguf::new()
            .pair("split.no", 2, &number.to_le_bytes())
            .pair("split.count", 2, &count.to_le_bytes())
            .tensor(tensor, &[1], 0, &[number as u8; 4])
            .bytes()
    };
    let first = write(folder.path(), "m-00001-of-00002.gguf", &part(0, 2, "a")).1;
    let second = write(folder.path(), "m-00002-of-00002.gguf", &part(1, 2, "b")).1;
    let again = write(folder.path(), "m-copy.gguf", &part(1, 2, "a")).1;
    let (_, seen) = run(&[first.clone(), second.clone()]).unwrap();
    assert_eq!(seen, [("a".to_owned(), 0), ("b".to_owned(), 1)]);
    for wrong in [vec![first.clone()], vec![second.clone(), first.clone()], vec![first.clone(); 2]] {
        assert!(run(&wrong).is_err());
    }
    let error = run(&[first, again]).unwrap_err().to_string();
    assert!(error.contains("another shard has a tensor of this name"), "{error}");
}
