//! Signalbox: the process. Reads the command line and does what it says.

mod app;
mod check;
mod config;
mod demo;
mod host;
mod metrics;
mod reload;
mod scrape;
mod serve;
mod tasks;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;
use config::{Cli, Command, Config, ServeFlags};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("signalbox: {error}"), &mut std::io::stderr());
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Serve(flags) => serve(&flags, false),
        Command::Demo(flags) => serve(&flags, true),
        Command::Check { files, server, token } => {
            install_tls()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let warnings = runtime.block_on(check::warnings(&files, query::Lint::new(server, token)))?;
            warnings.iter().for_each(|warning| say(warning, &mut std::io::stdout()));
            let findings = check::check(&files);
            findings.iter().for_each(|finding| say(finding, &mut std::io::stdout()));
            Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Test { files, run } => {
            let (lines, good) = check::test(&files, run.as_deref())?;
            lines.iter().for_each(|line| say(line, &mut std::io::stdout()));
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Explain { alert, server, token, time } => {
            install_tls()?;
            let request = query::ExplainRequest { server, token, alert, time };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            say(runtime.block_on(request.ask())?.trim_end(), &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Backup { dir, flags } => {
            store::backup(&Config::load(&flags)?.store(), &dir)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Restore { dir, flags } => {
            store::restore(&dir, &Config::load(&flags)?.store())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Licenses => {
            say(include_str!("../LICENSE"), &mut std::io::stdout());
            say(include_str!(concat!(env!("OUT_DIR"), "/licenses.txt")), &mut std::io::stdout());
            say(ui::licenses(), &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            say(&format!("signalbox {}", env!("CARGO_PKG_VERSION")), &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn serve(flags: &ServeFlags, demo: bool) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let config = Config::load(flags)?;
    small_pages();
    telemetry::init(config.log_format, &config.log_level)?;
    install_tls()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(app::App::run(config, flags.clone(), demo))?;
    Ok(ExitCode::SUCCESS)
}

fn install_tls() -> Result<(), &'static str> {
    let installed = rustls::crypto::ring::default_provider().install_default();
    installed.map_err(|_| "a second TLS provider is installed")
}

/// The allocator asks for huge pages, and the kernel fills one with zeros for every small piece of it that is touched:
/// bodies and batches come and go too fast for that. Where this is not allowed nothing but the cost is different.
fn small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// A reader that went away (`signalbox licenses | head`) is no error.
fn say(line: &str, to: &mut dyn std::io::Write) {
    let _ = writeln!(to, "{line}");
    let _ = to.flush();
}
