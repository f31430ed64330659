//! Accepting connections: HTTP/1.1 and HTTP/2 without TLS on one port, caps, timeouts, and a drain that lets requests
//! finish (GOAWAY on HTTP/2).

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::idle_body::IdleBody;

/// Which address a request came in by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    Main,
    OtlpGrpc,
    OtlpHttp,
    /// A protocol's own address, where the paths it has here begin with this.
    Classic(&'static str),
}

/// Bounds on connections, so that slow or many peers cannot hold the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub connections_max: usize,
    pub header_timeout: Duration,
    pub body_idle_timeout: Duration,
    pub streams_max: u32,
    pub drain_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            header_timeout: Duration::from_secs(15),
            body_idle_timeout: Duration::from_secs(30),
            streams_max: 256,
            drain_timeout: Duration::from_secs(20),
        }
    }
}

pub(crate) async fn bind(addr: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(addr).await
}

/// Accepts until `stop`, then lets open requests finish for the drain timeout.
pub(crate) async fn accept_loop<H, F>(
    listener: TcpListener,
    limits: ConnectionLimits,
    stop: CancellationToken,
    handle: H,
) where
    H: Fn(http::Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = http::Response<Body>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (socket, _) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                // Out of file descriptors, say: a pause keeps this loop from spinning until some are closed.
                tracing::warn!(%error, "accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let connection = graceful.watch(serve_connection(socket, limits, handle.clone()));
        crate::tasks::spawn("connection", async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("open requests were cut off: they took longer than the drain allows");
    }
}

fn serve_connection<H, F>(
    socket: TcpStream,
    limits: ConnectionLimits,
    handle: H,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = Box<dyn std::error::Error + Send + Sync>> + Send
where
    H: Fn(http::Request<Body>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = http::Response<Body>> + Send + 'static,
{
    // Answers are small and wanted at once.
    let _ = socket.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20))
        .adaptive_window(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let request = request.map(|body| Body::new(IdleBody::new(body, limits.body_idle_timeout)));
        let answer = handle(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    builder.serve_connection_with_upgrades(TokioIo::new(socket), service).into_owned()
}
