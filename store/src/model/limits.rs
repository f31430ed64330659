//! All limits in one struct and one table: name, default, metric, retryable or not.

/// Limits of doors, records and queries. Sizes in bytes, times in the unit of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub body_decompressed_bytes_max: u64,
    pub any_value_depth_max: u64,
    pub attributes_per_record_max: u64,
    pub attribute_key_bytes_max: u64,
    pub attribute_value_bytes_max: u64,
    pub log_body_bytes_max: u64,
    pub future_ms_max: u64,
    pub partitions_per_batch_max: u64,
    pub writer_queue_batches_max: u64,
    pub ingest_memory_bytes_max: u64,
    pub dedup_keys_max: u64,
    pub dedup_keep_ms: u64,
    pub series_per_tenant_max: u64,
    pub label_values_max: u64,
    pub query_memory_bytes_max: u64,
    pub query_timeout_ms: u64,
    pub query_series_max: u64,
    pub query_rows_max: u64,
    pub queries_concurrent_max: u64,
    pub tail_clients_max: u64,
    pub outbox_messages_max: u64,
    pub tenants_max: u64,
}

/// A row of [`LIMITS`]: documentation, configuration, `/metrics` and status read it.
pub struct LimitRow {
    pub name: &'static str,
    pub default: u64,
    /// The counter of requests or records that reached it.
    pub metric: &'static str,
    pub retryable: bool,
    pub doc: &'static str,
    pub get: fn(&Limits) -> u64,
    pub set: fn(&mut Limits, u64),
}

macro_rules! limits {
    ($($name:ident = $default:expr, retryable $retryable:literal, $doc:literal;)*) => {
        /// Every limit, in the order of the documentation.
        pub const LIMITS: &[LimitRow] = &[$(LimitRow {
            name: stringify!($name),
            default: $default,
            metric: concat!("signalbox_limit_reached_total{limit=\"", stringify!($name), "\"}"),
            retryable: $retryable,
            doc: $doc,
            get: |limits| limits.$name,
            set: |limits, value| limits.$name = value,
        }),*];

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default),* }
            }
        }
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

limits! {
    body_decompressed_bytes_max = 64 * MIB, retryable false, "A request body after decompression.";
    any_value_depth_max = 64, retryable false, "Nesting of an OTLP AnyValue; the record is rejected.";
    attributes_per_record_max = 1024, retryable false, "Attributes of one record; the record is rejected.";
    attribute_key_bytes_max = KIB, retryable false, "Length of an attribute key; the record is rejected.";
    attribute_value_bytes_max = MIB, retryable false, "Length of an attribute value; the record is rejected.";
    log_body_bytes_max = 256 * KIB, retryable false, "Length of a log body; a longer one is cut and marked, `signalbox.cut_from_bytes` says how long it was.";
    future_ms_max = 3_600_000, retryable false, "How far ahead of the server's clock a record may be; it is rejected.";
    partitions_per_batch_max = 64, retryable false, "Days one batch may touch.";
    writer_queue_batches_max = 1024, retryable true, "Batches that wait for the WAL.";
    ingest_memory_bytes_max = 192 * MIB, retryable true, "Bytes all requests being taken in may hold.";
    dedup_keys_max = 1 << 18, retryable false, "Batch keys remembered; the oldest is evicted and counted.";
    dedup_keep_ms = 900_000, retryable false, "How long a batch key is remembered.";
    series_per_tenant_max = 10_000_000, retryable false, "Series of one tenant in memory; from then on the label of a new series' metric that has the most values is folded into `__overflow__`.";
    label_values_max = 100_000, retryable false, "Values of one label of one metric in memory; samples of further values are added up under `__overflow__`.";
    query_memory_bytes_max = 1024 * MIB, retryable false, "Bytes one query may hold.";
    query_timeout_ms = 120_000, retryable true, "How long a query may take.";
    query_series_max = 1_000_000, retryable false, "Series one query may select.";
    query_rows_max = 1_000_000, retryable false, "Rows one log or trace query may return.";
    queries_concurrent_max = 64, retryable true, "Queries that run at once.";
    tail_clients_max = 64, retryable true, "Live tails open at once.";
    outbox_messages_max = 10_000, retryable true, "Notifications that wait for delivery.";
    tenants_max = 100_000, retryable false, "Tenants with data.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads_and_sets_its_own_limit() {
        for row in LIMITS {
            let mut limits = Limits::default();
            assert_eq!((row.get)(&limits), row.default, "{}", row.name);
            (row.set)(&mut limits, 7);
            assert_eq!((row.get)(&limits), 7, "{}", row.name);
            let others = LIMITS.iter().filter(|other| (other.get)(&limits) != other.default).count();
            assert_eq!(others, 1, "{}", row.name);
        }
    }
}
