//! The doors over real sockets: each row of the error table, compression, retries and overload.

mod answers;
mod grpc;
mod http;
mod server;
