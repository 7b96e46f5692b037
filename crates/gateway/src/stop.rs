//! Stop strings in a stream: they end the answer and are never shown, wherever the chunks were cut.

use zeroize::{Zeroize, Zeroizing};

/// What a chunk came to.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Step {
    /// Text that can be shown; the rest is held back.
    Show(String),
    /// Text before a stop string, which ends the choice, and which of them it was.
    Stop(String, usize),
}

/// Looks for the earliest stop string over chunk borders. Holds back at most the longest stop string less a byte.
pub(crate) struct StopMatcher {
    stops: Vec<Zeroizing<String>>,
    held: Zeroizing<String>,
}

impl StopMatcher {
    pub(crate) fn new(stops: Vec<Zeroizing<String>>) -> Self {
        Self { stops, held: Zeroizing::default() }
    }

    pub(crate) fn push(&mut self, chunk: &str) -> Step {
        if self.stops.is_empty() {
            return Step::Show(chunk.to_owned());
        }
        self.held.push_str(chunk);
        if let Some((_end, start, stop)) = first_completed(&self.held, &self.stops) {
            self.held.truncate(start);
            return Step::Stop(std::mem::take(&mut *self.held), stop);
        }
        let keep = self.stops.iter().map(|stop| live_prefix(&self.held, stop)).max().unwrap_or(0);
        let cut = self.held.len().saturating_sub(keep);
        let mut rest = self.held.split_off(cut);
        std::mem::swap(&mut *self.held, &mut rest);
        Step::Show(rest)
    }

    /// The end of the stream: what was held back was no stop string after all.
    pub(crate) fn finish(&mut self) -> String {
        let rest = self.held.as_str().to_owned();
        self.held.zeroize();
        rest
    }
}

/// `(end, start)` in bytes of the stop string that completes first, and which it is; of those that end together, the longest. A
/// rule over ends, not starts, so that the answer does not depend on where the chunks were cut.
fn first_completed(text: &str, stops: &[Zeroizing<String>]) -> Option<(usize, usize, usize)> {
    let found = stops.iter().enumerate().filter_map(|(at, stop)| {
        text.find(stop.as_str()).map(|start| (start.saturating_add(stop.len()), start, at))
    });
    found.min()
}

/// Bytes at the end of `text` that are a proper prefix of `stop`.
pub(crate) fn live_prefix(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .map(|(at, _)| at)
        .rev()
        .find(|&at| stop.get(..at).is_some_and(|prefix| text.ends_with(prefix)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule, byte by byte: the first position at which some stop string has just been completed.
    fn whole(text: &str, stops: &[String]) -> String {
        for (end, _) in text.char_indices().skip(1).chain([(text.len(), ' ')]) {
            let longest =
                stops.iter().filter(|stop| text[..end].ends_with(stop.as_str())).map(String::len).max();
            if let Some(length) = longest {
                return text[..end - length].to_owned();
            }
        }
        text.to_owned()
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            chunks in proptest::collection::vec("[abé]{0,4}", 0..12),
            stops in proptest::collection::vec("[abé]{1,4}", 0..4),
        ) {
            let mut matcher = StopMatcher::new(stops.iter().cloned().map(Zeroizing::new).collect());
            let (mut shown, mut stopped) = (String::new(), false);
            for chunk in &chunks {
                match matcher.push(chunk) {
                    Step::Show(text) => shown.push_str(&text),
                    Step::Stop(text, _) => { shown.push_str(&text); stopped = true; break; }
                }
            }
            if !stopped { shown.push_str(&matcher.finish()); }
            prop_assert_eq!(shown, whole(&chunks.concat(), &stops));
        }
    }

    #[test]
    fn a_stop_split_over_chunks_is_not_shown() {
        let mut matcher = StopMatcher::new(vec![Zeroizing::new("\n\nUser:".into())]);
        assert_eq!(matcher.push("ja.\n"), Step::Show("ja.".into()));
        assert_eq!(matcher.push("\nUs"), Step::Show(String::new()));
        assert_eq!(matcher.push("er: x"), Step::Stop(String::new(), 0));
    }
}
