//! `/metrics`: the rows of every part in the Prometheus text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use collector::Collector;
use query::RuleCost;
use store::model::RequestCtx;
use store::{MetricKind, Store};

/// Samples of one family.
struct Family {
    help: &'static str,
    kind: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

/// Rows of the asking tenant and rows of none: names and numbers of other tenants are theirs.
pub(crate) fn render(
    store: &Store,
    collector: &Collector,
    rules: &[RuleCost],
    ctx: &RequestCtx,
    started_ms: i64,
) -> String {
    let mut families: BTreeMap<&'static str, Family> = BTreeMap::new();
    let mut add = |name, help, kind: &'static str, labels: Vec<(&'static str, String)>, value| {
        let foreign = labels.iter().any(|(name, value)| *name == "tenant" && value != ctx.tenant.as_str());
        if !foreign {
            let family = families.entry(name).or_insert_with(|| Family { help, kind, samples: Vec::new() });
            family.samples.push((labels, value));
        }
    };
    for row in store.metrics() {
        add(row.name, row.help, store_kind(row.kind), row.labels, row.value);
    }
    for row in collector.metrics() {
        add(row.name, row.help, store_kind(row.kind), row.labels, row.value);
    }
    for cost in rules {
        let labels = || vec![("group", cost.group.clone()), ("rule", cost.rule.clone())];
        let help = "Evaluations of a rule; without a name: looks at arrived data for all of its group.";
        add("signalbox_rule_evaluations_total", help, "counter", labels(), cost.evaluations as f64);
        let help = "What they took.";
        add("signalbox_rule_evaluation_seconds_total", help, "counter", labels(), cost.seconds);
    }
    for (name, help, kind, value) in process_rows(started_ms) {
        add(name, help, kind, Vec::new(), value);
    }
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    add("signalbox_build_info", "The running version.", "gauge", version, 1.0);
    write_families(&families)
}

fn write_families(families: &BTreeMap<&'static str, Family>) -> String {
    let mut out = String::new();
    for (name, family) in families {
        let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {}", family.help, family.kind);
        for (labels, value) in &family.samples {
            out.push_str(name);
            for (i, (label, text)) in labels.iter().enumerate() {
                out.push(if i == 0 { '{' } else { ',' });
                let _ = write!(out, "{label}=\"{}\"", escaped(text));
            }
            if !labels.is_empty() {
                out.push('}');
            }
            let _ = writeln!(out, " {value}");
        }
    }
    out
}

fn store_kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Gauge => "gauge",
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What Prometheus client libraries say of their process.
fn process_rows(started_ms: i64) -> Vec<(&'static str, &'static str, &'static str, f64)> {
    let mut rows =
        vec![("process_start_time_seconds", "Start, Unix seconds.", "gauge", started_ms as f64 / 1_000.0)];
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        rows.extend(
            kib("VmRSS:").map(|v| ("process_resident_memory_bytes", "Resident memory.", "gauge", v * 1024.0)),
        );
        rows.extend(
            kib("VmSize:").map(|v| ("process_virtual_memory_bytes", "Virtual memory.", "gauge", v * 1024.0)),
        );
    }
    if let Ok(stat) = std::fs::read_to_string("/proc/self/stat") {
        // Fields after the name in parentheses; user and system time are the 12th and 13th of them, in ticks of 10 ms.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        let seconds = (ticks(11) + ticks(12)) / 100.0;
        rows.push(("process_cpu_seconds_total", "User and system time.", "counter", seconds));
    }
    let fds = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    rows.push(("process_open_fds", "Open file descriptors.", "gauge", fds as f64));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_with_escaped_labels() {
        let family = Family {
            help: "h",
            kind: "counter",
            samples: vec![(vec![("a", "x\"\\\n".into()), ("b", "y".into())], 2.0), (vec![], 0.5)],
        };
        let text = write_families(&BTreeMap::from([("m", family)]));
        assert_eq!(text, "# HELP m h\n# TYPE m counter\nm{a=\"x\\\"\\\\\\n\",b=\"y\"} 2\nm 0.5\n");
    }
}
