//! A bar for what takes long, on a terminal only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of bytes. It is hidden where standard error is not a terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(doing: &str) -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(doing.to_owned());
        if let Ok(style) = ProgressStyle::with_template(
            "{msg:<12} [{bar:30}] {bytes:>10} of {total_bytes:<10} {binary_bytes_per_sec:>12} {eta:>4}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn set(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

/// A count of steps that each take a while: a bar on a terminal, and elsewhere a line at every tenth of the way.
pub(crate) struct Steps {
    doing: &'static str,
    bar: Option<ProgressBar>,
}

impl Steps {
    pub(crate) fn new(doing: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(doing);
            if let Ok(style) =
                ProgressStyle::with_template("{msg:<12} [{bar:30}] {pos:>7} of {len:<7} {eta:>6}")
            {
                bar.set_style(style.progress_chars("=> "));
            }
            bar
        });
        Self { doing, bar }
    }

    pub(crate) fn set(&self, done: usize, total: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            None if done == total || done.is_multiple_of(total.div_ceil(10).max(1)) => {
                eprintln!("{} {done} of {total}", self.doing);
            }
            None => {}
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
