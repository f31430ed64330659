//! Proofs over the real binary: hostile input, retries, alerts, the command line, operations, tenants. One test program,
//! so that its tests run beside one another; each has a server of its own.

// Helpers of a test may unwrap as the test itself may.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod alerts_api;
mod alerts_kill;
mod alerts_lines;
mod alerts_receivers;
mod alerts_tools;
mod cli;
mod derived;
mod grpc;
mod hostile;
mod migration;
mod operations;
mod other_ways;
mod otlp;
mod provisioning;
mod receiver;
mod retries;
mod rpc;
mod scrape;
mod smtp;
mod tenants;
