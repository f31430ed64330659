//! The name servers of this machine, asked over UDP, and over TCP for what does not fit.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::message::{NAME_ERROR, Record, Reply, question, reply};
use crate::scrape::config::DnsKind;

const TIMEOUT: Duration = Duration::from_secs(5);
const DATAGRAM_BYTES: usize = 4096;
const SETTINGS: &str = "/etc/resolv.conf";

#[derive(Debug, PartialEq)]
pub(super) struct Resolver {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// A name with fewer dots is looked for under the search domains first.
    dots: usize,
}

impl Resolver {
    pub(super) fn of_system() -> Result<Self, String> {
        let text = std::fs::read_to_string(SETTINGS).map_err(|e| format!("read {SETTINGS}: {e}"))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut found = Self { servers: Vec::new(), search: Vec::new(), dots: 1 };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let ip = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    found.servers.extend(ip.map(|ip| SocketAddr::new(ip, 53)));
                }
                Some("search" | "domain") => found.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let dots = words.find_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                    found.dots = dots.unwrap_or(found.dots);
                }
                _ => {}
            }
        }
        found
    }

    /// The names to try for one, in order.
    fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let mut all: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        all.insert(if dots >= self.dots { 0 } else { all.len() }, name.to_owned());
        all
    }

    /// The records of a name; none if no server knows it.
    pub(super) async fn lookup(&self, name: &str, kind: DnsKind) -> Result<Vec<Record>, String> {
        let mut problem = None;
        for candidate in self.candidates(name) {
            match self.ask_all(&candidate, kind).await {
                Ok(reply) if reply.code == 0 && !reply.records.is_empty() => return Ok(reply.records),
                Ok(reply) if reply.code == 0 || reply.code == NAME_ERROR => {}
                Ok(reply) => problem = Some(format!("the name server answers with code {}", reply.code)),
                Err(error) => problem = Some(error),
            }
        }
        problem.map_or(Ok(Vec::new()), Err)
    }

    async fn ask_all(&self, name: &str, kind: DnsKind) -> Result<Reply, String> {
        let mut problem = format!("no nameserver in {SETTINGS}");
        for server in &self.servers {
            let asked = tokio::time::timeout(TIMEOUT, ask(*server, name, kind)).await;
            match asked.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
                Ok(reply) => return Ok(reply),
                Err(error) => problem = format!("{server}: {error}"),
            }
        }
        Err(problem)
    }
}

async fn ask(server: SocketAddr, name: &str, kind: DnsKind) -> Result<Reply, String> {
    // A number nobody can guess: others may send answers too.
    let id = RandomState::new().build_hasher().finish() as u16;
    let question = question(id, name, kind).ok_or("not a name")?;
    let text = |e: std::io::Error| e.to_string();
    let local: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await.map_err(text)?;
    socket.connect(server).await.map_err(text)?;
    socket.send(&question).await.map_err(text)?;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let len = socket.recv(&mut buffer).await.map_err(text)?;
        match reply(&buffer[..len], id) {
            Some(reply) if !reply.truncated => return Ok(reply),
            Some(_) => break,
            // Not ours: the right one may still come.
            None => {}
        }
    }
    let mut stream = TcpStream::connect(server).await.map_err(text)?;
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&question);
    stream.write_all(&framed).await.map_err(text)?;
    let len = stream.read_u16().await.map_err(text)?;
    let mut buffer = vec![0; usize::from(len)];
    stream.read_exact(&mut buffer).await.map_err(text)?;
    reply(&buffer, id).ok_or_else(|| "an answer that cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_for_as_the_system_says() {
        let text = "# ours\nnameserver 192.0.2.53\nnameserver ::1\nsearch svc.local local\noptions ndots:2\n";
        let resolver = Resolver::parse(text);
        assert_eq!(resolver.servers.len(), 2);
        assert_eq!(resolver.candidates("db"), ["db.svc.local", "db.local", "db"]);
        assert_eq!(resolver.candidates("a.b.c"), ["a.b.c", "a.b.c.svc.local", "a.b.c.local"]);
        assert_eq!(resolver.candidates("db."), ["db."]);
    }
}
