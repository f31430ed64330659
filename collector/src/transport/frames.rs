//! Messages that come without requests and get no answers: syslog over TCP and UDP.

use std::sync::Arc;

use bytes::Bytes;
use store::model::{RequestCtx, Signal};

use crate::collector::Shared;
use crate::ingest::{Ingest, Refusal, ingest};
use crate::metrics::Door;
use crate::protocol::{Encoding, PROTOCOLS};

/// Takes messages of a protocol, each with its length before it; `transport` is for the metrics.
pub(crate) async fn take(
    shared: &Arc<Shared>,
    ctx: &RequestCtx,
    name: &str,
    transport: &'static str,
    body: Bytes,
) -> Result<(), Refusal> {
    let Some(protocol) = PROTOCOLS.iter().find(|row| row.name == name) else { return Ok(()) };
    let door = Door { protocol: protocol.name, transport, signal: Signal::Logs };
    let permit =
        shared.memory.permit(body.len() as u64).map_err(|error| crate::ingest::no_memory(shared, error))?;
    let (target, idempotency_key) = (String::new(), None);
    let request =
        Ingest { protocol, door, encoding: Encoding::Frames, body, target, idempotency_key, permit };
    let result = ingest(shared, ctx, request).await;
    shared
        .metrics
        .answered(door, result.as_ref().map_or_else(|refusal| refusal.class.http_status(), |_| 200));
    result.map(drop)
}
