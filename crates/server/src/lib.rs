#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod admin;
mod error;
pub mod kept;
mod metrics;
mod openapi;
mod router;
mod routes;
mod shape;
mod sse;
mod told;
mod wire;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use gateway::Gateway;
use tokio::net::TcpListener;

pub use admin::{AdminError, AdminSocket, ask};

/// Serves `gateway` on `listener` until `shutdown` resolves; then takes no new connection and returns when the
/// running ones have ended.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let app = router::App { gateway, metrics: Arc::default() };
    let service = router::router(app).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await
}
