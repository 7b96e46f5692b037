//! How fast a file is verified: `cargo run --release -p weights --example throughput -- FILE [ROUNDS]`.
//!
//! The file is read once before the clock starts, so the page cache is warm. Three figures: reading alone, reading and
//! hashing (`verify`), and a load whose sink touches every byte. The best round of each counts.
#![allow(clippy::print_stdout, reason = "a measuring tool prints what it measured")]

use std::io::Read;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: throughput FILE [ROUNDS]")?);
    let rounds: u32 = match arguments.next() {
        Some(text) => text.to_string_lossy().parse()?,
        None => 10,
    };
    let pinned = weights::measure(&path, &mut |_, _| {})?;
    let best = |name: &str, run: &mut dyn FnMut() -> Result<(), Box<dyn std::error::Error>>| {
        let mut seconds = f64::INFINITY;
        for _ in 0..rounds {
            let start = Instant::now();
            run()?;
            seconds = seconds.min(start.elapsed().as_secs_f64());
        }
        println!(
            "{name:10} {:6.2} GB/s  ({:.1} ms)",
            pinned.size_bytes as f64 / seconds / 1e9,
            seconds * 1e3
        );
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let mut buffer = vec![0; 1 << 20];
    best("read", &mut || {
        let mut file = std::fs::File::open(&path)?;
        while file.read(&mut buffer)? > 0 {}
        Ok(())
    })?;
    best("verify", &mut || Ok(weights::verify(&pinned, &mut |_, _| {}).map(|_| ())?))?;
    let mut sum = 0u64;
    best("load", &mut || {
        let verified = weights::load(&pinned, &mut |_, _| {}, &mut |_, _, piece| {
            sum = piece
                .bytes
                .chunks(8)
                .fold(sum, |sum, chunk| sum.wrapping_add(chunk.iter().map(|b| u64::from(*b)).sum()));
            Ok(())
        })?;
        assert_eq!(verified.sha256(), pinned.sha256);
        Ok(())
    })?;
    println!("(sum {sum}, {rounds} rounds)");
    Ok(())
}
