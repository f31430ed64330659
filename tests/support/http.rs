//! HTTP/1.1, one request a connection: what a test sends is what it wrote.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Generous: a debug build among other tests takes its time over a bomb.
const TIMEOUT: Duration = Duration::from_secs(180);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends a request to `host:port`. A server that answers before it has read the whole body is heard.
pub fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_send(address, method, path, headers, body).unwrap_or_else(|e| panic!("{method} {address}{path}: {e}"))
}

pub fn try_send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str(&format!("Host: {address}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    exchange(&mut socket, head.as_bytes(), |socket| socket.write_all(body))
}

/// The same with a body whose length nobody declares.
pub fn send_chunked(address: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    socket.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    socket.set_write_timeout(Some(TIMEOUT)).expect("a socket");
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nConnection: close\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n"
    );
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    head.push_str("\r\n");
    let write = |socket: &mut TcpStream| {
        for chunk in body.chunks(1 << 16) {
            socket.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            socket.write_all(chunk)?;
            socket.write_all(b"\r\n")?;
        }
        socket.write_all(b"0\r\n\r\n")
    };
    exchange(&mut socket, head.as_bytes(), write).unwrap_or_else(|e| panic!("POST {address}{path}: {e}"))
}

fn exchange(
    socket: &mut TcpStream,
    head: &[u8],
    write: impl FnOnce(&mut TcpStream) -> std::io::Result<()>,
) -> std::io::Result<Answer> {
    socket.write_all(head)?;
    // A refused body: the server may close while we write, its answer is still there to read.
    let written = write(socket);
    let mut bytes = Vec::new();
    let read = socket.read_to_end(&mut bytes);
    parse(&bytes).ok_or_else(|| {
        let reason = written.err().or(read.err());
        reason.unwrap_or_else(|| std::io::Error::other("the answer is not HTTP"))
    })
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let chunked = headers.iter().any(|(n, v)| n.eq_ignore_ascii_case("transfer-encoding") && v == "chunked");
    let body = &bytes[end + 4..];
    Some(Answer { status, body: if chunked { unchunk(body) } else { body.to_vec() }, headers })
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let chunk = size.filter(|size| *size > 0).and_then(|size| rest.get(end + 2..end + 2 + size));
        let Some(chunk) = chunk else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + chunk.len()..).unwrap_or_default();
    }
    body
}
