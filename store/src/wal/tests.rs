//! The log on a disk that fails, crashes and rots.

pub(crate) mod disk;
mod model;
mod torn;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Log, Record, ReplayReport, Replayed, replay};
use crate::durable::Disk;
use crate::model::{
    Batch, BatchKey, EventBatchBuilder, Field, Signal, StreamParts, Tenant, TenantNo, Value, WriterId,
};

const FILE_BYTES: u64 = 16 << 10;

fn dir() -> PathBuf {
    PathBuf::from("wal")
}

fn tenant() -> Tenant {
    Tenant::authenticated("t").unwrap()
}

/// A batch that only one number makes, with a body so long that files fill.
fn batch(number: u64) -> Batch {
    let mut builder = EventBatchBuilder::new(Signal::Logs);
    let stream = builder.stream(&StreamParts::default());
    builder.begin_row(number as i64, stream);
    let body = format!("{number:>width$}", width = (number as usize * 37) % 900);
    builder.field(Field::Body, Value::Str(&body));
    builder.end_row();
    Batch::Events(builder.finish())
}

fn record(number: u64) -> Record {
    let answer = number.to_le_bytes();
    let key = Some(BatchKey(u128::from(number)));
    Record::new(TenantNo(1), &tenant(), key, &answer, &batch(number)).unwrap()
}

fn log(disk: &Arc<dyn Disk>, writer: u32, old: ReplayReport) -> Log {
    Log::new(Arc::clone(disk), &dir(), WriterId(writer), FILE_BYTES, old.files).unwrap()
}

/// The number a record carries; panics if any part of it is not that of one batch.
fn number(record: &Replayed) -> u64 {
    let number = u64::from_le_bytes(record.answer.as_slice().try_into().unwrap());
    assert_eq!(record.batch, batch(number), "a record nobody wrote");
    assert_eq!(record.key, Some(BatchKey(u128::from(number))));
    assert_eq!((record.tenant_no, &record.tenant), (TenantNo(1), &tenant()));
    number
}

fn read(disk: &dyn Disk) -> (Vec<u64>, ReplayReport) {
    let mut numbers = Vec::new();
    let report = replay(disk, Path::new("wal"), &mut |record| numbers.push(number(&record))).unwrap();
    (numbers, report)
}
