//! What a load generator asks of a server: how many requests, when, and of what size.

use serde::Deserialize;

use crate::definition::{Workload, within};
use crate::random::SplitMix64;

/// Requests in flight at the same time, at most: each has a thread of the client.
pub(crate) const IN_FLIGHT_MAX: u32 = 64;

/// Plain words of everyday things. No name, no number, nothing personal: a gate has nothing to find in them.
const WORDS: &str = "river stone garden window table summer winter morning evening bread butter water paper \
    pencil wooden silver golden yellow purple gentle quiet simple narrow little heavy early open warm cold soft bright \
    walk carry build paint listen travel gather plant wander follow cross climb measure repair mix pour cut fold open close \
    forest meadow bridge market harbour village kitchen library station ladder basket bottle hammer blanket candle \
    cloud rain snow wind thunder sunlight shadow leaf branch root seed flower grass apple pear cherry carrot potato onion \
    horse rabbit pigeon sparrow spider beetle fish boat sail rope wheel engine circle square corner middle edge surface \
    slowly often always never together again below above between beside behind under over near far round";

/// What the server is asked to do with the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Write something long with them, so that the bound on tokens ends the answer.
    #[default]
    Write,
    /// Copy them: the answer stands in the prompt.
    Copy,
}

/// A long prompt that is on its way when a measured request begins.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// About this many tokens.
    pub prompt_tokens: u32,
    /// Its head start, in milliseconds.
    pub lead_ms: u32,
}

/// Requests to a server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerWorkload {
    /// Unique in the set.
    pub name: String,
    /// Requests of a run.
    pub requests: u32,
    /// Closed loop: this many are always under way. Either this or `arrivals_per_s`.
    pub concurrency: Option<u32>,
    /// Open loop: Poisson arrivals at this rate, whatever the server does.
    pub arrivals_per_s: Option<f64>,
    /// About this many tokens at the beginning of every prompt of a run are the same.
    #[serde(default)]
    pub shared_tokens: u32,
    /// About this many tokens of each prompt are its own.
    pub prompt_tokens: u32,
    /// What to do with them.
    #[serde(default)]
    pub task: Task,
    /// Tokens of an answer, at most.
    pub max_tokens: u32,
    /// Asks for exactly `max_tokens`, by `ignore_eos`, which this server, llama.cpp's and vLLM's know.
    #[serde(default)]
    pub ignore_eos: bool,
    /// A long prompt that each request finds under way; it is not measured itself.
    pub beside: Option<Beside>,
}

impl Workload for ServerWorkload {
    const SUITE: &'static str = "server";
    const EMBEDDED: &'static str = include_str!("../../../benches/server.toml");

    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> Result<(), String> {
        within("requests", self.requests, 1, 10_000)?;
        within("shared_tokens", self.shared_tokens, 0, 100_000)?;
        within("prompt_tokens", self.prompt_tokens, 1, 100_000)?;
        within("max_tokens", self.max_tokens, 1, 10_000)?;
        match (self.concurrency, self.arrivals_per_s) {
            (Some(concurrency), None) => within("concurrency", concurrency, 1, IN_FLIGHT_MAX)?,
            (None, Some(rate)) if rate > 0.0 && rate <= 1000.0 => {}
            (None, Some(rate)) => {
                return Err(format!("`arrivals_per_s` is {rate}, and must be above 0 and at most 1000"));
            }
            _ => return Err("give either `concurrency` or `arrivals_per_s`".to_owned()),
        }
        if let Some(beside) = &self.beside {
            within("beside.prompt_tokens", beside.prompt_tokens, 1, 100_000)?;
            within("beside.lead_ms", beside.lead_ms, 0, 60_000)?;
            if self.concurrency != Some(1) {
                return Err(
                    "`beside` needs `concurrency = 1`: each request has a long one of its own".to_owned()
                );
            }
        }
        Ok(())
    }
}

impl ServerWorkload {
    /// The prompts of a run, the same for every server. Another run has others: what a server kept of it is of no use.
    pub(crate) fn prompts(&self, seed: u64, run: u32) -> Vec<String> {
        let part = |index: u64| SplitMix64::new(seed ^ digest(&self.name), (u64::from(run) << 32) | index);
        let shared = text(&mut part(u64::from(u32::MAX)), self.shared_tokens);
        let prompts = (0..u64::from(self.requests)).map(|index| {
            let own = text(&mut part(index), self.prompt_tokens);
            match self.task {
                Task::Write => format!(
                    "{shared}\n\nWrite a very long story, sentence after sentence, about all of these words: {own}"
                ),
                Task::Copy => format!(
                    "{shared}\n\nRepeat the text below word for word, and write nothing else.\n\n{own}"
                ),
            }
        });
        prompts.map(|prompt| prompt.trim_start().to_owned()).collect()
    }

    /// The long prompts beside them.
    pub(crate) fn long_prompts(&self, seed: u64, run: u32) -> Vec<String> {
        let Some(beside) = &self.beside else { return Vec::new() };
        let part = |index: u64| SplitMix64::new(!seed ^ digest(&self.name), (u64::from(run) << 32) | index);
        let prompts = (0..u64::from(self.requests)).map(|index| text(&mut part(index), beside.prompt_tokens));
        prompts.collect()
    }

    /// When each request arrives in an open loop, in seconds from the start: exponential gaps.
    pub(crate) fn arrivals_s(&self, seed: u64, run: u32, rate: f64) -> Vec<f64> {
        let mut random = SplitMix64::new(seed ^ digest(&self.name), (u64::from(run) << 32) | 0xffff_fffe);
        let mut at = 0.0;
        let arrivals = (0..self.requests).map(|_| {
            // 53 bits, never 0, so that the logarithm is finite.
            let uniform = ((random.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
            at += -uniform.ln() / rate;
            at
        });
        arrivals.collect()
    }
}

/// FNV-1a (Fowler, Noll and Vo): workloads of one seed have different words.
fn digest(name: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Sentences of about `tokens` tokens: common words are one token in most vocabularies.
fn text(random: &mut SplitMix64, tokens: u32) -> String {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::new();
    let mut left_in_sentence = 0;
    for _ in 0..tokens {
        if left_in_sentence == 0 {
            if !text.is_empty() {
                text.push('.');
            }
            left_in_sentence = 6 + random.below(8);
        }
        let count = u32::try_from(words.len()).unwrap_or(1);
        if let Some(word) = words.get(random.below(count) as usize) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        left_in_sentence -= 1;
    }
    if !text.is_empty() {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Definition;

    const PLAIN: &str = "suite = \"server\"\n[[workload]]\nname = \"a\"\nrequests = 3\nconcurrency = 1\nprompt_tokens = 40\nmax_tokens = 1\n";

    fn parse(text: &str) -> Result<ServerWorkload, String> {
        let set =
            Definition::<ServerWorkload>::parse(&[("x.toml", text)]).map_err(|error| error.to_string())?;
        Ok(set.workloads[0].1.clone())
    }

    #[test]
    fn the_built_in_set_holds() {
        let set = Definition::<ServerWorkload>::load::<&std::path::Path>(&[]).unwrap();
        assert!(set.workloads.iter().any(|(_, workload)| workload.beside.is_some()));
        assert!(set.workloads.iter().any(|(_, workload)| workload.task == Task::Copy));
    }

    #[test]
    fn what_is_wrong_is_refused_by_key() {
        parse(PLAIN).unwrap();
        let refused = |text: String| parse(&text).unwrap_err();
        assert!(refused(format!("{PLAIN}stop = 1\n")).contains("stop"));
        assert!(refused(PLAIN.replace("concurrency = 1\n", "")).contains("either `concurrency`"));
        assert!(refused(format!("{PLAIN}arrivals_per_s = 1\n")).contains("either `concurrency`"));
        let open = PLAIN.replace("concurrency = 1", "arrivals_per_s = 0.0");
        assert!(refused(open.clone()).contains("above 0"));
        assert!(refused(open.replace("0.0", "nan")).contains("above 0"));
        assert!(refused(PLAIN.replace("concurrency = 1", "concurrency = 65")).contains("between 1 and 64"));
        let beside = "[workload.beside]\nprompt_tokens = 9\nlead_ms = 1\n";
        parse(&format!("{PLAIN}{beside}")).unwrap();
        assert!(refused(format!("{PLAIN}{beside}wait = 1\n")).contains("wait"));
        assert!(
            refused(format!("{}{beside}", PLAIN.replace("concurrency = 1", "concurrency = 2")))
                .contains("needs `concurrency = 1`")
        );
    }

    #[test]
    fn prompts_repeat_by_seed_and_differ_otherwise() {
        let workload = parse(&format!("{PLAIN}shared_tokens = 30\n")).unwrap();
        let prompts = workload.prompts(1, 0);
        assert_eq!(prompts, workload.prompts(1, 0));
        assert_ne!(prompts, workload.prompts(1, 1));
        assert_ne!(prompts, workload.prompts(2, 0));
        assert!(prompts[0] != prompts[1]);
        let shared = |prompt: &str| prompt.split("\n\n").next().unwrap().to_owned();
        assert_eq!(shared(&prompts[0]), shared(&prompts[2]));
        assert_ne!(shared(&prompts[0]), shared(&workload.prompts(1, 1)[0]));
        assert_eq!(shared(&prompts[0]).split_whitespace().count(), 30);
        assert!(
            prompts
                .iter()
                .all(|prompt| prompt.chars().all(|c| c.is_ascii_alphabetic() || " .,:\n".contains(c)))
        );
    }

    #[test]
    fn arrivals_keep_their_rate() {
        let workload = parse(&PLAIN.replace("requests = 3", "requests = 4000")).unwrap();
        let arrivals = workload.arrivals_s(1, 0, 5.0);
        assert!(arrivals.windows(2).all(|pair| pair[0] < pair[1]));
        let mean = arrivals.last().unwrap() / 4000.0;
        assert!((0.19..0.21).contains(&mean), "{mean}");
    }
}
