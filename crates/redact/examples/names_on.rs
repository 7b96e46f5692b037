//! Development tool.
#![allow(clippy::all, clippy::pedantic, clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]
use std::collections::BTreeMap;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let show: usize = std::env::args().nth(2).map_or(0, |n| n.parse().unwrap());
    let tagger = redact::names::Tagger::new().unwrap();
    let mut hit: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let mut shown = 0;
    let (mut fps, mut fn_texts, mut found_n, mut found_ok) = (0, 0, 0, 0);
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = v["text"].as_str().unwrap();
        let split = v["split"].as_str().unwrap().to_owned();
        let spans = tagger.find(text, None);
        let chars: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
        let covered = |a: usize, b: usize| text[a..b].char_indices().all(|(i, c)| !c.is_alphanumeric() || spans.iter().any(|s| s.start <= a + i && a + i < s.end));
        if split == "hardneg" { fn_texts += 1; fps += spans.len(); }
        let mut gold = vec![];
        for s in v["spans"].as_array().unwrap() {
            let (a, b, t) = (chars[s[0].as_u64().unwrap() as usize], chars[s[1].as_u64().unwrap() as usize], s[2].as_str().unwrap());
            gold.push((a, b, t));
            if ["PERSON", "CITY", "ADDRESS"].contains(&t) {
                let e = hit.entry((split.clone(), t.to_owned())).or_default();
                e.1 += 1;
                let ok = covered(a, b);
                e.0 += usize::from(ok);
                if !ok && shown < show { shown += 1; println!("MISS {t} {:?} in {:?}", &text[a..b], text.chars().skip(text[..a].chars().count().saturating_sub(60)).take(140).collect::<String>()); }
            }
        }
        for s in &spans {
            found_n += 1;
            if gold.iter().any(|g| g.0 < s.end && s.start < g.1) { found_ok += 1 } else if shown < show { shown += 1; println!("FALSE {:?} {:?} {:.2} in {:?}", s.label, &text[s.start..s.end], s.confidence, text.chars().take(140).collect::<String>()); }
        }
    }
    for (k, (a, b)) in hit { println!("{k:?} {:.3} of {b}", a as f64 / b as f64); }
    println!("precision (touches any gold) {:.3} of {found_n}; hard negatives: {fps} in {fn_texts}", found_ok as f64 / found_n as f64);
    let all: String = std::fs::read_to_string(std::env::args().nth(1).unwrap()).unwrap().lines().map(|l| { let v: serde_json::Value = serde_json::from_str(l).unwrap(); v["text"].as_str().unwrap().to_owned() + "\n" }).collect();
    let all = all.repeat(20);
    for _ in 0..3 { let t = std::time::Instant::now(); let n = tagger.find(&all, None).len(); println!("{:.2} MB/s, {n}", all.len() as f64 / 1e6 / t.elapsed().as_secs_f64()); }
}
