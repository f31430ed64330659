//! What spans tell beside what a query asks: who calls whom and how it goes, where a trace's time went, and what is
//! different about some of them. No language here: conditions come as TraceQL's trees.

mod difference;
mod distribution;
mod edges;
mod graph;
mod path;
mod rows;

pub use difference::{Difference, DifferenceParams, Differences, difference};
pub use distribution::{BOUNDS_S, Distribution, Example};
pub use graph::{Edge, EdgeKind, EdgeStats, MARGIN_NS, Operation, ServiceGraph, service_graph};
pub use path::{PathPart, TracePath, trace_path};
