//! The page about the ways in names every protocol and every path.

use collector::PROTOCOLS;

const PAGE: &str = include_str!("../../docs/ingest.md");

#[test]
fn every_protocol_and_every_path_stands_in_the_documentation() {
    for protocol in PROTOCOLS {
        assert!(PAGE.contains(&format!("| {} |", protocol.title)), "{}", protocol.title);
        for path in protocol.paths {
            assert!(PAGE.contains(&format!("`{}`", path.path)), "{}", path.path);
        }
    }
}
