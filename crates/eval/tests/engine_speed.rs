//! The engine under the clock, with the tiny model: what runs, what is left out and why. No time is asserted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use eval::{Definition, EngineBench, EngineWorkload, LoadOptions};

fn bench(definition: &Definition<EngineWorkload>) -> EngineBench {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tiny.gguf");
    std::fs::write(&path, testkit::tiny_gguf(1)).unwrap();
    let file = eval::hash_file(&path, &mut |_, _| ()).unwrap();
    let options = LoadOptions { threads: 1, ..LoadOptions::default() };
    EngineBench::load(&[file], &options, definition, &mut |_, _| ()).unwrap()
}

fn workload(text: &str) -> Definition<EngineWorkload> {
    Definition::parse(&[("x.toml", &format!("suite = \"engine\"\n{text}"))]).unwrap()
}

#[test]
fn what_fits_is_run_and_what_does_not_is_said() {
    let definition = Definition::<EngineWorkload>::load::<&std::path::Path>(&[]).unwrap();
    let mut lines = 0;
    let (figures, notes) =
        eval::run_engine(&bench(&definition), &definition, 2, &mut |_| lines += 1).unwrap();
    // The tiny model has 512 positions.
    let left_out = ["pp512", "tg128 @ d4000", "tg128 @ d8000", "shared prefix", "copy", "copy, no drafts"];
    assert_eq!(notes.len(), left_out.len(), "{notes:?}");
    for name in left_out {
        assert!(
            notes.iter().any(|note| note.starts_with(name) && note.contains("the context is 512")),
            "{name}"
        );
    }
    let names: Vec<&str> = figures.iter().map(|figure| figure.workload.as_str()).collect();
    assert_eq!(names, ["tg128", "tg128 x2", "tg128 x4", "tg128 x8", "tg128 x16"]);
    assert!(
        figures.iter().all(|figure| figure.runs.len() == 2 && figure.runs.iter().all(|speed| *speed > 0.0))
    );
    assert_eq!(lines, left_out.len() + 2 * names.len());
}

#[test]
fn every_measure_counts_what_it_says() {
    for keys in [
        "measure = \"prefill\"\nprompt_tokens = 300\nnew_tokens = 1\n",
        "measure = \"prefill\"\nstreams = 3\nprompt_tokens = 40\nnew_tokens = 2\n",
        "measure = \"decode\"\nprompt_tokens = 200\nrepeat_tokens = 30\nnew_tokens = 20\n",
        "measure = \"total\"\nstreams = 5\nshared_tokens = 100\nprompt_tokens = 7\nnew_tokens = 3\n",
    ] {
        let definition = workload(&format!("[[workload]]\nname = \"w\"\n{keys}"));
        let (figures, notes) = eval::run_engine(&bench(&definition), &definition, 3, &mut |_| ()).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        assert!(figures[0].runs.len() == 3 && figures[0].summary.unwrap().min > 0.0, "{keys}");
    }
}

#[test]
fn streams_that_cannot_begin_together_are_not_summed() {
    let definition = workload(
        "[[workload]]\nname = \"wide\"\nmeasure = \"decode\"\nstreams = 16\nprompt_tokens = 100\nnew_tokens = 8\n",
    );
    let (figures, notes) = eval::run_engine(&bench(&definition), &definition, 1, &mut |_| ()).unwrap();
    assert!(figures.is_empty());
    assert!(notes[0].contains("its prompts have 1600 tokens, and one step takes"), "{notes:?}");
}
