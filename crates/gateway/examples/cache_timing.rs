//! Can the time to an answer tell whether somebody asked the same before? Within a use case it may, across use cases it must not.
//! `cargo run --release -p gateway --example cache_timing -- [PAIRS] [WORDS]` prints for both the area under the ROC curve of
//! time as a test for a hit: 0.5 is guessing, 1 is certainty.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measuring tool talks to its user and may stop"
)]

use std::time::Instant;

use testkit::{House, collect, complete};

/// The engine's own step between two requests has to be over, or it would be measured with the next.
const REST: std::time::Duration = std::time::Duration::from_millis(2);

/// A text of `words` words that no other number gives, of the same length for every number.
fn prompt(number: usize, words: usize) -> String {
    let letter = |place: u32| char::from(b'a' + u8::try_from(number / 26_usize.pow(place) % 26).unwrap());
    let word: String = (0..4).map(letter).collect();
    (0..words).map(|_| format!("{word} ")).collect()
}

/// Seconds until one token of an answer is there and sealed.
async fn seconds(house: &House, use_case: &str, text: &str) -> f64 {
    let caller = house.caller(use_case).await;
    let mut request = complete(&[text]);
    request.params.max_tokens = Some(1);
    tokio::time::sleep(REST).await;
    let start = Instant::now();
    collect(house.gateway.generate(caller, request).await.unwrap()).await;
    start.elapsed().as_secs_f64()
}

/// How often a hit is faster than a miss, ties half: the area under the curve (Mann and Whitney, 1947).
fn area(hits: &[f64], misses: &[f64]) -> f64 {
    let pairs = hits.iter().flat_map(|hit| misses.iter().map(move |miss| (hit, miss)));
    let won = pairs.map(|(hit, miss)| match hit.total_cmp(miss) {
        std::cmp::Ordering::Less => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 0.0,
    });
    won.sum::<f64>() / (hits.len() * misses.len()) as f64
}

/// The standard error of an area of 0.5 (Hanley and McNeil, 1982).
fn error_of_guessing(each: usize) -> f64 {
    let n = each as f64;
    ((2.0 * n + 1.0) / (12.0 * n * n)).sqrt()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2] * 1e3
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (pairs, words) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(300));
    let unlimited = [
        ("requests_per_minute = 1000", "requests_per_minute = 1_000_000"),
        ("tokens_per_day = 1_000_000", "tokens_per_day = 1_000_000_000"),
    ];
    let house = House::builder().pilot("ours", &unlimited).pilot("theirs", &unlimited).start().await;
    let mut number = 0;
    println!("{pairs} pairs of prompts of {} tokens", prompt(0, words).len());
    for (what, asked_before_by) in [("within a use case", "ours"), ("across use cases", "theirs")] {
        let (mut hits, mut misses) = (Vec::new(), Vec::new());
        for pair in 0..pairs {
            let [known, unknown] = [number, number + 1].map(|number| prompt(number, words));
            number += 2;
            seconds(&house, asked_before_by, &known).await;
            // In turns, so that neither has the warmer machine.
            for first in [pair % 2 == 0, pair % 2 != 0] {
                if first {
                    hits.push(seconds(&house, "ours", &known).await);
                } else {
                    misses.push(seconds(&house, "ours", &unknown).await);
                }
            }
        }
        println!(
            "{what}: AUC {:.3} (guessing: 0.5 ± {:.3}), median {:.2} ms asked before, {:.2} ms not",
            area(&hits, &misses),
            2.0 * error_of_guessing(pairs),
            median(hits),
            median(misses),
        );
    }
}
