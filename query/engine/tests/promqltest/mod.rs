//! A runner for promqltest, the script language Prometheus describes PromQL's behaviour in (see the documentation of
//! its package `promql/promqltest`): `load`, `clear`, `eval instant`, `eval range` and their `expect` lines.

mod compare;
mod otlp;

use engine::promql::ast::ValueType;
use engine::promql::script;
use engine::promql::{self, Data, EvalError, InstantParams, Point, RangeParams, Sample, Settings};
use regex::Regex;
use store::Snapshot;
use store::model::{Batch, Budget, RequestCtx, Role, SampleBatch, Tenant};

/// How a script's evaluations went.
#[derive(Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<String>,
    /// Loads or evaluations that use what the store cannot hold, with the reason.
    pub skipped: Vec<String>,
    /// Every expression that was evaluated.
    pub expressions: Vec<String>,
}

struct Eval {
    line: usize,
    kind: Kind,
    expr: String,
    expect: Vec<Expect>,
    lines: Vec<String>,
}

enum Kind {
    Instant { at: i64 },
    Range { start: i64, end: i64, step: i64 },
}

#[derive(Debug)]
struct Expect {
    what: String,
    text: Option<Match>,
}

#[derive(Debug)]
enum Match {
    Exact(String),
    Regex(Regex),
}

impl Match {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exact(want) => text == want,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

pub fn run(name: &str, script: &str) -> Report {
    let mut report = Report::default();
    let mut batches: Vec<SampleBatch> = Vec::new();
    let otlp = otlp::batch();
    let mut tainted: Option<String> = None;
    // Comments have lines of their own: a `#` elsewhere is text.
    let comment = |line: &&str| line.trim_start().starts_with('#');
    let lines: Vec<&str> = script.lines().map(|line| if comment(&line) { "#" } else { line }).collect();
    let mut at = 0;
    while at < lines.len() {
        let start = at;
        let head = lines[at].trim();
        at += 1;
        if head.is_empty() || head == "#" {
            continue;
        }
        let mut block = Vec::new();
        while at < lines.len() && !lines[at].trim().is_empty() && !starts_command(lines[at]) {
            if lines[at] != "#" {
                block.push(lines[at].trim().to_owned());
            }
            at += 1;
        }
        let word = head.split_whitespace().next().unwrap_or_default();
        match word {
            "clear" => (batches, tainted) = (Vec::new(), None),
            "load" | "load_with_nhcb" => match load(head, &block) {
                Ok(batch) => batches.push(batch),
                Err(reason) => {
                    tainted = Some(reason.clone());
                    report.skipped.push(format!("{name}:{}: {reason}", start + 1));
                }
            },
            _ if word.starts_with("eval") => {
                let eval = parse_eval(start + 1, head, block);
                report.expressions.push(eval.expr.clone());
                if let Some(reason) = &tainted {
                    report.skipped.push(format!("{name}:{}: {reason}: {}", eval.line, eval.expr));
                    continue;
                }
                let snapshot =
                    Snapshot::of_batches(batches.iter().chain([&otlp]).cloned().map(Batch::Samples));
                match check(&snapshot, &eval) {
                    Ok(()) => report.passed += 1,
                    Err(reason) => {
                        report.failures.push(format!("{name}:{}: {}\n    {reason}", eval.line, eval.expr))
                    }
                }
            }
            other => report.failures.push(format!("{name}:{}: unknown command {other}", start + 1)),
        }
    }
    report
}

fn starts_command(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    !line.starts_with([' ', '\t'])
        && (word.starts_with("eval") || word.starts_with("load") || word == "clear")
}

fn load(head: &str, block: &[String]) -> Result<SampleBatch, String> {
    let step = head.split_whitespace().nth(1).ok_or("load without a step")?;
    let step = promql::parse_duration(step)?;
    let mut lines = script::parse_load(block)?;
    if head.starts_with("load_with_nhcb") {
        lines.extend(script::custom_buckets(&lines));
    }
    Ok(script::batch(&lines, &script::Times::all(step)))
}

fn parse_eval(line: usize, head: &str, block: Vec<String>) -> Eval {
    let mut words = head.split_whitespace();
    let command = words.next().unwrap_or_default();
    let shape = words.next().unwrap_or_default();
    let after = |marker: &str| {
        let at = head.find(marker).map_or(head.len(), |at| at + marker.len());
        head[at..].trim_start()
    };
    let duration = |text: &str| {
        let word = text.split_whitespace().next().unwrap_or_default();
        let (sign, word) = word.strip_prefix('-').map_or((1, word), |rest| (-1, rest));
        sign * promql::parse_duration(word)
            .unwrap_or_else(|_| (word.parse::<f64>().unwrap_or(0.0) * 1000.0) as i64)
    };
    let (kind, marker) = match shape {
        "range" => {
            let (start, end, step) =
                (duration(after(" from ")), duration(after(" to ")), duration(after(" step ")));
            (Kind::Range { start, end, step }, " step ")
        }
        _ => (Kind::Instant { at: duration(after(" at ")) }, " at "),
    };
    let rest = after(marker);
    let expr = rest.split_once(char::is_whitespace).map_or("", |(_, expr)| expr).trim().to_owned();
    let mut expect = Vec::new();
    if let Some(what) = command.strip_prefix("eval_") {
        expect.push(Expect { what: what.to_owned(), text: None });
    }
    let mut lines = Vec::new();
    for text in block {
        match text.strip_prefix("expect ") {
            Some(rest) => expect.push(parse_expect(rest.trim())),
            None => lines.push(text),
        }
    }
    Eval { line, kind, expr, expect, lines }
}

fn parse_expect(text: &str) -> Expect {
    for (marker, regex) in [(" msg:", false), (" regex:", true), (" regexp:", true)] {
        if let Some((what, pattern)) = text.split_once(marker) {
            let pattern = pattern.trim();
            let pattern = pattern.strip_prefix('"').and_then(|p| p.strip_suffix('"')).unwrap_or(pattern);
            let text = match regex {
                true => Match::Regex(Regex::new(pattern).expect("a script's pattern")),
                false => Match::Exact(pattern.to_owned()),
            };
            return Expect { what: what.trim().to_owned(), text: Some(text) };
        }
    }
    Expect { what: text.to_owned(), text: None }
}

fn check(snapshot: &Snapshot, eval: &Eval) -> Result<(), String> {
    let fails: Vec<&Expect> = eval.expect.iter().filter(|e| e.what == "fail").collect();
    let answer = match evaluate(snapshot, eval) {
        Ok(_) if !fails.is_empty() => return Err("was to fail and did not".to_owned()),
        Ok(answer) => answer,
        Err(_) if fails.iter().any(|e| e.text.is_none()) => return Ok(()),
        Err(e) if !fails.is_empty() => {
            let fits = fails.iter().any(|f| f.text.as_ref().is_some_and(|m| m.holds(&e)));
            return if fits { Ok(()) } else { Err(format!("failed with {e:?}, expected {fails:?}")) };
        }
        Err(e) => return Err(e),
    };
    for (kind, notes) in [("warn", &answer.warnings), ("info", &answer.infos)] {
        check_notes(kind, notes, &eval.expect)?;
    }
    compare::answer(&answer.value, eval_times(eval), &eval.lines, &eval.expect_words())?;
    let words = eval.expect_words();
    let own_times =
        words.iter().any(|w| w == "ordered" || w.starts_with("range vector") || w.starts_with("string"));
    match eval.kind {
        Kind::Instant { at } if !own_times && !CONTEXT.iter().any(|call| eval.expr.contains(call)) => {
            in_the_middle(snapshot, eval, at)
        }
        _ => Ok(()),
    }
}

/// What these say differs between an instant and a range.
const CONTEXT: [&str; 4] = ["range(", "step(", "start(", "end("];

/// An instant's answer is that of a range at the same time.
fn in_the_middle(snapshot: &Snapshot, eval: &Eval, at: i64) -> Result<(), String> {
    const MINUTE: i64 = 60_000;
    let kind = Kind::Range { start: at - MINUTE, end: at + MINUTE, step: MINUTE };
    let range =
        Eval { line: eval.line, kind, expr: eval.expr.clone(), expect: Vec::new(), lines: Vec::new() };
    let Data::Matrix(series) = evaluate(snapshot, &range).map_err(|e| format!("as a range: {e}"))?.value
    else {
        return Err("a range has no matrix".to_owned());
    };
    let middle = series.into_iter().filter_map(|s| {
        let float = s.floats.iter().find(|(t, _)| *t == at).map(|(_, v)| Point::Float(*v));
        let histogram = s.histograms.iter().find(|(t, _)| *t == at).map(|(_, h)| Point::Histogram(h.clone()));
        Some(Sample { labels: s.labels, time_ms: at, value: float.or(histogram)? })
    });
    let scalar = promql::parse(&eval.expr).is_ok_and(|e| e.value_type() == ValueType::Scalar);
    let samples: Vec<Sample> = middle.collect();
    let data = match samples.as_slice() {
        [Sample { value: Point::Float(value), .. }] if scalar => Data::Scalar { time_ms: at, value: *value },
        _ => Data::Vector(samples),
    };
    compare::answer(&data, (at, 0), &eval.lines, &[]).map_err(|e| format!("as a range: {e}"))
}

impl Eval {
    fn expect_words(&self) -> Vec<String> {
        self.expect.iter().map(|e| e.what.clone()).collect()
    }
}

fn eval_times(eval: &Eval) -> (i64, i64) {
    match eval.kind {
        Kind::Instant { at } => (at, 0),
        Kind::Range { start, step, .. } => (start, step),
    }
}

fn check_notes(kind: &str, notes: &[String], expect: &[Expect]) -> Result<(), String> {
    if expect.iter().any(|e| e.what == format!("no_{kind}")) && !notes.is_empty() {
        return Err(format!("no {kind} was to come, got {notes:?}"));
    }
    let wanted: Vec<&Expect> = expect.iter().filter(|e| e.what == kind).collect();
    for e in &wanted {
        let found = match &e.text {
            None => !notes.is_empty(),
            Some(text) => notes.iter().any(|note| text.holds(note)),
        };
        if !found {
            return Err(format!("{e:?} did not come, got {notes:?}"));
        }
    }
    let unexpected =
        |note: &&String| !wanted.iter().any(|e| e.text.as_ref().is_none_or(|text| text.holds(note)));
    match notes.iter().find(unexpected) {
        Some(note) if !wanted.is_empty() => Err(format!("{kind} not expected: {note}")),
        _ => Ok(()),
    }
}

fn evaluate(snapshot: &Snapshot, eval: &Eval) -> Result<promql::Answer, String> {
    let expr = promql::parse(&eval.expr).map_err(|e| e.to_string())?;
    let tenant = Tenant::authenticated("test").expect("valid name");
    let ctx = RequestCtx::new(tenant, "test", Role::Read, None, Budget::new(1 << 32));
    let settings = Settings::default();
    let answer = match eval.kind {
        Kind::Instant { at } => {
            promql::instant(&ctx, snapshot, &expr, &InstantParams { time_ms: at, settings })
        }
        Kind::Range { start, end, step } => {
            let params = RangeParams { start_ms: start, end_ms: end, step_ms: step, settings };
            promql::range(&ctx, snapshot, &expr, &params)
        }
    };
    let mut answer = answer.map_err(|e: EvalError| e.to_string())?;
    // A selector that asks for every series gets those of OTLP too.
    match &mut answer.value {
        Data::Vector(samples) => samples.retain(|sample| !otlp::is_own(&sample.labels)),
        Data::Matrix(series) => series.retain(|series| !otlp::is_own(&series.labels)),
        _ => {}
    }
    Ok(answer)
}
