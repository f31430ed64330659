//! Syslog over TCP and UDP.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use crate::World;
use crate::support::eventually;

#[test]
fn messages_of_both_transports_are_queryable() {
    let world = World::with_config(
        "listen: [{protocol: syslog_tcp, address: '127.0.0.1:0'}, {protocol: syslog_udp, address: '127.0.0.1:0'}]",
    );
    let mut tcp = TcpStream::connect(world.address("syslog_tcp")).unwrap();
    tcp.write_all(b"<34>1 - web-1 nginx 7 - - first\n29 <35>1 - web-1 nginx - - - \xffx").unwrap();
    // The rest of the counted message comes later.
    tcp.write_all(b"y").unwrap();
    drop(tcp);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(b"<11>cron[42]: by datagram", world.address("syslog_udp")).unwrap();
    let lines = |selector: &str, count: usize| {
        eventually(selector, Duration::from_secs(20), || {
            let lines = world.lines(selector);
            (lines.len() == count).then_some(lines)
        })
    };
    let mut by_tcp = lines(r#"{service_name="nginx"}"#, 2);
    by_tcp.sort();
    assert_eq!(by_tcp, ["first", "\u{fffd}xy"]);
    assert_eq!(lines(r#"{service_name="cron"} | process_pid="42""#, 1), ["by datagram"]);
    assert_eq!(world.lines(r#"{service_name="nginx"} | severity_text="crit""#), ["first"]);
}

#[test]
fn what_was_sent_before_the_server_stops_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("signalbox.yml");
    std::fs::write(&file, "listen: [{protocol: syslog_tcp, address: '127.0.0.1:0'}]").unwrap();
    let arguments = ["--config", file.to_str().unwrap()];
    let start = || crate::support::Server::start(&data.path().join("data"), &arguments);
    let world = World { server: start(), data: tempfile::tempdir().unwrap() };
    let mut tcp = TcpStream::connect(world.address("syslog_tcp")).unwrap();
    tcp.write_all(b"<34>app: kept\n").unwrap();
    eventually("the line", Duration::from_secs(20), || {
        (world.lines(r#"{service_name="app"}"#).len() == 1).then_some(())
    });
    assert!(world.server.stop().success(), "an open connection does not hold the server");
    let world = World { server: start(), data: tempfile::tempdir().unwrap() };
    assert_eq!(world.lines(r#"{service_name="app"}"#), ["kept"]);
}
