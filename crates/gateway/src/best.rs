//! The best of several answers to a prompt: all are made, those the model found likeliest are told.

use std::cmp::Ordering;
use std::ops::Range;

use crate::answer::AnswerEvent;

/// Answers that are held back until all have ended.
pub(crate) struct Best {
    /// Told for each prompt, of so many made.
    keep: usize,
    of: usize,
    /// What is to be told of each choice.
    held: Vec<Vec<AnswerEvent>>,
}

impl Best {
    /// `keep` of every `of` choices; `of` is at least 1.
    pub(crate) fn new(keep: usize, of: usize, choices: usize) -> Self {
        Self { keep, of, held: (0..choices).map(|_| Vec::new()).collect() }
    }

    /// Choices that will be told.
    pub(crate) fn told(&self) -> usize {
        (self.held.len() / self.of.max(1)).saturating_mul(self.keep)
    }

    /// Holds back what is to be told of a choice.
    pub(crate) fn hold(&mut self, choice: usize, events: impl Iterator<Item = AnswerEvent>) {
        if let Some(held) = self.held.get_mut(choice) {
            held.extend(events);
        }
    }

    /// Chooses by `likelihood`, a number for each choice: for every prompt the likeliest, the likeliest first, among equals the
    /// earlier. Gives all choices in their new order, those that are told first, and what is to be told.
    pub(crate) fn choose(mut self, likelihood: &[f64]) -> (Vec<usize>, Vec<AnswerEvent>) {
        let (mut told, mut rest) = (Vec::new(), Vec::new());
        for prompt in groups(self.held.len(), self.of) {
            let mut choices: Vec<usize> = prompt.collect();
            let of = |choice: &usize| likelihood.get(*choice).copied().unwrap_or(f64::NEG_INFINITY);
            choices.sort_by(|a, b| of(b).partial_cmp(&of(a)).unwrap_or(Ordering::Equal).then(a.cmp(b)));
            rest.extend(choices.split_off(self.keep.min(choices.len())));
            told.extend(choices);
        }
        let mut events = Vec::new();
        for (choice, &before) in told.iter().enumerate() {
            let held = self.held.get_mut(before).map(std::mem::take).unwrap_or_default();
            events.extend(held.into_iter().map(|event| event.of_choice(choice)));
        }
        told.extend(rest);
        (told, events)
    }
}

fn groups(choices: usize, of: usize) -> impl Iterator<Item = Range<usize>> {
    (0..choices).step_by(of.max(1)).map(move |start| start..start.saturating_add(of.max(1)).min(choices))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Finish;

    #[test]
    fn the_likeliest_of_each_prompt_are_told_in_order_and_the_rest_is_last() {
        let mut best = Best::new(2, 3, 6);
        for choice in 0..6 {
            let text = format!("{choice}");
            let finished = AnswerEvent::Finished { choice, reason: Finish::Stop };
            best.hold(choice, [AnswerEvent::Delta { choice, text }, finished].into_iter());
        }
        assert_eq!(best.told(), 4);
        let (order, events) = best.choose(&[-3.0, -1.0, -2.0, -1.0, -1.0, f64::NEG_INFINITY]);
        assert_eq!(order, [1, 2, 3, 4, 0, 5]);
        let texts = events.iter().filter_map(|event| match event {
            AnswerEvent::Delta { choice, text } => Some((*choice, text.as_str())),
            _ => None,
        });
        assert_eq!(texts.collect::<Vec<_>>(), [(0, "1"), (1, "2"), (2, "3"), (3, "4")]);
        assert!(matches!(events.last(), Some(AnswerEvent::Finished { choice: 3, .. })));
    }
}
