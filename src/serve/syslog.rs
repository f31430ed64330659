//! Syslog over TCP and UDP: bytes to messages, messages to the collector. Senders get no answer, so what cannot be
//! stored now waits here, and they wait with it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use collector::{Collector, SyslogFramer};
use store::model::{Budget, ErrorClass, Limits, RequestCtx, Role, Tenant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What both transports need.
#[derive(Clone)]
pub(crate) struct SyslogDoor {
    pub(crate) collector: Collector,
    pub(crate) tenant: Tenant,
    pub(crate) limits: Limits,
    pub(crate) stop: CancellationToken,
}

const CONNECTIONS_MAX: usize = 1024;
/// One read of a connection; its messages are stored together.
const READ_BYTES: usize = 64 << 10;
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Datagrams that wait are stored together up to this.
const DATAGRAMS_BYTES_MAX: usize = 512 << 10;
const RETRY_AFTER: Duration = Duration::from_millis(200);

impl SyslogDoor {
    fn context(&self) -> RequestCtx {
        let budget = Budget::new(self.limits.query_memory_bytes_max);
        RequestCtx::new(self.tenant.clone(), "syslog", Role::Ingest, None, budget)
    }

    fn framer(&self) -> SyslogFramer {
        SyslogFramer::new(usize::try_from(self.limits.log_body_bytes_max).unwrap_or(usize::MAX))
    }

    /// Hands messages over, again and again while the store cannot take them.
    async fn store(&self, transport: &'static str, messages: &mut Vec<u8>) {
        if messages.is_empty() {
            return;
        }
        let frames = Bytes::from(std::mem::take(messages));
        loop {
            let error = match self.collector.take_syslog(&self.context(), transport, frames.clone()).await {
                Ok(()) => return,
                Err(class) => class,
            };
            if !is_transient(error) || self.stop.is_cancelled() {
                tracing::warn!(class = ?error, bytes = frames.len(), "syslog messages were refused");
                return;
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn read(self, mut socket: TcpStream) {
        let (mut framer, mut messages) = (self.framer(), Vec::new());
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = tokio::select! {
                read = socket.read(&mut buffer) => read,
                () = self.stop.cancelled() => break,
            };
            match read {
                Ok(0) | Err(_) => break,
                Ok(len) => framer.push(&buffer[..len], &mut messages),
            }
            self.store("tcp", &mut messages).await;
        }
        framer.end(&mut messages);
        self.store("tcp", &mut messages).await;
    }
}

fn is_transient(class: ErrorClass) -> bool {
    class.retry_after_s().is_some()
}

/// Takes connections until told to stop.
pub(crate) async fn serve_tcp(door: SyslogDoor, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = door.stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.stop.cancelled() => break,
        };
        match accepted {
            Ok((socket, _)) => {
                let connection = door.clone().read(socket);
                crate::tasks::spawn("syslog connection", async move {
                    connection.await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
    // Connections end by the same token; all slots back means all have.
    let _ = slots.acquire_many(CONNECTIONS_MAX as u32).await;
}

/// Takes datagrams until told to stop.
pub(crate) async fn serve_udp(door: SyslogDoor, socket: UdpSocket) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut messages = Vec::new();
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = door.stop.cancelled() => return,
        };
        match received {
            Ok((len, _)) => SyslogFramer::datagram(&buffer[..len], &mut messages),
            Err(error) => tracing::debug!(%error, "receive"),
        }
        while messages.len() < DATAGRAMS_BYTES_MAX
            && let Ok((len, _)) = socket.try_recv_from(&mut buffer)
        {
            SyslogFramer::datagram(&buffer[..len], &mut messages);
        }
        door.store("udp", &mut messages).await;
    }
}
