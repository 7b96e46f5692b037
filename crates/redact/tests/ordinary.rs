//! Everyday prompts, in which nobody is named: what is taken out of them is taken from the answer too.

use redact::{Profile, Redactor};

/// How many of the prompts may lose a word to a false finding. Personal data that is missed is worse than a word that is.
const FALSE_MAX: usize = 2;

#[test]
fn ordinary_prompts_stay_as_they_are() {
    let redactor = Redactor::new(Profile::default().with_names()).unwrap();
    let prompts = include_str!("data/ordinary.txt");
    let changed: Vec<String> = prompts
        .lines()
        .map(|prompt| redactor.redact(&[prompt]).unwrap().texts[0].to_string())
        .zip(prompts.lines())
        .filter(|(stripped, prompt)| stripped != prompt)
        .map(|(stripped, _)| stripped)
        .collect();
    assert!(changed.len() <= FALSE_MAX, "{} of {}: {changed:#?}", changed.len(), prompts.lines().count());
}
