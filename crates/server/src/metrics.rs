//! Everything that operators see, in the Prometheus text format 0.0.4: closed label sets, no content, nothing a client can fill.

use std::fmt;
use std::sync::Arc;

use axum::http::StatusCode;
use gateway::{EndpointId, Gateway};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// What each name begins with.
const PREFIX: &str = "proeftuin";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Response {
    endpoint: String,
    status: u16,
}

/// Responses by endpoint and status, and what the gateway counts.
pub(crate) struct Metrics {
    registry: Registry,
    responses: Family<Response, Counter>,
}

/// The numbers that the gateway knows at any moment.
struct Now(Arc<Gateway>);

impl Metrics {
    pub(crate) fn new(gateway: &Arc<Gateway>) -> Self {
        let (mut registry, responses) = (Registry::with_prefix(PREFIX), Family::default());
        registry.register("responses", "Responses by endpoint and status", Family::clone(&responses));
        gateway.metrics().register(&mut registry);
        registry.register_collector(Box::new(Now(Arc::clone(gateway))));
        Self { registry, responses }
    }

    pub(crate) fn count(&self, endpoint: EndpointId, status: StatusCode) {
        let response = Response { endpoint: endpoint.to_string(), status: status.as_u16() };
        self.responses.get_or_create(&response).inc();
    }

    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for gauge in self.0.gauges() {
            // The format writes the end of a counter's name itself.
            if let Some(name) = gauge.name.strip_suffix("_total") {
                let counter = ConstCounter::new(gauge.value);
                counter.encode(encoder.encode_descriptor(
                    name,
                    gauge.help,
                    None,
                    counter.metric_type(),
                )?)?;
            } else {
                let value = ConstGauge::new(i64::try_from(gauge.value).unwrap_or(i64::MAX));
                value.encode(encoder.encode_descriptor(
                    gauge.name,
                    gauge.help,
                    None,
                    value.metric_type(),
                )?)?;
            }
        }
        Ok(())
    }
}
