//! From a bound address to requests at the router: connections, TLS, who may keep one open and for how long.

mod listener;
mod patience;
mod proxies;
mod tls;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

pub use listener::{Address, Listener, NotAnAddress};
use listener::{Arrival, Open};
use patience::Patience;
pub(crate) use proxies::origin;
pub use proxies::{NotAProxy, Trusted};
pub use tls::{Tls, TlsError};

/// Most headers of one request, and most bytes of them all; more is answered 431.
const HEADERS_MAX: usize = 100;
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long to wait when the system is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; whoever comes after them waits until one ends.
    pub connections: u32,
    /// For a TLS handshake, and for the head of each request, from the moment one could come: an idle connection is closed too.
    pub head: Duration,
    /// For the whole body of a request.
    pub body: Duration,
    /// In which a client has to take something of an answer.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(30),
            body: Duration::from_secs(60),
            write: Duration::from_secs(60),
        }
    }
}

/// Whose request it is, as far as the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Port(IpAddr),
    Unix,
}

impl Peer {
    fn is_local(self) -> bool {
        match self {
            Self::Port(address) => address.is_loopback(),
            Self::Unix => true,
        }
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Shared {
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    places: Arc<Semaphore>,
}

/// Takes connections on all `listeners` until `shutdown` resolves; returns when the running requests have ended.
pub(crate) async fn run(
    listeners: Vec<Listener>,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(usize::try_from(limits.connections).unwrap_or(usize::MAX)));
    let shared = Shared { router, limits, tls, places };
    let graceful = Arc::new(GracefulShutdown::new());
    let (closing, closed) = watch::channel(());
    let mut doors = Vec::new();
    for listener in listeners {
        let open = listener.open()?;
        doors.push(tokio::spawn(accept(open, shared.clone(), Arc::clone(&graceful), closed.clone())));
    }
    drop(closed);
    shutdown.await;
    drop(closing);
    for door in doors {
        // It ends when `closing` is gone; a panic in it is a connection's that never began.
        let _ = door.await;
    }
    if let Some(graceful) = Arc::into_inner(graceful) {
        graceful.shutdown().await;
    }
    Ok(())
}

async fn accept(
    open: Open,
    shared: Shared,
    graceful: Arc<GracefulShutdown>,
    mut closing: watch::Receiver<()>,
) {
    loop {
        let came = async {
            // Never closed: `shared` holds it.
            let place = Arc::clone(&shared.places).acquire_owned().await.ok();
            (place, open.accept().await)
        };
        let (place, arrival) = tokio::select! {
            came = came => came,
            // It never changes; an error means that the server closes.
            _ = closing.changed() => return,
        };
        let Ok(arrival) = arrival else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (shared, watcher) = (shared.clone(), graceful.watcher());
        tokio::spawn(async move {
            match (arrival, shared.tls.clone()) {
                (Arrival::Port(stream, peer), Some(tls)) => {
                    let acceptor = TlsAcceptor::from(tls.config());
                    let handshake = tokio::time::timeout(shared.limits.head, acceptor.accept(stream));
                    // Whoever cannot speak TLS gets no answer that they could read.
                    if let Ok(Ok(stream)) = handshake.await {
                        answer(stream, Peer::Port(peer), &shared, watcher).await;
                    }
                }
                (Arrival::Port(stream, peer), None) => {
                    answer(stream, Peer::Port(peer), &shared, watcher).await;
                }
                (Arrival::Unix(stream), _) => answer(stream, Peer::Unix, &shared, watcher).await,
            }
            drop(place);
        });
    }
}

/// All requests of one connection.
async fn answer<S>(stream: S, peer: Peer, shared: &Shared, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = shared.router.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            router.call(request).await.map_err(|never: Infallible| never)
        }
    });
    let stream = TokioIo::new(Patience::new(stream, shared.limits.write));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(stream, service);
    // How a connection ends is the client's business: what was asked on it has been answered, or is sealed as aborted.
    let _ = watcher.watch(connection).await;
}
