//! What a peer's own tool printed, read as tokens a second by the name of the test.
//!
//! Read are llama-bench's `-o json` and `-o jsonl` (llama.cpp and ik_llama.cpp), batched-bench's jsonl, and this project's own
//! record, so that two builds of ours can be set against each other. Lines around the JSON are passed over.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::Record;

/// Tokens a second by test, as llama-bench names tests: `pp512`, `tg128`, `tg128 @ d4000`; `tg128 x8` is eight streams together.
pub type PeerFigures = BTreeMap<String, f64>;

/// Reads a tool's standard output.
///
/// # Errors
/// Why nothing can be taken from it, for a person to read.
pub fn parse_peer(text: &str) -> Result<PeerFigures, String> {
    if let Ok(record) = Record::parse(text, std::path::Path::new("standard output")) {
        let throughput = record.figures.into_iter().filter(|figure| figure.metric == "throughput");
        return Ok(throughput.filter_map(|figure| Some((figure.workload, figure.summary?.median))).collect());
    }
    let mut figures = PeerFigures::new();
    for object in objects(text) {
        for (name, value) in tests(&object) {
            if !value.is_finite() || value <= 0.0 {
                return Err(format!("{name} has {value} tokens/s"));
            }
            if figures.insert(name.clone(), value).is_some() {
                return Err(format!("{name} is there twice; give the tool one setting of each kind"));
            }
        }
    }
    if figures.is_empty() {
        let start: String = text.chars().take(200).flat_map(char::escape_debug).collect();
        return Err(format!("no figure in what it printed; llama-bench needs `-o json`. It begins: {start}"));
    }
    Ok(figures)
}

/// Every JSON object of an array that spans lines, or of lines of their own.
fn objects(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line_len = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(line_len);
        if line.starts_with(['[', '{']) {
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            if let Some(Ok(value)) = stream.next() {
                let end = stream.byte_offset();
                match value {
                    Value::Array(items) => found.extend(items),
                    other => found.push(other),
                }
                rest = rest.get(end..).unwrap_or_default().trim_start();
                continue;
            }
        }
        rest = after;
    }
    found
}

/// The tests of one object.
fn tests(object: &Value) -> Vec<(String, f64)> {
    let number = |key: &str| object.get(key).and_then(Value::as_u64);
    if let Some(speed) = object.get("avg_ts").and_then(Value::as_f64) {
        let (prompt, new) = (number("n_prompt").unwrap_or_default(), number("n_gen").unwrap_or_default());
        let name = match (prompt, new) {
            (prompt, 0) => format!("pp{prompt}"),
            (0, new) => format!("tg{new}"),
            (prompt, new) => format!("pp{prompt}+tg{new}"),
        };
        let depth = number("n_depth").filter(|depth| *depth > 0);
        return vec![(depth.map_or(name.clone(), |depth| format!("{name} @ d{depth}")), speed)];
    }
    let (Some(prompt), Some(new), Some(streams)) = (number("pp"), number("tg"), number("pl")) else {
        return Vec::new();
    };
    let speed = |key: &str| object.get(key).and_then(Value::as_f64);
    let decode = if streams == 1 { format!("tg{new} @ d{prompt}") } else { format!("tg{new} x{streams}") };
    speed("speed_tg").map(|speed| (decode, speed)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, f64)> {
        parse_peer(text).unwrap().into_iter().collect()
    }

    #[test]
    fn the_benchmark_of_single_streams_is_read() {
        let text = "warming up\n[\n  {\n    \"n_prompt\": 512,\n    \"n_gen\": 0,\n    \"avg_ts\": 300.5\n  },\n  \
            {\"n_prompt\": 0, \"n_gen\": 128, \"n_depth\": 4000, \"avg_ts\": 20.0},\n \
            {\"n_prompt\": 0, \"n_gen\": 128, \"n_depth\": 0, \"avg_ts\": 40.0}\n]\ndone [in 3 s]\n";
        let expected = [("pp512", 300.5), ("tg128", 40.0), ("tg128 @ d4000", 20.0)];
        assert_eq!(read(text), expected.map(|(name, value)| (name.to_owned(), value)));
        let lines = "{\"n_prompt\":16,\"n_gen\":4,\"avg_ts\":7}\n{broken\n{\"other\":1}\n";
        assert_eq!(read(lines), [("pp16+tg4".to_owned(), 7.0)]);
    }

    #[test]
    fn the_benchmark_of_streams_together_is_read() {
        let text = "\nllama_batch: x\n{\"pp\": 8, \"tg\": 128, \"pl\": 16, \"speed_pp\": 9.0, \"speed_tg\": 200.0}\n\n\
            {\"pp\": 512, \"tg\": 128, \"pl\": 1, \"speed_tg\": 30.0}\n";
        assert_eq!(read(text), [("tg128 @ d512".to_owned(), 30.0), ("tg128 x16".to_owned(), 200.0)]);
    }

    #[test]
    fn our_own_record_is_read() {
        let mut record = Record::new("engine", "scalar");
        record.figures.push(crate::record::Figure::throughput("tg128 x2", vec![1.0, 3.0]));
        assert_eq!(read(&record.to_json()), [("tg128 x2".to_owned(), 2.0)]);
    }

    #[test]
    fn what_says_nothing_is_refused() {
        assert!(parse_peer("| model | t/s |\n").unwrap_err().contains("-o json"));
        assert!(parse_peer("").unwrap_err().contains("no figure"));
        let one = "{\"n_prompt\":512,\"n_gen\":0,\"avg_ts\":3.0}\n";
        assert!(parse_peer(&one.repeat(2)).unwrap_err().contains("pp512 is there twice"));
        assert!(parse_peer(&one.replace("3.0", "0.0")).unwrap_err().contains("pp512 has 0"));
    }
}
