//! Counters in the Prometheus text format: closed label sets, no content, nothing a client can fill.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use gateway::{EndpointId, Gauge};

/// Responses by endpoint and status.
#[derive(Default)]
pub(crate) struct Metrics {
    responses: Mutex<BTreeMap<(String, u16), u64>>,
}

impl Metrics {
    pub(crate) fn count(&self, endpoint: EndpointId, status: StatusCode) {
        let mut responses = self.responses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = responses.entry((endpoint.to_string(), status.as_u16())).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn render(&self, gauges: &[Gauge]) -> String {
        let mut text = String::from(
            "# HELP proeftuin_responses_total Responses by endpoint and status.\n\
             # TYPE proeftuin_responses_total counter\n",
        );
        for ((endpoint, status), count) in
            self.responses.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "proeftuin_responses_total{{endpoint=\"{endpoint}\",status=\"{status}\"}} {count}"
            );
        }
        for Gauge { name, help, kind, value } in gauges {
            let _ = writeln!(
                text,
                "# HELP proeftuin_{name} {help}\n# TYPE proeftuin_{name} {kind}\nproeftuin_{name} {value}"
            );
        }
        text
    }
}
