//! `/api/v1/export`: all samples of the series that match, in lines, to be imported elsewhere. It is a stream: one series
//! (or one OTLP metric with the parts of its data points) is held at a time, and a client that reads slowly slows it down.

mod otlp;
mod plain;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::StatusCode;
use store::model::LabelMatcher;
use store::{SeriesQuery, Snapshot};
use tokio::sync::mpsc;

use super::{selectors, time_or};
use crate::failure::{Failure, Reply, reply};
use crate::service::Call;

/// A piece is sent when it is as long.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait for the client.
const PIECES: usize = 4;

/// What lines say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// A series each, as VictoriaMetrics exports them.
    Values,
    /// Prometheus' text with times.
    Text,
    /// OTLP/JSON, as the collector's file exporter writes it.
    Otlp,
}

/// Where lines go.
struct Lines {
    piece: Vec<u8>,
    pieces: mpsc::Sender<Result<Bytes, Failure>>,
}

pub(crate) fn answer(call: Call) -> BoxFuture<'static, Result<Reply, Failure>> {
    async move {
        let form = form(call.params.get("format").unwrap_or_default())?;
        let selectors = selectors(&call)?;
        if selectors.is_empty() {
            return Err(Failure::bad(
                "no match[] parameter provided: say which series, such as match[]={job=\"api\"}",
            ));
        }
        let range = (time_or(&call, "start", i64::MIN)?, time_or(&call, "end", i64::MAX)?);
        let (sender, mut pieces) = mpsc::channel(PIECES);
        let (runner, ctx) = (call.shared.runner.clone(), call.ctx.clone());
        let failed = sender.clone();
        tokio::spawn(async move {
            let work = move || {
                let mut lines = Lines { piece: Vec::new(), pieces: sender };
                let snapshot = call.snapshot();
                for matchers in selectors {
                    write(form, &call, &snapshot, matchers, range, &mut lines)?;
                }
                lines.send()
            };
            if let Err(failure) = runner.run(&ctx, work).await {
                // Whoever reads is told; nobody reads if the client has left.
                let _ = failed.send(Err(failure)).await;
            }
        });
        // What fails at once is an answer of its own; later the stream breaks off.
        let first = match pieces.recv().await {
            Some(Err(failure)) => return Err(failure),
            first => first,
        };
        let rest = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
        let all =
            stream::iter(first).chain(rest).map(|piece| piece.map_err(|e| std::io::Error::other(e.message)));
        let kind = if form == Form::Text { "text/plain; charset=utf-8" } else { "application/x-ndjson" };
        Ok(reply(StatusCode::OK, kind, Body::from_stream(all)))
    }
    .boxed()
}

fn form(name: &str) -> Result<Form, Failure> {
    match name {
        "" | "json" => Ok(Form::Values),
        "prometheus" => Ok(Form::Text),
        "otlp" => Ok(Form::Otlp),
        other => Err(Failure::bad(format!("format {other:?} is not known: json, prometheus or otlp"))),
    }
}

fn write(
    form: Form,
    call: &Call,
    snapshot: &Snapshot,
    matchers: Vec<LabelMatcher>,
    (start_ms, end_ms): (i64, i64),
    lines: &mut Lines,
) -> Result<(), Failure> {
    // Where growth has no form of its own its running total is shown.
    let query = SeriesQuery { matchers, start_ms, end_ms, totals: form != Form::Otlp };
    let set = snapshot.series_set(&call.ctx, &query)?;
    if form == Form::Otlp {
        return otlp::write(&call.ctx, &set, lines);
    }
    let mut reader = set.reader();
    for at in 0..set.len() {
        let Some(series) = reader.read(&call.ctx, at)? else { continue };
        match form {
            Form::Text => plain::text(&series, lines)?,
            _ => plain::values(&series, lines)?,
        }
        call.ctx.budget.give_back(series.held_bytes());
    }
    Ok(())
}

// === impl Lines ===

impl Lines {
    /// Ends a line.
    fn end(&mut self) -> Result<(), Failure> {
        self.piece.push(b'\n');
        if self.piece.len() >= PIECE_BYTES { self.send() } else { Ok(()) }
    }

    /// Waits while the client has enough to read.
    fn send(&mut self) -> Result<(), Failure> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        let left = |_| Failure::new(store::model::ErrorClass::Canceled, "the client has left");
        self.pieces.blocking_send(Ok(piece.into())).map_err(left)
    }
}

#[cfg(test)]
mod tests;
