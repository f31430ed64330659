//! A mail server that does what a test tells it, without TLS.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::receiver::Mode;

/// A mail that came in whole.
#[derive(Clone, Debug)]
pub struct Mail {
    pub mode: Mode,
    /// Headers, an empty line, the text; as they came.
    pub text: String,
}

#[derive(Default)]
struct State {
    mode: Option<Mode>,
    mails: Vec<Mail>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

pub struct MailServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

// === impl Mail ===

impl Mail {
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Without what is written anew at each attempt: the time and the border between its parts.
    pub fn plain(&self) -> String {
        let anew = |line: &&str| {
            !line.starts_with("Date: ") && !line.contains("boundary=") && !line.starts_with("--")
        };
        self.text.lines().filter(anew).collect::<Vec<_>>().join("\n")
    }
}

// === impl MailServer ===

impl MailServer {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), shared: Arc::default() };
        let shared = Arc::clone(&server.shared);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client that goes away in the middle is what some tests want.
                thread::spawn(move || drop(shared.serve(socket)));
            }
        });
        server
    }

    /// `Mode::Fail` is the status of SMTP, after the mail's last line.
    pub fn set(&self, mode: Mode) {
        self.shared.state.lock().unwrap().mode = Some(mode);
        self.shared.changed.notify_all();
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.state.lock().unwrap().mails.clone()
    }

    /// The first mail that is wanted, when it has come.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Mail) -> bool) -> Mail {
        let within = Duration::from_secs(60);
        let state = self.shared.state.lock().unwrap();
        let missing = |state: &mut State| !state.mails.iter().any(&wanted);
        let (state, timeout) = self.shared.changed.wait_timeout_while(state, within, missing).unwrap();
        assert!(!timeout.timed_out(), "{what}: not within {within:?}; came: {:?}", state.mails);
        state.mails.iter().find(|mail| wanted(mail)).unwrap().clone()
    }
}

// === impl Shared ===

impl Shared {
    fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(socket.try_clone()?);
        write!(socket, "220 test\r\n")?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let word = line.split_whitespace().next().unwrap_or_default().to_uppercase();
            match word.as_str() {
                "EHLO" => write!(socket, "250-test\r\n250 AUTH PLAIN\r\n")?,
                "AUTH" => write!(socket, "235 welcome\r\n")?,
                "DATA" => {
                    write!(socket, "354 go on\r\n")?;
                    let mut text = String::new();
                    while !text.ends_with("\r\n.\r\n") && lines.read_line(&mut text)? > 0 {}
                    if !self.took(&mut socket, text)? {
                        return Ok(());
                    }
                }
                "QUIT" => {
                    write!(socket, "221 bye\r\n")?;
                    return Ok(());
                }
                _ => write!(socket, "250 fine\r\n")?,
            }
        }
    }

    /// Whether the connection goes on.
    fn took(&self, socket: &mut TcpStream, text: String) -> std::io::Result<bool> {
        let mut state = self.state.lock().unwrap();
        let mode = state.mode.unwrap_or(Mode::Take);
        state.mails.push(Mail { mode, text });
        self.changed.notify_all();
        match mode {
            Mode::Take => write!(socket, "250 taken\r\n")?,
            Mode::Fail(status) => write!(socket, "{status} no\r\n")?,
            // SMTP cannot say how long.
            Mode::Later(_) => write!(socket, "421 later\r\n")?,
            Mode::Lose => return Ok(false),
            Mode::Hang => {
                drop(self.changed.wait_while(state, |state| state.mode == Some(Mode::Hang)).unwrap());
                return Ok(false);
            }
        }
        Ok(true)
    }
}
