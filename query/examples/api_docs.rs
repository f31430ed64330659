//! Writes the page of the HTTP API to its output.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(query::markdown(&query::routes()).as_bytes())
}
