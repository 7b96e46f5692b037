//! The verified load: what it hands out, and what it refuses.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod files;

use files::{Gguf, load_all, pin, rich, safetensors, write};
use weights::{DType, Error, PinnedFile, load};

#[test]
fn reads_every_value_type() {
    let folder = tempfile::tempdir().unwrap();
    let (_, pinned) = write(folder.path(), "rich.gguf", &rich().bytes());
    let (verified, _) = load_all(&pinned).unwrap();
    let metadata = verified.metadata();
    assert_eq!(metadata.architecture(), Some("llama"));
    assert_eq!(metadata.u64("u8"), Some(200));
    assert_eq!(metadata.u64("u16"), Some(60_000));
    assert_eq!(metadata.u32("u32"), Some(7));
    assert_eq!(metadata.u64("u64"), Some(u64::MAX));
    assert_eq!(metadata.u32("u64"), None);
    assert_eq!(metadata.get("i8"), Some(&weights::Value::Signed(-1)));
    assert_eq!(metadata.get("i16"), Some(&weights::Value::Signed(-2)));
    assert_eq!(metadata.get("i32"), Some(&weights::Value::Signed(-9)));
    assert_eq!(metadata.get("i64"), Some(&weights::Value::Signed(i64::MIN)));
    assert_eq!(metadata.u64("i64"), None);
    assert_eq!(metadata.f32("f32"), Some(1.5));
    assert_eq!(metadata.f32("f64"), Some(2.5));
    assert_eq!(metadata.bool("bool"), Some(true));
    assert_eq!(metadata.strings("words").unwrap(), ["een", "twee", "🌷"]);
    assert_eq!(metadata.f32s("floats").unwrap(), [0.5, -1.0]);
    assert_eq!(metadata.i32s("signed").unwrap(), [-3, 7]);
    assert_eq!(metadata.u32s("bytes").unwrap(), [1, 2, 255]);
    assert_eq!(metadata.string("u8"), None);
    assert_eq!(metadata.keys().count(), 17);
}

#[test]
fn hands_out_each_tensor_once_with_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (_, pinned) = write(folder.path(), "rich.gguf", &rich().bytes());
    let mut steps = Vec::new();
    let mut seen = Vec::new();
    let verified =
        load(&pinned, &mut |done, total| steps.push((done, total)), &mut |metadata, tensor, piece| {
            assert_eq!(metadata.architecture(), Some("llama"));
            assert_eq!((piece.start, piece.end()), (0, tensor.bytes));
            seen.push((tensor.clone(), piece.bytes.to_vec()));
            Ok(())
        })
        .unwrap();
    let whole = std::fs::read(&pinned.path).unwrap();
    for (tensor, bytes) in &seen {
        let start = usize::try_from(tensor.offset).unwrap();
        assert_eq!(bytes.as_slice(), &whole[start..start + bytes.len()]);
        assert_eq!(bytes.len() as u64, tensor.bytes);
    }
    let shapes: Vec<_> = seen.iter().map(|(t, _)| (t.name.as_str(), t.shape.clone(), t.dtype)).collect();
    assert_eq!(
        shapes,
        [
            ("norm", vec![5], DType::F32),
            ("matrix", vec![2, 64], DType::Q4_1),
            ("half", vec![2, 3], DType::F16)
        ]
    );
    assert_eq!(verified.sha256(), pinned.sha256);
    assert_eq!(verified.tensors().len(), 3);
    assert_eq!(steps.last(), Some(&(pinned.size_bytes, pinned.size_bytes)));
    assert!(steps.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[test]
fn large_tensors_and_trailing_bytes_are_hashed_too() {
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> =
        (0..3 * (1 << 20) + 4u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut bytes = Gguf::new()
        .tensor("a", &[large.len() as u64 / 4], 0, &large)
        .tensor("b", &[1], 0, &[1, 2, 3, 4])
        .tensor("c", &[large.len() as u64 / 4], 0, &large)
        .bytes();
    bytes.extend([9; 5000]);
    let (path, pinned) = write(folder.path(), "large.gguf", &bytes);
    let (_, seen) = load_all(&pinned).unwrap();
    assert!(seen[0].1 == large && seen[2].1 == large && seen[1].1 == [1, 2, 3, 4]);

    // One bit in each region: header, padding, tensors, tail.
    for at in [0, 5, 24, 100, 131, 5000, bytes.len() / 2, bytes.len() - 5001, bytes.len() - 1] {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        std::fs::write(&path, &wrong).unwrap();
        let error = load_all(&pinned).unwrap_err();
        let found = hex::encode(pin(&path).sha256);
        assert!(matches!(error, Error::HashMismatch { .. }), "byte {at}: {error}");
        let text = error.to_string();
        assert!(text.contains(&hex::encode(pinned.sha256)) && text.contains(&found), "{text}");
    }
}

#[test]
fn a_large_matrix_comes_in_groups_of_rows_and_no_larger_than_need_be() {
    let folder = tempfile::tempdir().unwrap();
    // The rows of the second are so long that one group is more than a piece would be.
    let (rows, wide) = (vec![7; 1003 * 4 * 1000], vec![9; 35 * 4 * 30_000]);
    let bytes =
        Gguf::new().tensor("tall", &[1000, 1003], 0, &rows).tensor("wide", &[30_000, 35], 0, &wide).bytes();
    let (_, pinned) = write(folder.path(), "large.gguf", &bytes);
    let mut ends = Vec::new();
    load(&pinned, &mut |_, _| {}, &mut |_, tensor, piece| {
        let last = piece.end() == tensor.bytes;
        match tensor.name.as_str() {
            "tall" => {
                assert!(last || piece.bytes.len().is_multiple_of(16 * 4000));
                assert!((64_000..=256 << 10).contains(&piece.bytes.len()) || last);
            }
            _ => assert_eq!(piece.bytes.len(), if last { 3 } else { 16 } * 120_000),
        }
        ends.extend(last.then(|| tensor.name.clone()));
        Ok(())
    })
    .unwrap();
    assert_eq!(ends, ["tall", "wide"]);
    let (_, seen) = load_all(&pinned).unwrap();
    assert!(seen.iter().any(|(_, bytes)| *bytes == rows) && seen.iter().any(|(_, bytes)| *bytes == wide));
}

#[test]
fn every_flipped_byte_is_refused_by_hash() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = rich().bytes();
    let (path, pinned) = write(folder.path(), "rich.gguf", &bytes);
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x80;
        std::fs::write(&path, &wrong).unwrap();
        let error = load_all(&pinned).unwrap_err();
        assert!(matches!(error, Error::HashMismatch { .. }), "byte {at}: {error}");
    }
}

#[test]
fn another_size_is_refused_with_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = rich().bytes();
    let (path, pinned) = write(folder.path(), "rich.gguf", &bytes);
    let mut longer = bytes.clone();
    longer.push(0);
    for wrong in [&bytes[..bytes.len() - 1], &bytes[..40], &bytes[..0], &longer] {
        std::fs::write(&path, wrong).unwrap();
        let error = load_all(&pinned).unwrap_err();
        assert!(matches!(error, Error::SizeMismatch { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&hex::encode(pinned.sha256)), "{text}");
        assert!(text.contains(&hex::encode(pin(&path).sha256)), "{text}");
        assert!(text.contains(&format!("{} bytes, pinned are {}", wrong.len(), bytes.len())), "{text}");
    }
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pinned) = write(folder.path(), "rich.gguf", &rich().bytes());
    let link = folder.path().join("link.gguf");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let pipe = folder.path().join("pipe.gguf");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    for (path, kind) in [
        (link, "a symbolic link"),
        (pipe, "a pipe"),
        (folder.path().to_owned(), "a folder"),
        ("/dev/zero".into(), "a pipe, socket or device"),
    ] {
        let file = PinnedFile { path: path.clone(), ..pinned.clone() };
        let error = load_all(&file).unwrap_err();
        assert!(matches!(error, Error::NotRegular { .. }) && error.to_string().contains(kind), "{error}");
        assert!(weights::inspect(&path).is_err());
        assert!(weights::measure(&path, &mut |_, _| {}).is_err());
        assert!(weights::read_pinned(&file).is_err());
    }
}

#[test]
fn a_sink_that_refuses_is_named_unless_the_file_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = rich().bytes();
    let (path, pinned) = write(folder.path(), "rich.gguf", &bytes);
    let refuse = |file: &PinnedFile| {
        load(file, &mut |_, _| {}, &mut |_, tensor, _| match tensor.name.as_str() {
            "matrix" => Err("no such layer".into()),
            _ => Ok(()),
        })
        .unwrap_err()
    };
    let error = refuse(&pinned);
    assert!(matches!(&error, Error::Sink { tensor, .. } if tensor == "matrix"), "{error}");
    assert!(error.to_string().ends_with("tensor matrix: no such layer"), "{error}");
    // The same refusal over a file whose last byte was changed: the changed file is the reason.
    let mut wrong = bytes.clone();
    *wrong.last_mut().unwrap() ^= 1;
    std::fs::write(&path, wrong).unwrap();
    assert!(matches!(refuse(&pinned), Error::HashMismatch { .. }));
}

#[test]
fn a_pinned_file_that_cannot_be_parsed_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (_, pinned) =
        write(folder.path(), "text.gguf", b"this is a text and no model at all, whatever its name");
    let error = load_all(&pinned).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    assert!(error.to_string().contains("neither GGUF nor safetensors"), "{error}");
}

#[test]
fn a_file_swapped_by_name_during_the_load_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pinned) = write(folder.path(), "rich.gguf", &rich().bytes());
    let verified = load(&pinned, &mut |_, _| {}, &mut |_, _, _| {
        let other = folder.path().join("other");
        std::fs::write(&other, b"something else").unwrap();
        std::fs::rename(&other, &path).unwrap();
        Ok(())
    });
    // The open file went on to be read: it was the pinned one.
    assert_eq!(verified.unwrap().sha256(), pinned.sha256);
    assert!(matches!(load_all(&pinned), Err(Error::SizeMismatch { .. })));
}

#[test]
fn a_file_changed_in_place_during_the_load_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let large = vec![3u8; 4 << 20];
    let bytes =
        Gguf::new().tensor("a", &[64, 1 << 14], 0, &large).tensor("b", &[64, 1 << 14], 0, &large).bytes();
    let (path, pinned) = write(folder.path(), "large.gguf", &bytes);
    let mut calls = 0;
    let outcome = load(&pinned, &mut |_, _| {}, &mut |_, _, _| {
        calls += 1;
        if calls == 1 {
            use std::io::{Seek, SeekFrom, Write};
            let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.seek(SeekFrom::End(-10)).unwrap();
            file.write_all(b"changed").unwrap();
        }
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::HashMismatch { .. })));
    // And one that is cut off under the reader.
    std::fs::write(&path, &bytes).unwrap();
    let outcome = load(&pinned, &mut |_, _| {}, &mut |_, _, _| {
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(5 << 20).unwrap();
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
}

#[test]
fn verify_and_measure_agree_with_load() {
    let folder = tempfile::tempdir().unwrap();
    let (path, pinned) = write(folder.path(), "rich.gguf", &rich().bytes());
    assert_eq!(weights::measure(&path, &mut |_, _| {}).unwrap(), pinned);
    assert_eq!(weights::verify(&pinned, &mut |_, _| {}).unwrap().sha256, pinned.sha256);
    assert_eq!(weights::read_pinned(&pinned).unwrap(), std::fs::read(&path).unwrap());
    let wrong = PinnedFile { sha256: [0; 32], ..pinned };
    assert!(matches!(weights::verify(&wrong, &mut |_, _| {}), Err(Error::HashMismatch { .. })));
    assert!(matches!(weights::read_pinned(&wrong), Err(Error::HashMismatch { .. })));
}

#[test]
fn positions_that_an_old_export_counts_out_are_no_weights_and_are_hashed_all_the_same() {
    let header = |name: &str, dtype: &str| {
        format!(
            r#"{{"{name}":{{"dtype":"{dtype}","shape":[1,2],"data_offsets":[0,16]}},"w":{{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}}}"#
        )
    };
    let data: Vec<u8> = (0..20).collect();
    for name in ["position_ids", "embeddings.position_ids", "bert.embeddings.position_ids"] {
        let folder = tempfile::tempdir().unwrap();
        let (_, file) = write(folder.path(), "old.safetensors", &safetensors(&header(name, "I64"), &data));
        let (verified, tensors) = load_all(&file).unwrap();
        assert_eq!(tensors, [("w".to_owned(), data[16..].to_vec())]);
        assert_eq!(verified.tensors().len(), 1);
        let mut bytes = std::fs::read(&file.path).unwrap();
        let at = bytes.len() - 20;
        bytes[at] ^= 1;
        std::fs::write(&file.path, bytes).unwrap();
        assert!(matches!(load_all(&file), Err(Error::HashMismatch { .. })));
    }
    for (name, dtype) in
        [("embeddings.positions", "I64"), ("position_ids", "U64"), ("position_ids.weight", "I64")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (_, file) = write(folder.path(), "old.safetensors", &safetensors(&header(name, dtype), &data));
        let error = load_all(&file).unwrap_err().to_string();
        assert!(error.contains("is not supported"), "{error}");
    }
}
