//! Megabytes a second of redaction on one core, and what it adds to a prompt:
//! `cargo run --release -p redact --example throughput [-- FILE]`. Time is the processor time of this thread, so that
//! what else runs on the machine does not count; where the system does not tell it, wall time.

#![allow(clippy::print_stdout, reason = "a measuring tool reports on standard output")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use redact::{Profile, Redactor, Turn};

/// Dutch letters and records of the kind that an office writes: one line in three holds something.
const LINES: &[&str] = &[
    "Geachte heer De Vries, hierbij ontvangt u het antwoord op uw brief van vorige week over de vergunning.",
    "Het college heeft besloten om de aanvraag aan te houden totdat de ontbrekende stukken zijn ontvangen.",
    "Op grond van artikel 4:5 van de Algemene wet bestuursrecht krijgt u hiervoor twee weken de tijd.",
    "Uw burgerservicenummer is 111222333 en uw postcode is 1234 AB, huisnummer 12.",
    "De commissie adviseert de raad om in het najaar van 2024 een nieuwe visie vast te stellen.",
    "U kunt ons bereiken op 06-12345678 of via jan.de.vries@ziggo.nl op werkdagen van 9.00 tot 17.00 uur.",
    "Wij maken het bedrag van € 1.250,00 binnen vijf werkdagen over op NL91 ABNA 0417 1643 00.",
    "De wethouder licht toe dat de kosten voor het groenonderhoud dit jaar hoger uitvallen dan begroot.",
    "Bewoners kunnen tot en met vrijdag een zienswijze indienen bij het loket in het gemeentehuis.",
    "Het zaaknummer is Z-2024-118273; vermeld dit nummer altijd als u contact met ons opneemt.",
];

/// What is repeated to a mebibyte: the worst for one part or another.
const UNITS: &[&str] = &[
    "1",
    "1 ",
    "123456782 ",
    "0612345678",
    "a@",
    "a.",
    "NL91 ",
    "1234 AB ",
    "+31 6 ",
    "⟦",
    "⟦A_1⟧ ",
    "bsn ",
    "1-",
    "12-",
    "A1",
    "A1 ",
    "1.1.",
    "ab:",
    "1:",
    "een ",
    "nul een ",
    "%31",
    "&#49;",
    "QUJD",
    "4b",
    "Kerkstraat 1 ",
    "&#",
    "% ",
    "eyJ.",
];

fn spent(since: Instant) -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let told = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    told.map_or_else(|| since.elapsed(), Duration::from_nanos)
}

fn time(redactor: &Redactor, text: &str, rounds: u32) -> Result<(Duration, usize), redact::Error> {
    let start = Instant::now();
    let mut best = Duration::MAX;
    let mut findings = 0;
    for _ in 0..rounds {
        let before = spent(start);
        findings = redactor.redact(&[text])?.findings.len();
        best = best.min(spent(start).saturating_sub(before));
    }
    Ok((best, findings))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let one = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)?,
        None => LINES.join("\n"),
    };
    let text = format!("{one}\n").repeat((8 << 20) / one.len().max(1) + 1);
    let plain: String =
        LINES.iter().filter(|l| !l.bytes().any(|b| b.is_ascii_digit() || b == b'@')).copied().collect();
    let redactor = Arc::new(Redactor::new(Profile::default())?);
    for (name, text) in [
        ("as it is", text.clone()),
        ("with an é in every line", text.replace('\n', "é\n")),
        ("with an e made of two characters in every line", text.replace('\n', "e\u{301}\n")),
        ("prose without any number", plain.repeat((8 << 20) / plain.len() + 1)),
    ] {
        let (best, findings) = time(&redactor, &text, 5)?;
        let bytes = u32::try_from(text.len())?;
        println!(
            "{name}: {:.0} MB/s, {findings} findings in {bytes} bytes",
            f64::from(bytes) / 1e6 / best.as_secs_f64()
        );
    }
    let prompt = text.get(..text.floor_char_boundary(8 << 10)).unwrap_or_default();
    // The system counts in ticks, so many rounds together.
    let named = Arc::new(Redactor::new(Profile::default().with_names())?);
    for (name, redactor, turns) in [
        ("numbers", redactor.clone(), 1),
        ("names too", named.clone(), 1),
        ("names too, in four turns", named, 4),
    ] {
        let lines: Vec<&str> = prompt.split_inclusive('\n').collect();
        let texts: Vec<String> =
            lines.chunks(lines.len().div_ceil(turns)).map(|lines| lines.concat()).collect();
        let turn = |text| Turn { text, parts: &[], author: 1, quotes: false, data: false };
        let said: Vec<Turn<'_>> = texts.iter().map(|text| turn(text.as_str())).collect();
        let (start, rounds) = (Instant::now(), 1000_u32);
        let before = spent(start);
        let mut findings = 0;
        for _ in 0..rounds {
            findings = redactor.redact_conversation(&said)?.findings.len();
        }
        let each = spent(start).saturating_sub(before).as_secs_f64() / f64::from(rounds);
        println!("a prompt of 8 kB, {name}: {:.3} ms, {findings} findings", each * 1e3);
    }
    for unit in UNITS {
        let text = unit.repeat((1 << 20) / unit.len());
        let start = Instant::now();
        let before = spent(start);
        let outcome = redactor
            .redact(&[&text])
            .map_or_else(|e| e.to_string(), |r| format!("{} findings", r.findings.len()));
        println!(
            "1 MiB of {unit:?}: {:.0} ms, {outcome}",
            spent(start).saturating_sub(before).as_secs_f64() * 1e3
        );
    }
    Ok(())
}
