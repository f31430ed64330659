//! `/api/v1/read`: remote read, as samples or as a stream of chunks.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use store::model::{LabelMatcher, MatchOp};
use store::{SeriesQuery, SeriesSamples};

use crate::failure::{Failure, Reply, reply};
use crate::service::Call;
use crate::wire::remote_read::{
    Chunk, ChunkedReadResponse, ChunkedSeries, QueryResult, ReadMatcher, ReadQuery, ReadRequest,
    ReadResponse, SAMPLES, STREAMED_XOR_CHUNKS, TimeSeries, labels,
};
use crate::wire::{histogram_chunk, xor};

const PROTOBUF: &str = "application/x-protobuf";
const STREAM: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
/// Frames end with the chunk that makes them longer; readers allow some megabytes.
const FRAME_BYTES: usize = 1 << 20;
/// A request is a few selectors, however well it is packed.
const REQUEST_BYTES_MAX: usize = 32 << 20;
const ENCODING_XOR: i32 = 1;
const ENCODING_FLOAT_HISTOGRAM: i32 = 3;

pub(crate) fn answer(call: &Call) -> Result<Reply, Failure> {
    let request = request(&call.body)?;
    let snapshot = call.snapshot();
    let mut results = Vec::new();
    for query in &request.queries {
        let mut series = snapshot.select(&call.ctx, &series_query(query)?)?;
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        results.push(series);
    }
    let accepted = &request.accepted_response_types;
    let first = accepted.iter().find(|kind| matches!(**kind, SAMPLES | STREAMED_XOR_CHUNKS));
    if !accepted.is_empty() && first.is_none() {
        return Err(Failure::bad(format!("none of the accepted response types {accepted:?} is known here")));
    }
    if first == Some(&STREAMED_XOR_CHUNKS) {
        return Ok(reply(StatusCode::OK, STREAM, stream(&results)));
    }
    samples(&results)
}

fn request(body: &Bytes) -> Result<ReadRequest, Failure> {
    let bad = |what: String| Failure::bad(format!("the body is not a remote read request: {what}"));
    let len = snap::raw::decompress_len(body).map_err(|error| bad(error.to_string()))?;
    if len > REQUEST_BYTES_MAX {
        return Err(bad(format!("{len} bytes are more than {REQUEST_BYTES_MAX}")));
    }
    let bytes = snap::raw::Decoder::new().decompress_vec(body).map_err(|error| bad(error.to_string()))?;
    ReadRequest::read(&bytes).map_err(bad)
}

fn series_query(query: &ReadQuery) -> Result<SeriesQuery, Failure> {
    Ok(SeriesQuery {
        matchers: query.matchers.iter().map(matcher).collect::<Result<_, _>>()?,
        start_ms: query.start_timestamp_ms,
        end_ms: query.end_timestamp_ms,
        totals: true,
    })
}

fn matcher(matcher: &ReadMatcher) -> Result<LabelMatcher, Failure> {
    let op = match matcher.kind {
        0 => MatchOp::Equal,
        1 => MatchOp::NotEqual,
        2 => MatchOp::Regex,
        3 => MatchOp::NotRegex,
        other => return Err(Failure::bad(format!("{other} is no kind of matcher"))),
    };
    LabelMatcher::new(&matcher.name, op, &matcher.value).map_err(|error| Failure::bad(error.to_string()))
}

fn samples(results: &[Vec<SeriesSamples>]) -> Result<Reply, Failure> {
    let of = |all: &Vec<SeriesSamples>| QueryResult { timeseries: all.iter().map(TimeSeries::of).collect() };
    let message = ReadResponse { results: results.iter().map(of).collect() }.to_bytes();
    let packed = snap::raw::Encoder::new().compress_vec(&message).map_err(|error| {
        Failure::new(
            store::model::ErrorClass::QueryLimit,
            format!("the answer is too large for one message: {error}"),
        )
    })?;
    let mut reply = reply(StatusCode::OK, PROTOBUF, packed);
    reply.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    Ok(reply)
}

/// One series a frame; a long one takes several.
fn stream(results: &[Vec<SeriesSamples>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (query_index, series) in results.iter().enumerate() {
        for one in series {
            let labels = labels(one);
            let mut frame: Vec<Chunk> = Vec::new();
            let mut bytes = 0;
            let mut flush = |frame: &mut Vec<Chunk>| {
                let chunks = std::mem::take(frame);
                let chunked_series = vec![ChunkedSeries { labels: labels.clone(), chunks }];
                let message = ChunkedReadResponse { chunked_series, query_index: query_index as i64 };
                xor::put_frame(&mut out, &message.to_bytes());
            };
            for chunk in chunks(one) {
                bytes += chunk.data.len();
                frame.push(chunk);
                if bytes >= FRAME_BYTES {
                    flush(&mut frame);
                    bytes = 0;
                }
            }
            if !frame.is_empty() {
                flush(&mut frame);
            }
        }
    }
    out
}

/// A series' chunks in the order of their times.
fn chunks(series: &SeriesSamples) -> Vec<Chunk> {
    let times = series.times.chunks(xor::CHUNK_SAMPLES);
    let floats = times.zip(series.values.chunks(xor::CHUNK_SAMPLES)).filter_map(|(times, values)| {
        let (min_time_ms, max_time_ms) = (*times.first()?, *times.last()?);
        Some(Chunk { min_time_ms, max_time_ms, encoding: ENCODING_XOR, data: xor::encode(times, values) })
    });
    let points: Vec<_> = series.histograms.iter().map(|(time, _, point)| (*time, point)).collect();
    let histograms = histogram_chunk::runs(&points).into_iter().filter_map(|run| {
        let (min_time_ms, max_time_ms) = (run.first()?.0, run.last()?.0);
        let data = histogram_chunk::encode(&run);
        Some(Chunk { min_time_ms, max_time_ms, encoding: ENCODING_FLOAT_HISTOGRAM, data })
    });
    let mut chunks: Vec<Chunk> = floats.chain(histograms).collect();
    chunks.sort_by_key(|chunk| chunk.min_time_ms);
    chunks
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::*;
    use crate::testing::{NOW_S, World};
    use crate::wire::remote_read::client;

    async fn ask(world: &World, tenant: &str, kinds: &[i32]) -> (String, Vec<u8>) {
        let matchers = [(0, "__name__", "shop_orders_total"), (2, "region", "e.")];
        let matchers =
            matchers.map(|(kind, name, value)| ReadMatcher { kind, name: name.into(), value: value.into() });
        let query = ReadQuery {
            start_timestamp_ms: (NOW_S - 3600) * 1000,
            end_timestamp_ms: NOW_S * 1000,
            matchers: matchers.to_vec(),
        };
        let request = ReadRequest { queries: vec![query], accepted_response_types: kinds.to_vec() };
        let body = snap::raw::Encoder::new().compress_vec(&client::request_bytes(&request)).unwrap();
        let request = http::Request::post("/api/v1/read").body(Body::from(body)).unwrap();
        let reply = world.send(tenant, request).await;
        let content_type = reply.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (content_type, reply.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn samples_or_chunks_of_the_askers_own_series() {
        let world = World::with_data().await;
        let (content_type, body) = ask(&world, "a", &[]).await;
        assert_eq!(content_type, PROTOBUF);
        let message = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
        let response = client::response(&message);
        let [series] = &response.results[0].timeseries[..] else { panic!("{response:?}") };
        assert_eq!(series.labels[0].value, "shop_orders_total");
        let times: Vec<i64> = series.samples.iter().map(|sample| sample.timestamp / 1000 - NOW_S).collect();
        // A zero where the counter began.
        assert_eq!((times, series.samples[2].value), (vec![-120, -60, 0], 120.0));

        let (content_type, body) = ask(&world, "a", &[STREAMED_XOR_CHUNKS, SAMPLES]).await;
        assert_eq!(content_type, STREAM);
        let message = client::chunks(&body[5..]);
        let chunk = &message.chunked_series[0].chunks[0];
        assert_eq!((body[0] as usize, chunk.max_time_ms), (body.len() - 5, NOW_S * 1000));
        let values: Vec<f64> = series.samples.iter().map(|sample| sample.value).collect();
        let times = [NOW_S - 120, NOW_S - 60, NOW_S].map(|time| time * 1000);
        assert_eq!(chunk.data, xor::encode(&times, &values));

        assert!(ask(&world, "b", &[STREAMED_XOR_CHUNKS]).await.1.is_empty());
        assert_eq!(world.post("/api/v1/read", PROTOBUF, "no").await.status, 400);
    }
}
