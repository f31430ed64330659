//! Counts the store makes: spans are seen as groups with equal values, never one by one.

use std::sync::Mutex;

use rustc_hash::FxHashMap;
use store::model::{ColumnRef, Stream, Value};
use store::{ScanStats, TallyQuery, Windows};

use super::super::search::add_stats;
use super::super::value::SpanRef;
use super::collect::Collector;
use super::spans::SpanQuery;
use crate::logql::EvalError;
use crate::traceql::ast::{Attribute, Metrics, Scope};
use crate::traceql::table::{Intrinsic, MetricsOp};

/// Whether only counts are asked for, of groups that a span's columns and its stream make.
pub(super) fn applies(metrics: &Metrics) -> bool {
    let counts = matches!(metrics.op, MetricsOp::Rate | MetricsOp::Count) && metrics.of.is_none();
    counts && metrics.by.iter().all(|by| column(by).is_some() || part_of_stream(by).is_some())
}

/// Counts into the collector's groups.
pub(super) fn count(
    query: &SpanQuery<'_>,
    collector: &mut Collector<'_>,
    stats: &mut ScanStats,
) -> Result<(), EvalError> {
    let by = &query.metrics.by;
    let columns: Vec<ColumnRef> = by.iter().filter_map(column).collect();
    let events = query.events(columns);
    let steps = query.steps;
    let windows = Windows { start: steps.start, step: steps.step, count: steps.count, range: steps.step };
    let classes = Classes { by, known: Mutex::default() };
    let class = |stream: &Stream| Some(classes.of(stream));
    let asked = TallyQuery { events: &events, windows, class: &class, by_kind: true };
    let tally = query.snapshot.tally(query.ctx, &asked)?;
    for row in 0..tally.rows.rows() {
        collector.add_counts(SpanRef { batch: &tally.rows, row, structure: None }, tally.counts(row))?;
    }
    add_stats(stats, tally.stats);
    Ok(())
}

/// The column of the span itself an attribute is read from.
fn column(by: &Attribute) -> Option<ColumnRef> {
    match by {
        Attribute::Intrinsic(
            Intrinsic::Name | Intrinsic::Status | Intrinsic::Kind | Intrinsic::StatusMessage,
        ) => super::super::filter::column_of(by),
        Attribute::Named { scope: Scope::Span | Scope::Any, parent: false, name } => {
            Some(ColumnRef::Attribute(name.as_str().into()))
        }
        _ => None,
    }
}

enum PartOfStream<'a> {
    Resource(&'a str),
    ScopeAttribute(&'a str),
    Either(&'a str),
    ScopeName,
    ScopeVersion,
}

fn part_of_stream(by: &Attribute) -> Option<PartOfStream<'_>> {
    match by {
        Attribute::Named { scope, parent: false, name } => match scope {
            Scope::Resource => Some(PartOfStream::Resource(name)),
            Scope::Instrumentation => Some(PartOfStream::ScopeAttribute(name)),
            Scope::Any => Some(PartOfStream::Either(name)),
            _ => None,
        },
        Attribute::Intrinsic(Intrinsic::InstrumentationName) => Some(PartOfStream::ScopeName),
        Attribute::Intrinsic(Intrinsic::InstrumentationVersion) => Some(PartOfStream::ScopeVersion),
        _ => None,
    }
}

/// Numbers streams by what the groups see of them.
struct Classes<'q> {
    by: &'q [Attribute],
    known: Mutex<FxHashMap<String, u32>>,
}

impl Classes<'_> {
    fn of(&self, stream: &Stream) -> u32 {
        let value = |by: &Attribute| {
            Some(match part_of_stream(by)? {
                PartOfStream::Resource(name) => stream.resource.get(name)?,
                PartOfStream::ScopeAttribute(name) => stream.scope_attributes.get(name)?,
                PartOfStream::Either(name) => {
                    stream.resource.get(name).or_else(|| stream.scope_attributes.get(name))?
                }
                PartOfStream::ScopeName => Value::Str(&stream.scope_name),
                PartOfStream::ScopeVersion => Value::Str(&stream.scope_version),
            })
        };
        let key = format!("{:?}", self.by.iter().map(value).collect::<Vec<_>>());
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let next = known.len() as u32;
        *known.entry(key).or_insert(next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use store::Snapshot;
    use store::model::{Batch, EventBatchBuilder, Field, Signal, StreamParts};

    use super::super::super::tests::{SECOND, ctx};
    use super::super::{MetricsParams, metrics, metrics_one_by_one};
    use super::*;
    use crate::traceql::parse;

    /// Of a span: service, name, kind, status, start, and a number from which attributes are made.
    type Row = (u8, u8, i64, i64, i64, u8);

    fn snapshot(rows: &[Row]) -> Snapshot {
        let of_half = |odd: usize| {
            let mut b = EventBatchBuilder::new(Signal::Spans);
            for (service, name, kind, status, start, what) in rows.iter().skip(odd).step_by(2) {
                let service_name = format!("s{}", service % 3);
                let mut resource = vec![("service.name", Value::Str(&service_name))];
                // The same text in two kinds, and an attribute that span and resource have.
                match service % 4 {
                    0 => resource.push(("zone", Value::Int(1))),
                    1 => resource.push(("zone", Value::Str("1"))),
                    2 => resource.push(("both", Value::Str("resource"))),
                    _ => {}
                }
                let parts = StreamParts { resource: &resource, scope_name: "lib", ..Default::default() };
                let stream = b.stream(&parts);
                b.begin_row(*start, stream);
                b.field(Field::Name, Value::Str(["load", "store", ""][usize::from(name % 3)]));
                b.field(Field::Duration, Value::Int(i64::from(*what) * 1_000_000));
                if *kind > 0 {
                    b.field(Field::Kind, Value::Int(*kind));
                }
                if *status > 0 {
                    b.field(Field::StatusCode, Value::Int(*status));
                }
                match what % 7 {
                    0 => b.attribute("code", Value::Int(500)),
                    1 => b.attribute("code", Value::Str("500")),
                    2 => b.attribute("code", Value::Double(500.0)),
                    3 => b.attribute("code", Value::Int(i64::from(*what))),
                    4 => b.attribute("both", Value::Str("span")),
                    5 => b.attribute("code", Value::Bool(true)),
                    _ => {}
                }
                b.end_row();
            }
            Batch::Events(b.finish())
        };
        Snapshot::of_batches([of_half(0), of_half(1)])
    }

    const CONDITIONS: [&str; 16] = [
        "{ }",
        "{ duration > 20ms }",
        "{ name = \"load\" }",
        "{ status = error }",
        "{ status = unset && kind = server }",
        "{ span.code = 500 }",
        "{ span.code >= 200 }",
        "{ span.code < 200 || status = ok }",
        "{ span.code = \"500\" }",
        "{ span.code = true }",
        "{ span.code != 500 }",
        "{ span.code =~ \"5.*\" }",
        "{ .both = \"span\" }",
        "{ resource.service.name = \"s1\" && span.code > 1.5 }",
        "{ resource.zone = 1 }",
        "{ name =~ \"lo.*\" && !(span.code = 500) }",
    ];

    const BY: [&str; 10] = [
        "",
        "name",
        "status",
        "kind, status",
        "resource.service.name",
        "resource.zone",
        "span.code",
        ".both",
        "span.code, resource.service.name, name",
        "instrumentation:name, span.both",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn counts_of_the_store_are_those_of_the_spans_one_by_one(
            rows in vec((any::<u8>(), any::<u8>(), 0..7i64, 0..4i64, 0..6 * SECOND, any::<u8>()), 1..60),
            step in SECOND / 1_000..3 * SECOND,
        ) {
            let snapshot = snapshot(&rows);
            let params = MetricsParams { start: SECOND, end: 5 * SECOND, step, exemplars: 0 };
            for condition in CONDITIONS {
                for by in BY {
                    for op in ["rate", "count_over_time"] {
                        let by = if by.is_empty() { String::new() } else { format!(" by ({by})") };
                        let text = format!("{condition} | {op}(){by}");
                        let query = parse(&text).unwrap();
                        let (found, _) = metrics(&ctx(), &snapshot, &query, &params).unwrap();
                        let (expected, _) = metrics_one_by_one(&ctx(), &snapshot, &query, &params).unwrap();
                        prop_assert_eq!(found, expected, "{}", text);
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_store_can_say_whole_is_asked_of_it() {
        let asked = |text: &str| {
            let query = parse(text).unwrap();
            let crate::traceql::ast::Expr::Metrics(crate::traceql::ast::MetricsExpr::Select {
                stages,
                metrics,
            }) = &query.expr
            else {
                panic!("{text} is not of spans");
            };
            let steps = super::super::Steps { start: 0, step: 1, count: 1 };
            let (ctx, snapshot) = (ctx(), snapshot(&[]));
            let query = SpanQuery::new(&ctx, &snapshot, steps, stages, metrics, false);
            applies(metrics) && query.is_whole()
        };
        for text in [
            "{ } | rate() by (resource.service.name)",
            "{ status = error && duration > 1s } | count_over_time() by (name, .http.route)",
            "{ resource.service.name = \"cart\" && span.http.status_code >= 500 } | rate()",
        ] {
            assert!(asked(text), "{text}");
        }
        for text in [
            "{ } | rate() by (rootName)",
            "{ } | max_over_time(duration)",
            "{ span.a != 1 } | rate()",
            "{ .a = 1 } | rate()",
            "{ span.a = 9007199254740993 } | rate()",
            "{ } >> { } | rate()",
        ] {
            assert!(!asked(text), "{text}");
        }
    }
}
