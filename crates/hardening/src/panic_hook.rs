//! A panic tells where it happened and nothing else.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{Location, PanicHookInfo};

/// Replaces the panic hook by one that prints the location and never the payload.
///
/// A payload may quote what the code was working on: an index into a prompt, a slice of text, a value that failed to parse.
/// `RUST_BACKTRACE=1` still gives a backtrace, which holds names of functions and files only.
///
/// The hook governs what is printed here. A payload also travels to whoever joins the thread: do not print the error of a
/// `JoinHandle` or a `JoinError` either.
pub fn hide_panic_payloads() {
    std::panic::set_hook(Box::new(print_location));
}

fn print_location(info: &PanicHookInfo<'_>) {
    let mut text = location_line(info.location());
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text.push_str(&format!("{backtrace}"));
    }
    // A closed stderr is no reason to panic inside the panic.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// The one line that is printed, with its newline: file, line and column, and the name of nothing else.
fn location_line(location: Option<&Location<'_>>) -> String {
    match location {
        Some(at) => {
            format!(
                "internal fault at {}:{}:{}; the message is withheld, it may hold content\n",
                at.file(),
                at.line(),
                at.column()
            )
        }
        None => {
            "internal fault at an unknown place; the message is withheld, it may hold content\n".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_place_and_nothing_else() {
        let here = Location::caller();
        let line = location_line(Some(here));
        assert!(line.contains(&format!("{}:{}:{}", here.file(), here.line(), here.column())), "{line}");
        assert_eq!(line.lines().count(), 1);
        assert!(location_line(None).contains("unknown place"));
    }
}
