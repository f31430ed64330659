//! Reads TraceQL queries, one a line (`\n`, `\t` and `\r` stand for what they say), and tells of each whether it is
//! accepted, and how it prints.

use std::io::{BufRead as _, Write as _};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let text = line?.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r");
        let said = match engine::traceql::parse(&text) {
            Ok(query) => format!("ok\t{query}"),
            Err(error) => format!("error\t{error}"),
        };
        writeln!(out, "{}", said.replace('\n', "\\n").replace('\r', "\\r"))?;
    }
    Ok(())
}
