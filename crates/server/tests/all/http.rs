//! A server on a free port, and the plainest client: one request a connection, every byte of the reply.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use server::{Address, Reach};
use testkit::{House, HouseBuilder, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A house with its door open.
pub struct Site {
    pub house: House,
    pub address: SocketAddr,
}

/// Everything that came back.
pub struct Reply {
    pub status: u16,
    /// Status line and headers as sent.
    pub head: String,
    pub body: String,
}

impl Site {
    pub async fn start(builder: HouseBuilder) -> Self {
        let house = builder.start().await;
        Self::reached(house, Reach::default())
    }

    /// The same, reached in another way as well.
    pub fn reached(house: House, mut reach: Reach) -> Self {
        let listener = "127.0.0.1:0".parse::<Address>().unwrap().bind().unwrap();
        let Address::Port(address) = listener.address().unwrap() else { unreachable!() };
        reach.listeners.push(listener);
        let gateway = Arc::clone(&house.gateway);
        tokio::spawn(async move { server::serve(reach, gateway, std::future::pending()).await.unwrap() });
        Self { house, address }
    }

    /// One that answers every request with `text`.
    pub async fn saying(text: &str) -> Self {
        Self::start(House::builder().saying(text)).await
    }

    pub fn bearer(&self, use_case: &str) -> String {
        format!("Bearer {}", self.house.key(use_case))
    }

    /// Sends a request and leaves the connection open.
    pub async fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that has heard enough may close before it has read all.
        let _ = stream.write_all(body).await;
        stream
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = self.open(method, path, headers, body).await;
        let mut bytes = Vec::new();
        within(stream.read_to_end(&mut bytes)).await.unwrap();
        Reply::parse(&bytes)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[("authorization", &self.bearer("pilot"))], b"").await
    }

    /// Posts JSON with the pilot's key.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        let headers = [("authorization", &*self.bearer("pilot")), ("content-type", "application/json")];
        self.send("POST", path, &headers, body.to_string().as_bytes()).await
    }

    pub async fn chat(&self, body: &Value) -> Reply {
        self.post("/v1/chat/completions", body).await
    }
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { joined(body) } else { body.to_owned() };
        Self { status, head: head.to_owned(), body }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The data of every event.
    pub fn events(&self) -> Vec<String> {
        let events = self.body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        events.map(str::to_owned).collect()
    }

    /// The name and the data of every event that has a name.
    pub fn told(&self) -> Vec<(String, Value)> {
        let events = self.body.split("\n\n").filter_map(|event| event.strip_prefix("event: "));
        let told = events.filter_map(|event| {
            let (name, data) = event.split_once("\ndata: ")?;
            Some((name.to_owned(), serde_json::from_str(data).ok()?))
        });
        told.collect()
    }

    /// The same to look at.
    pub fn story(&self) -> String {
        let lines = self.told().into_iter().map(|(name, mut data)| {
            redact(&mut data);
            format!("{name} {data}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Status, the headers this server sets, and the body, without what differs from run to run.
    pub fn shown(&self) -> String {
        let mut text = format!("{}\n", self.status);
        let ours = [
            "content-type",
            "content-language",
            "content-security-policy",
            "cache-control",
            "link",
            "retry-after",
            "www-authenticate",
            "x-should-retry",
            "x-proeftuin-",
            "x-ratelimit-",
        ];
        let mut headers: Vec<String> = self.head.lines().skip(1).map(str::to_ascii_lowercase).collect();
        headers.sort();
        for header in headers.iter().filter(|header| ours.iter().any(|name| header.starts_with(name))) {
            let receipt = header.starts_with("x-proeftuin-receipt");
            text.push_str(if receipt { "x-proeftuin-receipt: [id]" } else { header });
            text.push('\n');
        }
        match serde_json::from_str::<Value>(&self.body) {
            Ok(mut body) => {
                redact(&mut body);
                text.push_str(&serde_json::to_string_pretty(&body).unwrap());
            }
            Err(_) => {
                let lines =
                    self.body.trim_end().lines().map(|line| match line.split_once("_millijoules_total ") {
                        Some((name, _)) if !line.starts_with('#') => format!("{name}_millijoules_total [mJ]"),
                        _ => line.to_owned(),
                    });
                text.push_str(&lines.collect::<Vec<_>>().join("\n"));
            }
        }
        text
    }
}

/// A chat of one message.
pub fn chat(text: &str) -> Value {
    json!({"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 64})
}

/// Takes out ids, hashes, times, vectors and receipts.
pub fn redact(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                match (key.as_str(), &item) {
                    ("id", Value::String(id)) if id.contains('-') => {
                        *item = json!(format!("{}-[id]", id.split('-').next().unwrap_or_default()));
                    }
                    ("id" | "item_id" | "call_id" | "request_id", Value::String(id)) if id.contains('_') => {
                        *item = json!(format!("{}_[id]", id.split('_').next().unwrap_or_default()));
                    }
                    ("receipt" | "request_id", Value::String(_)) => *item = json!("[id]"),
                    ("receipt", _) => *item = json!("[receipt]"),
                    ("sha256", _) => *item = json!("[sha256]"),
                    ("created" | "created_at", _) => *item = json!("[time]"),
                    // Processors differ in the last digits.
                    ("embedding", Value::Array(numbers)) => {
                        *item = json!(format!("[{} numbers]", numbers.len()))
                    }
                    _ => redact(item),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

/// The content of a chunked body (RFC 9112, 7.1).
fn joined(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        text.push_str(&rest[..size]);
        body = &rest[size + 2..];
    }
    text
}
