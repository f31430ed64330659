//! The doors: HTTP and gRPC. They read bodies under permits and caps, decompress, and write answers; what a body
//! means is the decoders' business.

mod answer;
mod body;
mod compression;
pub(crate) mod cors;
mod dialect;
pub(crate) mod frames;
pub(crate) mod grpc;
pub(crate) mod http;
mod lines;

use std::sync::LazyLock;

use ::http::Method;
use store::model::Signal;

pub(crate) use body::Buffers;

use crate::protocol::{PROTOCOLS, PathRow, ProtocolRow, Serves};

/// A path of the collector, for the table of routes.
#[derive(Clone, Copy, Debug)]
pub struct HttpRoute {
    pub methods: &'static [Method],
    /// `{name}` is a segment, `{name...}` one or more.
    pub path: &'static str,
    pub signal: Signal,
    pub protocol: &'static ProtocolRow,
    pub serves: Serves,
}

pub(crate) fn http_routes() -> &'static [HttpRoute] {
    // Derived from constants, so not state: computed once because the table's rows are nested.
    static ROUTES: LazyLock<Vec<HttpRoute>> = LazyLock::new(|| {
        let rows =
            PROTOCOLS.iter().flat_map(|protocol| protocol.paths.iter().map(move |row| (protocol, row)));
        let route = |(protocol, row): (&'static ProtocolRow, &PathRow)| HttpRoute {
            methods: row.methods,
            path: row.path,
            signal: row.signal,
            protocol,
            serves: row.serves,
        };
        rows.map(route).collect()
    });
    &ROUTES
}
