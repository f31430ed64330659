//! From rows to edges: each call counted once, however its spans came.

use rustc_hash::FxHashSet;

use super::graph::{Edge, EdgeKind, ServiceGraph};
use super::rows::{Peer, Row, Rows, Survey};
use crate::traceql::{Kind, Status, TraceId};

/// Who calls when nobody is known to: the clients of a service that begins traces.
const USER: &str = "user";

/// Adds the edges of spans inside the window. A call that ended after `settled` may still be answered: it is not said
/// yet that its other side sends no spans.
pub(super) fn add(rows: &Rows, survey: &Survey, settled: i64, graph: &mut ServiceGraph) {
    let mut answered: FxHashSet<(TraceId, u64)> = FxHashSet::default();
    let mut linked: FxHashSet<usize> = FxHashSet::default();
    for (at, trace, id) in &rows.links {
        let (Some(consumer), Some(producer)) = (rows.rows.get(*at), rows.find(*trace, *id)) else { continue };
        answered.insert((producer.trace, producer.id));
        linked.insert(*at);
        count(rows, graph, producer, consumer, EdgeKind::Messaging);
    }
    for (at, row) in rows.rows.iter().enumerate() {
        match rows.parent(row) {
            Some(parent) if parent.service != row.service || (parent.calls() && serves(row)) => {
                answered.insert((parent.trace, parent.id));
                let queue = parent.kind == Kind::Producer || row.kind == Kind::Consumer;
                count(rows, graph, parent, row, if queue { EdgeKind::Messaging } else { EdgeKind::Calls });
            }
            Some(_) => {}
            None if row.kind == Kind::Server && row.parent == 0 => {
                let edge =
                    Edge { client: USER.to_owned(), server: named(rows, row), kind: EdgeKind::Virtual };
                alone(graph, edge, row, false);
            }
            None if row.kind == Kind::Consumer && row.parent == 0 && !linked.contains(&at) => {
                if let Peer::Queue(queue) = row.peer {
                    let client = rows.texts.text(queue).to_owned();
                    alone(
                        graph,
                        Edge { client, server: named(rows, row), kind: EdgeKind::Messaging },
                        row,
                        false,
                    );
                }
            }
            None => {}
        }
    }
    let silent = |row: &&Row| {
        let key = (row.trace, row.id);
        row.calls() && !answered.contains(&key) && !survey.linked.contains(&key)
    };
    for row in rows.rows.iter().filter(silent) {
        let (server, kind) = match row.peer {
            Peer::Database(name) => (name, EdgeKind::Database),
            _ if row.time.saturating_add(row.duration) > settled => continue,
            Peer::Queue(name) => (name, EdgeKind::Messaging),
            // A service that is known and did not answer is no stranger.
            Peer::Other(name) if survey.services.contains(rows.texts.text(name)) => (name, EdgeKind::Calls),
            Peer::Other(name) => (name, EdgeKind::Virtual),
            Peer::None => continue,
        };
        let edge = Edge { client: named(rows, row), server: rows.texts.text(server).to_owned(), kind };
        alone(graph, edge, row, true);
    }
}

fn serves(row: &Row) -> bool {
    matches!(row.kind, Kind::Server | Kind::Consumer)
}

fn named(rows: &Rows, row: &Row) -> String {
    rows.texts.text(row.service).to_owned()
}

/// A call with both its sides. It belongs to where its server is.
fn count(rows: &Rows, graph: &mut ServiceGraph, client: &Row, server: &Row, kind: EdgeKind) {
    if !server.inside {
        return;
    }
    let edge = Edge { client: named(rows, client), server: named(rows, server), kind };
    let stats = graph.edges.entry(edge).or_default();
    stats.calls += 1;
    stats.failed += u64::from(client.status == Status::Error || server.status == Status::Error);
    stats.server.add(server.example());
    if client.calls() {
        stats.client.add(client.example());
    }
}

/// A call of which one side is known.
fn alone(graph: &mut ServiceGraph, edge: Edge, row: &Row, is_client: bool) {
    if !row.inside {
        return;
    }
    let stats = graph.edges.entry(edge).or_default();
    stats.calls += 1;
    stats.failed += u64::from(row.status == Status::Error);
    (if is_client { &mut stats.client } else { &mut stats.server }).add(row.example());
}
