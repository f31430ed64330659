//! Reads LogQL texts from standard input, each ended by a zero byte, and prints a line for each: `ok` and the text as
//! it is understood, or `error` and why not. For comparing what is accepted with other implementations.

use std::io::{BufWriter, Read, Write};

fn main() -> std::io::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for text in input.split_terminator('\0') {
        let line = match engine::logql::parse(text) {
            Ok(expr) => format!("ok {expr}"),
            Err(error) => format!("error {error}"),
        };
        writeln!(out, "{}", line.replace('\n', "\\n"))?;
    }
    out.flush()
}
