//! `receipt`: what a third party checks with a public key and what the client kept. No server, no state folder.

mod told;

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use provenance::{Commitment, Proven, Receipt, RequestKey, VerifierKey};
use server::kept::{self, Kept};

use crate::args::{ReceiptCommand, ReceiptOutput};
use crate::commands::log::{parse_witness, witnessed};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn run(command: &ReceiptCommand) -> anyhow::Result<ExitCode> {
    let ReceiptCommand::Verify { file, key, input, answer, witness, public, output } = command;
    let key = parse_key(key)?;
    let kept = open(file, &key)?;
    let proven = verified(&kept.receipt, &key)?;
    if let Some(witness) = witness {
        let witness = parse_witness(witness)?;
        let seen = provenance::receipt_witnessed(&kept.receipt, &key, &witness, public.as_deref())?;
        eprintln!("witnessed: {}", witnessed(&seen));
    }
    let checked = Checked::of(&kept, &proven, input.as_deref(), answer.as_deref())?;
    let text = match output {
        ReceiptOutput::Text => told::text(&kept.receipt, &key, &proven, &checked)?,
        ReceiptOutput::Json => told::json(&kept.receipt, &key, &proven, &checked)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    match checked.wrong() {
        None => Ok(ExitCode::SUCCESS),
        Some(what) => bail!("{what}"),
    }
}

/// Reads what was kept, and sees that it is of the log that this key is of.
pub(crate) fn open(file: &Path, key: &VerifierKey) -> anyhow::Result<Kept> {
    let name = || file.display().to_string();
    let kept = kept::answer(&read(file)?).with_context(name)?;
    let named = kept.receipt.log.trim();
    if named != key.to_string() {
        bail!(
            "{}: the receipt is of another log than the key: --key is {key}; ask the organisation which of its logs this is",
            name()
        );
    }
    Ok(kept)
}

pub(crate) fn verified(receipt: &Receipt, key: &VerifierKey) -> anyhow::Result<Proven> {
    receipt.verify(key).context("the receipt does not verify")
}

/// A verifier key as typed, or the file that holds it.
pub(crate) fn parse_key(given: &str) -> anyhow::Result<VerifierKey> {
    Ok(VerifierKey::parse(&key_text("--key", given, |text| VerifierKey::parse(text).is_ok())?)?)
}

/// The text of a key that was typed, or named by its file.
pub(crate) fn key_text(option: &str, given: &str, is_key: impl Fn(&str) -> bool) -> anyhow::Result<String> {
    if is_key(given) {
        return Ok(given.to_owned());
    }
    let path = Path::new(given);
    if !path.is_file() {
        bail!("{option} is neither a key of its kind (name+hash+base64) nor a file with one");
    }
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{given} is no text"))?;
    if !is_key(text) {
        bail!("{given} holds no key of the kind that {option} takes (name+hash+base64)");
    }
    Ok(text.to_owned())
}

/// A whole file, or standard input, up to a limit. Wiped when dropped, since it may hold a prompt.
pub(crate) fn read(path: &Path) -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let most = FILE_BYTES_MAX.saturating_add(1);
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
        file.take(most).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{} has more than {FILE_BYTES_MAX} bytes", path.display());
    }
    Ok(bytes)
}

/// Whether something is what the record commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    /// It is, byte for byte.
    Equal,
    /// It is not.
    Differs,
    /// It was not given.
    NotGiven,
}

impl Opens {
    fn of(wanted: Option<Commitment>, key: &RequestKey, bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => Self::NotGiven,
            Some(bytes) if wanted == Some(key.commit(bytes)) => Self::Equal,
            Some(_) => Self::Differs,
        }
    }
}

/// What of a request was compared with its record.
pub(crate) struct Checked {
    input: Opens,
    choices: Vec<Opens>,
    /// The choice whose text `--answer` is; `Err` when it is none's.
    answer: Option<Result<usize, ()>>,
    /// The response has another number of choices than the record.
    count_differs: bool,
}

impl Checked {
    fn of(kept: &Kept, proven: &Proven, input: Option<&Path>, answer: Option<&Path>) -> anyhow::Result<Self> {
        let key = kept.receipt.key()?;
        let (request, choices) = match proven {
            Proven::Served { intent, outcome } => (&intent.request, outcome.facts.choices.as_slice()),
            Proven::Denied(denied) => (&denied.request, &[][..]),
        };
        let body = match input {
            None => None,
            Some(path) => {
                Some(kept::canonical_body(&read(path)?).with_context(|| path.display().to_string())?)
            }
        };
        let wanted = request.input.as_ref().map(|input| input.client_commit);
        let answer = match answer {
            None => None,
            Some(path) => {
                let text = read(path)?;
                Some(choices.iter().position(|choice| choice.client_commit == key.commit(&text)).ok_or(()))
            }
        };
        // Of several answers to a prompt only the best may have been told; those come first in the record.
        let each = request.sampling.as_ref().map_or(usize::MAX, |sampling| sampling.n as usize);
        let prompts = request.input.as_ref().map_or(1, |input| input.prompts as usize);
        let told = choices.len().min(each.saturating_mul(prompts));
        let shown = |at: usize| kept.choices.get(at).map(|bytes| bytes.as_slice());
        let choices: Vec<Opens> = choices
            .iter()
            .enumerate()
            .map(|(at, choice)| Opens::of(Some(choice.client_commit), &key, shown(at)))
            .collect();
        Ok(Self {
            input: Opens::of(wanted, &key, body.as_ref().map(|body| body.as_slice())),
            count_differs: !kept.choices.is_empty() && kept.choices.len() != told,
            choices,
            answer,
        })
    }

    /// What was given and does not belong to the receipt.
    fn wrong(&self) -> Option<String> {
        let mut wrong = Vec::new();
        if self.input == Opens::Differs {
            wrong.push("the body of --input is not the one that was sent".to_owned());
        }
        for (at, choice) in self.choices.iter().enumerate() {
            if *choice == Opens::Differs {
                wrong.push(format!("the text of choice {at} is not the one that was sent"));
            }
        }
        if self.answer == Some(Err(())) {
            wrong.push("the text of --answer is of no choice".to_owned());
        }
        if self.count_differs {
            wrong.push("the response has another number of choices than the record".to_owned());
        }
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }
}
