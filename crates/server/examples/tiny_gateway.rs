//! A gateway on the tiny model with quotas that nobody uses up, for conformance suites of others: it prints its address and a key.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a tool for developers")]

use std::sync::Arc;

use server::{Address, Reach};
use testkit::House;

#[tokio::main]
async fn main() {
    let limits = [
        ("requests_per_minute = 1000,", "requests_per_minute = 10_000_000,"),
        ("tokens_per_day = 1_000_000", "tokens_per_day = 100_000_000_000"),
    ];
    let house = House::builder().saying("Goedendag.").embeddings().pilot("suite", &limits).start().await;
    let listener = "127.0.0.1:0".parse::<Address>().expect("an address").bind().expect("a free port");
    println!("KEY={}", house.key("suite"));
    println!("URL=http://{}", listener.address().expect("an address"));
    server::serve(Reach::on(listener), Arc::clone(&house.gateway), std::future::pending())
        .await
        .expect("a server");
}
