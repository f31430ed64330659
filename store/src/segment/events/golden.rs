//! Files of every version are read.

use std::sync::Arc;

use super::format::verify;
use super::tests::{Random, meta, open, query, run};
use super::{WriteOptions, patterns, tests, write};
use crate::events_view::EventsView;
use crate::model::{EventBatch, Filter};

fn check(file: &str, batch: EventBatch, options: &WriteOptions) {
    let batches = [Arc::new(batch)];
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(file) = std::fs::read(&path) else {
        std::fs::write(&path, write(&batches, &meta(), options).unwrap().remove(0).bytes).unwrap();
        panic!("{path} was missing and has been written: look at it and commit it");
    };
    assert_eq!(verify(&file).unwrap().meta, meta());
    let view = EventsView::new(Vec::new(), vec![open(file)]);
    let all = query(Filter::All);
    assert_eq!(run(&view, &all).0, run(&EventsView::from(batches.to_vec()), &all).0);
}

#[test]
fn segments_of_the_first_version_are_read() {
    check("events-v1.seg", tests::random_batch(&mut Random(1), 300), &tests::options());
}

#[test]
fn segments_of_the_second_version_are_read() {
    let lines = patterns::tests::batch(&mut Random(1), 400);
    check("events-v2.seg", lines, &patterns::tests::options());
}

#[test]
fn segments_of_the_third_version_are_read() {
    let lines = patterns::tests::batch(&mut Random(1), 1200);
    check("events-v3.seg", lines, &WriteOptions { block_rows: 500, ..patterns::tests::options() });
}

#[test]
fn segments_of_the_fourth_version_are_read() {
    let lines = patterns::tests::batch(&mut Random(1), 1200);
    check("events-v4.seg", lines, &WriteOptions { block_rows: 500, ..patterns::tests::options() });
}
