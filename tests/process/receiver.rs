//! A webhook receiver that does what a test tells it: takes, fails, hangs, is not there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::{eventually, now_ns};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// 200.
    Take,
    /// This status.
    Fail(u16),
    /// 429, and to come back after so many seconds.
    Later(u64),
    /// Reads the request and closes the connection: the answer is lost.
    Lose,
    /// Reads the request and says nothing, until the mode changes: then the connection is closed.
    Hang,
}

/// A request that came in whole.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Unix nanoseconds.
    pub at_ns: u64,
    /// How it was treated.
    pub mode: Mode,
    pub path: String,
    /// Header lines, in lower case.
    pub headers: Vec<String>,
    /// What is no JSON is one text.
    pub body: Value,
}

struct State {
    mode: Mode,
    attempts: Vec<Attempt>,
    /// A closed one refuses connections.
    open: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

// === impl Attempt ===

impl Attempt {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub fn key(&self) -> &str {
        self.header("idempotency-key").expect("a dedup key")
    }
}

// === impl Receiver ===

impl Receiver {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { mode: Mode::Take, attempts: Vec::new(), open: true };
        let receiver =
            Self { address, shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) };
        receiver.listen(listener);
        receiver
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for socket in listener.incoming() {
                if !shared.state.lock().unwrap().open {
                    return;
                }
                let (shared, socket) = (Arc::clone(&shared), socket.unwrap());
                thread::spawn(move || shared.serve(socket));
            }
        });
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn set(&self, mode: Mode) {
        self.shared.state.lock().unwrap().mode = mode;
        self.shared.changed.notify_all();
    }

    /// From now on connections are refused.
    pub fn close(&self) {
        self.shared.state.lock().unwrap().open = false;
        // The listener waits for a connection before it looks.
        drop(TcpStream::connect(self.address));
        eventually("the listener ends", Duration::from_secs(10), || {
            TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_err().then_some(())
        });
    }

    /// Listens again, on the same port.
    pub fn reopen(&self, mode: Mode) {
        let listener =
            eventually("the port is free", Duration::from_secs(60), || TcpListener::bind(self.address).ok());
        let mut state = self.shared.state.lock().unwrap();
        (state.open, state.mode) = (true, mode);
        drop(state);
        self.listen(listener);
    }

    pub fn attempts(&self) -> Vec<Attempt> {
        self.shared.state.lock().unwrap().attempts.clone()
    }

    /// What it answered 200.
    pub fn taken(&self) -> Vec<Attempt> {
        self.attempts().into_iter().filter(|attempt| attempt.mode == Mode::Take).collect()
    }

    /// The first attempt that is wanted, when it has come.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Attempt) -> bool) -> Attempt {
        // The hard bound on everything here; what is expected is far below, and printed.
        let within = Duration::from_secs(60);
        let state = self.shared.state.lock().unwrap();
        let missing = |state: &mut State| !state.attempts.iter().any(&wanted);
        let (state, timeout) = self.shared.changed.wait_timeout_while(state, within, missing).unwrap();
        assert!(!timeout.timed_out(), "{what}: not within {within:?}; came: {:?}", state.attempts);
        state.attempts.iter().find(|attempt| wanted(attempt)).unwrap().clone()
    }
}

// === impl State ===

impl State {
    /// What some ask before they send; that is no attempt.
    fn looked_up(&self, path: &str) -> Option<&'static str> {
        let made = |one: &Attempt| one.path.ends_with("/issue") && one.mode == Mode::Take;
        if path.contains("/gettoken") {
            Some(r#"{"errcode": 0, "access_token": "s3cret-token", "expires_in": 7200}"#)
        } else if path.ends_with("/search") {
            let issues = self.attempts.iter().any(made);
            Some(if issues { r#"{"issues": [{"key": "OPS-1", "fields": {}}]}"# } else { r#"{"issues": []}"# })
        } else {
            None
        }
    }
}

// === impl Shared ===

impl Shared {
    fn serve(&self, mut socket: TcpStream) {
        let Some((path, headers, body)) = read_request(&mut socket) else { return };
        let mut state = self.state.lock().unwrap();
        if let Some(found) = state.looked_up(&path) {
            drop(state);
            return answer(&mut socket, 200, "", found);
        }
        let mode = state.mode;
        let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
        state.attempts.push(Attempt { at_ns: now_ns(), mode, path, headers, body });
        self.changed.notify_all();
        let (status, more) = match mode {
            Mode::Take => (200, String::new()),
            Mode::Fail(status) => (status, String::new()),
            Mode::Later(seconds) => (429, format!("Retry-After: {seconds}\r\n")),
            Mode::Lose => return,
            Mode::Hang => {
                drop(self.changed.wait_while(state, |state| state.mode == Mode::Hang).unwrap());
                return;
            }
        };
        drop(state);
        answer(&mut socket, status, &more, "ok");
    }
}

fn answer(socket: &mut TcpStream, status: u16, more: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        socket,
        "HTTP/1.1 {status} x\r\n{more}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
}

type Request = (String, Vec<String>, Vec<u8>);

fn read_request(socket: &mut TcpStream) -> Option<Request> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        match socket.read(&mut chunk) {
            Ok(n) if n > 0 => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: Vec<String> = lines
        .map(|line| {
            line.split_once(": ").map_or(line.to_owned(), |(n, v)| format!("{}: {v}", n.to_lowercase()))
        })
        .collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = length.unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    let have = body.len();
    body.resize(length, 0);
    socket.read_exact(&mut body[have..]).ok()?;
    Some((path, headers, body))
}
