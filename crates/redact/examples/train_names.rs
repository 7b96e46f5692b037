//! Trains the model of names: `cargo run --release -p redact --features train --example train_names -- [TRAIN] [VALIDATION] [PLAIN…]`,
//! the first two WikiANN files (`index TAB word TAB tag`), the others texts in which nobody is named. Writes `data/names.model` beside the lists.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers talks and may stop")]

use std::fs;
use std::path::Path;

use redact::names::train::{Sentence, Synthesis, conllu, score, tagger, train};

fn main() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let [templates, given, surnames, places] =
        ["templates.txt", "given-names.txt", "surnames.txt", "places.txt"].map(read);
    let files: Vec<String> = std::env::args().skip(1).map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut sentences = files.first().map(|text| conllu(text)).unwrap_or_default();
    println!("{} sentences of WikiANN", sentences.len());
    // Other texts, in which nobody is named.
    let lines = files.iter().skip(2).flat_map(|text| text.lines());
    let plain = lines
        .map(|line| line.trim_start_matches([' ', '-', '#', '>']).to_owned())
        .filter(|line| line.len() > 3);
    sentences.extend(plain.map(|text| Sentence { text, spans: Vec::new(), label: None }));
    let mut made = Synthesis::new(&templates, &given, &surnames, &places, 20_261_127);
    sentences.extend((0..130_000).map(|_| made.sentence()));
    let bytes = train(&sentences, 8, 1, |epoch, loss| println!("epoch {epoch}: loss {loss:.4} a word"));
    fs::write(data.join("names.model"), &bytes).unwrap();
    let tagger = tagger(&bytes).unwrap();
    let held_out: Vec<_> = (0..3000).map(|_| made.sentence()).collect();
    let sets = [("made", held_out), ("WikiANN", files.get(1).map(|text| conllu(text)).unwrap_or_default())];
    for (name, sentences) in sets {
        for (label, (hits, found, wanted)) in
            ["person", "place", "address"].iter().zip(score(&tagger, &sentences))
        {
            let rate = |of: usize| 100.0 * hits as f64 / of.max(1) as f64;
            println!(
                "{name:8} {label:8} precision {:5.1} recall {:5.1} of {wanted}",
                rate(found),
                rate(wanted)
            );
        }
    }
}
