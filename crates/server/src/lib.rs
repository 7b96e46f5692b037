#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod admin;
mod cors;
mod error;
pub mod kept;
mod listening;
mod metrics;
mod openapi;
mod router;
mod routes;
mod shape;
mod sse;
mod told;
mod upload;
mod wire;

use std::future::Future;
use std::sync::Arc;

use gateway::Gateway;

use crate::metrics::Metrics;

pub use admin::{AdminError, AdminSocket, ask};
pub use cors::{NotAnOrigin, WebOrigin};
pub use listening::{Address, Limits, Listener, NotAProxy, NotAnAddress, Tls, TlsError, Trusted};

/// How a server is reached, and by whom.
#[derive(Debug, Default)]
pub struct Reach {
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// TLS on its ports; `None` is plain HTTP. Unix sockets are always plain.
    pub tls: Option<Arc<Tls>>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Trusted>,
    /// Origins of pages that may call it from a browser.
    pub web_origins: Vec<WebOrigin>,
    /// How long clients may take, and how many there may be.
    pub limits: Limits,
}

impl Reach {
    /// One listener and nothing else.
    #[must_use]
    pub fn on(listener: Listener) -> Self {
        Self { listeners: vec![listener], ..Self::default() }
    }
}

/// Serves `gateway` until `shutdown` resolves; then takes no new connection and returns when the running requests have ended.
///
/// # Errors
/// When a listener cannot be used in this runtime.
pub async fn serve(
    reach: Reach,
    gateway: Arc<Gateway>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let Reach { listeners, tls, trusted_proxies, web_origins, limits } = reach;
    let metrics = Arc::new(Metrics::new(&gateway));
    let app =
        router::App { gateway, metrics, trusted_proxies: trusted_proxies.into(), body_patience: limits.body };
    let mut router = router::router(app);
    if !web_origins.is_empty() {
        router = router.layer(cors::layer(&web_origins));
    }
    listening::run(listeners, router, limits, tls, shutdown).await
}
