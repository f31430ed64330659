//! What the store says about itself.

use std::collections::{BTreeMap, HashMap};

use crate::catalog::{Flushed, SegmentRow};
use crate::damage::Damaged;
use crate::dedup::DedupStatus;
use crate::head::LabelOverflow;
use crate::metric::{MetricKind, MetricRow};
use crate::model::{Signal, TenantNo};
use crate::state::HeadSummary;
use crate::store::Shared;
use crate::writer::LogStatus;

#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Status {
    pub ready: bool,
    pub version: &'static str,
    /// Of the log's files and of the catalog.
    pub formats: BTreeMap<&'static str, u32>,
    /// This process life's writer id.
    pub writer: u32,
    /// Records read from the log at start.
    pub replayed_records: u64,
    pub log: LogStatus,
    /// Batches that wait for the writer, and those refused because too many waited.
    pub queue_batches: usize,
    pub queue_refused: u64,
    pub dedup: DedupStatus,
    pub signals: Vec<SignalStatus>,
    pub damaged: Vec<Damaged>,
    pub damaged_count: u64,
    /// Parts that could not be asked.
    pub error: Option<String>,
}

/// One signal of one tenant.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SignalStatus {
    pub tenant: String,
    pub signal: &'static str,
    pub head_rows: u64,
    pub head_bytes: u64,
    pub head_age_ms: i64,
    /// A sealed head is being turned into segments.
    pub flushing: bool,
    pub segments: usize,
    pub segment_rows: u64,
    pub segment_bytes: u64,
    /// Per writer id: records up to there are in segments.
    pub flushed_through: Vec<String>,
    pub stored_since_creation: u64,
    /// Labels with too many values, folded into `__overflow__`; of samples.
    pub overflows: Vec<LabelOverflow>,
}

impl Status {
    /// Blocks on the catalog.
    pub(crate) fn of(shared: &Shared) -> Self {
        let (queue_batches, queue_refused) = shared.queue.counts();
        let mut status = Self {
            ready: !shared.queue.closed(),
            version: env!("CARGO_PKG_VERSION"),
            formats: BTreeMap::from([("wal", crate::wal::FORMAT), ("catalog", crate::catalog::FORMAT)]),
            writer: shared.writer_id.0,
            replayed_records: shared.replayed,
            log: shared.log.lock().clone(),
            queue_batches,
            queue_refused,
            dedup: shared.dedup.status(),
            signals: Vec::new(),
            damaged: shared.damage.list(),
            damaged_count: shared.damage.count(),
            error: None,
        };
        match shared.catalog.segments().and_then(|segments| Ok((segments, shared.catalog.flushed()?))) {
            Ok((segments, flushed)) => status.signals = signals(shared, &segments, &flushed),
            Err(error) => {
                status.signals = signals(shared, &[], &[]);
                status.error = Some(error.to_string());
            }
        }
        status
    }
}

fn signals(shared: &Shared, segments: &[SegmentRow], flushed: &[Flushed]) -> Vec<SignalStatus> {
    let now_ms = shared.clock.now_ms();
    let mut rows: HashMap<(TenantNo, Signal), Vec<&SegmentRow>> = HashMap::new();
    segments.iter().for_each(|row| rows.entry((row.tenant, row.signal)).or_default().push(row));
    let mut throughs: HashMap<(TenantNo, Signal), Vec<String>> = HashMap::new();
    for one in flushed {
        throughs.entry((one.tenant, one.signal)).or_default().push(one.through.to_string());
    }
    let each = |(name, no, signal, head): (String, TenantNo, Signal, HeadSummary)| {
        let own = rows.remove(&(no, signal)).unwrap_or_default();
        let flushed_through = throughs.remove(&(no, signal)).unwrap_or_default();
        let since = head.in_memory().filter(|range| range.rows > 0).map(|range| range.since_ms).min();
        SignalStatus {
            tenant: name,
            signal: signal.as_str(),
            head_rows: head.in_memory().map(|range| range.rows).sum(),
            head_bytes: head.in_memory().map(|range| range.size_bytes).sum(),
            head_age_ms: since.map_or(0, |since| now_ms - since),
            flushing: head.sealed.is_some(),
            segments: own.len(),
            segment_rows: own.iter().map(|row| row.rows).sum(),
            segment_bytes: own.iter().map(|row| row.size_bytes).sum(),
            flushed_through,
            stored_since_creation: head.stored_rows(),
            overflows: overflows(shared, no, signal),
        }
    };
    summaries(shared).into_iter().map(each).collect()
}

fn overflows(shared: &Shared, no: TenantNo, signal: Signal) -> Vec<LabelOverflow> {
    let tenant = shared.tenants.all().into_iter().find(|state| state.no == no && signal == Signal::Samples);
    tenant.map_or_else(Vec::new, |state| state.overflows())
}

/// Signals that ever had a row.
fn summaries(shared: &Shared) -> Vec<(String, TenantNo, Signal, HeadSummary)> {
    let tenants = shared.tenants.all();
    let mut all: Vec<_> = tenants
        .iter()
        .flat_map(|state| Signal::ALL.map(|s| (state.name.to_string(), state.no, s, state.summary(s))))
        .filter(|(.., head)| head.stored_rows() > 0)
        .collect();
    all.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    all
}

pub(crate) fn metrics(shared: &Shared) -> Vec<MetricRow> {
    let mut rows = shared.accounting.metrics();
    for (tenant, _, signal, head) in summaries(shared) {
        let labels = || vec![("tenant", tenant.clone()), ("signal", signal.as_str().to_owned())];
        let row = |name, help, kind, value: u64| MetricRow {
            name,
            help,
            kind,
            labels: labels(),
            value: value as f64,
        };
        let help = "Records made durable since the data directory was made.";
        let name = "signalbox_records_stored_since_creation_total";
        rows.push(row(name, help, MetricKind::Counter, head.stored_rows()));
        let (in_head, bytes) =
            head.in_memory().fold((0, 0), |sum, range| (sum.0 + range.rows, sum.1 + range.size_bytes));
        rows.push(row("signalbox_head_records", "Records in memory.", MetricKind::Gauge, in_head));
        rows.push(row("signalbox_head_bytes", "Bytes of the heads.", MetricKind::Gauge, bytes));
    }
    for tenant in shared.tenants.all() {
        for overflow in tenant.overflows() {
            let LabelOverflow { metric, label, service, folded_points } = overflow;
            let tenant = ("tenant", tenant.name.to_string());
            let labels = vec![tenant, ("metric", metric), ("label", label), ("service", service)];
            let help = "Data points added up because a label has too many values.";
            let (name, kind) = ("signalbox_label_overflow_points_total", MetricKind::Counter);
            rows.push(MetricRow { name, help, kind, labels, value: folded_points as f64 });
        }
    }
    let mut row = |name, help, kind, value: u64| {
        rows.push(MetricRow { name, help, kind, labels: Vec::new(), value: value as f64 });
    };
    let (waiting, refused) = shared.queue.counts();
    row(
        "signalbox_writer_queue_batches",
        "Batches that wait for the log.",
        MetricKind::Gauge,
        waiting as u64,
    );
    let help = "Batches refused because too many waited.";
    row("signalbox_writer_queue_refused_total", help, MetricKind::Counter, refused);
    let dedup = shared.dedup.status();
    row("signalbox_batch_keys", "Batch keys remembered.", MetricKind::Gauge, dedup.keys as u64);
    let help = "Batch keys that had to go before their time.";
    row("signalbox_batch_keys_evicted_total", help, MetricKind::Counter, dedup.evicted);
    let log = shared.log.lock().clone();
    row("signalbox_wal_files", "Files of the write-ahead log.", MetricKind::Gauge, log.files as u64);
    row("signalbox_wal_bytes", "Bytes of the write-ahead log.", MetricKind::Gauge, log.size_bytes);
    row("signalbox_wal_groups_total", "Groups of batches written.", MetricKind::Counter, log.groups);
    row("signalbox_wal_records_total", "Batches made durable.", MetricKind::Counter, log.records);
    let help = "Groups that could not be made durable.";
    row("signalbox_wal_failures_total", help, MetricKind::Counter, log.failures);
    let help = "Durable batches that could not be added to their head.";
    row("signalbox_apply_failures_total", help, MetricKind::Counter, log.apply_failures);
    let help = "Damaged files and records found since start.";
    row("signalbox_damaged_total", help, MetricKind::Counter, shared.damage.count());
    rows
}
