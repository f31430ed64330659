//! The doors over real sockets: each row of the error table, compression, retries and overload.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod answers;
mod grpc;
mod http;
mod server;
