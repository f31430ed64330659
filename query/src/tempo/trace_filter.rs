//! `q` of a trace by id: which of its spans are shown. Those that match stay, and with them as many levels of their
//! ancestors (`keep_hierarchy`, `ancestor_depth`) and descendants (`match_depth`) as the request asks for.

use std::collections::{HashMap, HashSet};

use engine::traceql::{self, Expr, FieldExpr, Query, SearchParams, SpansetExpr, Stage, TraceId};

use crate::failure::Failure;
use crate::service::Call;
use crate::wire::{SpanPlace, TraceMessage};

const ONE_SPANSET: &str = "q of a trace by id is one set of conditions, like { status = error }";

#[derive(Debug)]
pub(super) struct TraceFilter {
    /// `None` is `{}`.
    conditions: Option<FieldExpr>,
    ancestors: Levels,
    descendants: Levels,
}

/// How far to walk from a span; `None` is as far as it goes.
type Levels = Option<usize>;

impl TraceFilter {
    /// What the request asks for; the other parameters mean nothing without `q`.
    pub(super) fn of(call: &Call) -> Result<Option<Self>, Failure> {
        let text = call.params.get("q").unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(None);
        }
        let ancestors = match flag(call, "keep_hierarchy")? {
            true => levels(call, "ancestor_depth", None)?,
            false => Some(0),
        };
        let descendants = levels(call, "match_depth", Some(0))?;
        Ok(Some(Self { conditions: conditions(text)?, ancestors, descendants }))
    }

    pub(super) fn apply(self, call: &Call, id: TraceId, trace: &mut TraceMessage) -> Result<(), Failure> {
        let Some(conditions) = self.conditions else { return Ok(()) };
        let matches = matches(call, conditions, id, trace)?;
        let key = |place: &SpanPlace<'_>| (place.id.to_vec(), place.start);
        let places: Vec<SpanPlace<'_>> = trace.places().collect();
        let (mut parents, mut children) = (Near::default(), Near::default());
        for place in places.iter().filter(|place| !place.id.is_empty() && !place.parent.is_empty()) {
            parents.entry(place.id).or_default().push(place.parent);
            children.entry(place.parent).or_default().push(place.id);
        }
        let seeds: Vec<&[u8]> =
            places.iter().filter(|place| matches.contains(&key(place))).map(|place| place.id).collect();
        let mut near = walk(&parents, &seeds, self.ancestors);
        near.extend(walk(&children, &seeds, self.descendants));
        trace.retain(|place| matches.contains(&key(&place)) || near.contains(place.id));
        Ok(())
    }
}

/// The spans of the trace that match, by id and start.
fn matches(
    call: &Call,
    conditions: FieldExpr,
    id: TraceId,
    trace: &TraceMessage,
) -> Result<HashSet<(Vec<u8>, i64)>, Failure> {
    let times = || trace.places().map(|place| place.start);
    let (start, end) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
    let params = SearchParams { start, end: end.saturating_add(1), limit: 1, spans_per_set: usize::MAX };
    let id = format!("{{ trace:id = \"{:032x}\" }}", u128::from_be_bytes(id));
    let both: Vec<FieldExpr> = self::conditions(&id)?.into_iter().chain([conditions]).collect();
    let filter = Stage::Spanset(SpansetExpr::Filter(Some(FieldExpr::And(both))));
    let query = Query { expr: Expr::Search(vec![filter]), hints: Vec::new() };
    let found = traceql::search(&call.ctx, &call.snapshot(), &query, &params)?;
    let sets = found.traces.into_iter().flat_map(|trace| trace.span_sets);
    Ok(sets.flat_map(|set| set.spans).map(|span| (span.id, span.start)).collect())
}

fn conditions(text: &str) -> Result<Option<FieldExpr>, Failure> {
    let Expr::Search(mut stages) = traceql::parse(text)?.expr else { return Err(Failure::bad(ONE_SPANSET)) };
    match (stages.pop(), stages.is_empty()) {
        (Some(Stage::Spanset(SpansetExpr::Filter(conditions))), true) => Ok(conditions),
        _ => Err(Failure::bad(ONE_SPANSET)),
    }
}

fn flag(call: &Call, name: &str) -> Result<bool, Failure> {
    match call.params.get(name).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "0" | "f" | "false" => Ok(false),
        "1" | "t" | "true" => Ok(true),
        other => Err(Failure::bad(format!("invalid {name}: {other:?} is neither true nor false"))),
    }
}

fn levels(call: &Call, name: &str, default: Levels) -> Result<Levels, Failure> {
    match call.params.parse::<i64>(name, "a number of levels")? {
        None => Ok(default),
        Some(-1) => Ok(None),
        Some(count) => usize::try_from(count).map(Some).map_err(|_| {
            Failure::bad(format!("invalid {name}: {count} is neither -1 nor a number of levels"))
        }),
    }
}

type Near<'a> = HashMap<&'a [u8], Vec<&'a [u8]>>;

/// What is reached from `seeds`, level by level, each id once: circles end.
fn walk(near: &Near<'_>, seeds: &[&[u8]], levels: Levels) -> HashSet<Vec<u8>> {
    let mut reached = HashSet::new();
    let mut edge = seeds.to_vec();
    let mut level = 0;
    while levels.is_none_or(|levels| level < levels) && !edge.is_empty() {
        let next = edge.iter().flat_map(|id| near.get(id).into_iter().flatten().copied());
        edge = next.filter(|id| reached.insert(id.to_vec())).collect();
        level += 1;
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    const TRACE: &str = "/api/v2/traces/10203040506070809";

    /// The names of the spans that are left.
    async fn names(world: &World, params: &str) -> Vec<String> {
        let answer = world.get(&format!("{TRACE}?{params}")).await;
        assert_eq!(answer.status, 200, "{params}: {}", answer.body);
        let parts = answer.body.split("\"spanId\"").skip(1);
        parts
            .filter_map(|part| part.split("\"name\":\"").nth(1)?.split('"').next().map(str::to_owned))
            .collect()
    }

    #[tokio::test]
    async fn spans_that_match_stay_with_the_levels_asked_for() {
        let world = World::with_data().await;
        for (params, wanted) in [
            ("q=", vec!["POST /checkout", "charge", "Charge"]),
            ("q={}", vec!["POST /checkout", "charge", "Charge"]),
            ("q={status=error}", vec!["Charge"]),
            ("q={status=error}&keep_hierarchy=true&ancestor_depth=0", vec!["Charge"]),
            ("q={status=error}&keep_hierarchy=true&ancestor_depth=1", vec!["charge", "Charge"]),
            ("q={status=error}&keep_hierarchy=true", vec!["POST /checkout", "charge", "Charge"]),
            ("q={kind=client}&match_depth=1", vec!["charge", "Charge"]),
            ("q={nestedSetParent<0}&match_depth=1", vec!["POST /checkout", "charge"]),
            ("q={nestedSetParent<0}&match_depth=-1", vec!["POST /checkout", "charge", "Charge"]),
            ("q={name=\"nobody\"}&match_depth=-1", vec![]),
        ] {
            assert_eq!(names(&world, params).await, wanted, "{params}");
        }
    }

    #[tokio::test]
    async fn what_is_no_set_of_conditions_is_refused() {
        let world = World::with_data().await;
        for bad in [
            "q={",
            "q={} | count() > 1",
            "q={} > {}",
            "q={} | rate()",
            "q={}&match_depth=-2",
            "q={}&match_depth=x",
            "q={}&keep_hierarchy=maybe",
            "q={}&keep_hierarchy=true&ancestor_depth=-2",
        ] {
            assert_eq!(world.get(&format!("{TRACE}?{bad}")).await.status, 400, "{bad}");
        }
        assert_eq!(world.get(&format!("{TRACE}?match_depth=-2&ancestor_depth=x")).await.status, 200);
    }

    #[test]
    fn circles_end() {
        let near = Near::from([(&b"a"[..], vec![&b"b"[..]]), (&b"b"[..], vec![&b"a"[..]])]);
        assert_eq!(walk(&near, &[b"a"], None), HashSet::from([b"a".to_vec(), b"b".to_vec()]));
        assert_eq!(walk(&near, &[b"a"], Some(1)), HashSet::from([b"b".to_vec()]));
        assert!(walk(&near, &[b"a"], Some(0)).is_empty());
    }
}
