//! The connection layer: accept loops with caps and timeouts, and what every request passes before a handler sees
//! it (host and origin checks, authentication, the route's role). Decides nothing about bytes or languages.

mod auth;
mod connection;
mod dispatch;
mod guard;
mod idle_body;
mod syslog;

pub(crate) use auth::{Authenticator, Granted};
pub(crate) use connection::{ConnectionLimits, Door, accept_loop, bind};
pub(crate) use dispatch::{Answerer, Dispatch};
pub(crate) use guard::Gate;
pub(crate) use syslog::{SyslogDoor, serve_tcp, serve_udp};
