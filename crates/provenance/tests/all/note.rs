use std::{fs, path::Path, process::Command};

use provenance::{
    VerifierKey,
    checkpoint::{Checkpoint, InclusionProof},
    note::NoteSigner,
};

use crate::samples::{ORIGIN, fill, folder, open};

fn signer() -> NoteSigner {
    NoteSigner::from_seed(ORIGIN, &[42; 32]).unwrap()
}

/// A key pair of Go's `sumdb/note`, in its text forms.
#[test]
fn keys_read_and_write_as_in_go() {
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let signer = NoteSigner::parse(secret).unwrap();
    assert_eq!(signer.verifier().to_string(), public);
    assert_eq!(signer.to_secret_text().as_str(), secret);
    assert_eq!(VerifierKey::parse(public).unwrap(), signer.verifier());
    for broken in
        ["", "a+b", &public.replace("c74f", "c74e"), &public.replace("Peter", "Pete"), &public[..40]]
    {
        assert!(VerifierKey::parse(broken).is_err(), "{broken}");
    }
}

/// Recorded once, and found good by the independent check below.
#[test]
fn golden_checkpoint() {
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 20_852_163, root: [7; 32] };
    let note = checkpoint.sign(&signer());
    assert_eq!(Checkpoint::open("checkpoint", &note, &signer().verifier()).unwrap(), checkpoint);
    insta::assert_snapshot!(format!("{}\n{note}", signer().verifier()));
}

#[test]
fn notes_are_judged_strictly() {
    let key = signer().verifier();
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: [7; 32] };
    let note = checkpoint.sign(&signer());
    let open = |note: &str| Checkpoint::open("checkpoint", note, &key);
    let cosigned = NoteSigner::from_seed("witness.example", &[1; 32]).unwrap().sign(&checkpoint.to_text());
    let witness = cosigned.split_once("\n\n").unwrap().1;
    assert_eq!(open(&format!("{note}{witness}")).unwrap(), checkpoint);
    let own = note.split_once("\n\n").unwrap().1;
    assert!(open(&cosigned).is_err());
    assert!(open(&format!("{note}{own}")).is_err());
    assert!(open(note.trim_end()).is_err());
    assert!(open(&note.replace("\n3\n", "\n03\n")).is_err());
    assert!(open(&note.replace("\n3\n", "\n4\n")).is_err());
    assert!(open(&note.replace('—', "-")).is_err());
    let other = Checkpoint { origin: "elsewhere".to_owned(), ..checkpoint }.sign(&signer());
    assert!(open(&other).is_err());
}

#[test]
fn proofs_read_back() {
    let proof = InclusionProof {
        index: 5,
        path: vec![[1; 32], [2; 32]],
        checkpoint: Checkpoint { origin: ORIGIN.to_owned(), size: 8, root: [7; 32] }.sign(&signer()),
    };
    let text = proof.to_text();
    assert_eq!(InclusionProof::parse(&text).unwrap(), proof);
    let extra = text.replace("index 5", "extra AAAA\nindex 5");
    assert_eq!(InclusionProof::parse(&extra).unwrap(), proof);
    assert!(InclusionProof::parse(&text.replace("index 5", "index 05")).is_err());
    assert!(InclusionProof::parse(&text.replace("@v1", "@v2")).is_err());
}

/// What a Python program that shares no code with this crate says of a public folder; `None` where there is none.
pub fn independent_check(key: &VerifierKey, public: &Path) -> Option<(bool, String)> {
    independent_check_with(key, public, &[])
}

/// The same, with more arguments.
pub fn independent_check_with(key: &VerifierKey, public: &Path, more: &[&str]) -> Option<(bool, String)> {
    let probe = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !probe.is_ok_and(|p| p.status.success()) {
        eprintln!("skipped: python3 with the cryptography package is not here");
        return None;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/check_log.py");
    let output =
        Command::new("python3").arg(script).arg(key.to_string()).arg(public).args(more).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn an_independent_program_agrees() {
    let dir = folder();
    let (log, _) = open(dir.path());
    fill(&log, 300);
    log.shutdown();
    let public = dir.path().join("public");
    let Some(said) = independent_check(log.verifier_key(), &public) else { return };
    assert_eq!(said, (true, String::new()));
    for file in ["checkpoint", "tile/entries/000", "tile/entries/001.p/44", "tile/0/000"] {
        let before = fs::read(public.join(file)).unwrap();
        let mut after = before.clone();
        after[50] ^= 1;
        fs::write(public.join(file), after).unwrap();
        assert!(!independent_check(log.verifier_key(), &public).unwrap().0, "{file}");
        fs::write(public.join(file), before).unwrap();
    }
}
