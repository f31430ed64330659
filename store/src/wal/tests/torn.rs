//! Cut, flipped and failing files.

use std::sync::Arc;

use super::disk::{FakeDisk, Random};
use super::{FILE_BYTES, Log, log, read, record};
use crate::durable::Disk;
use crate::model::Lsn;
use crate::wal::format::{FILE_HEADER_LEN, HEADER_COPIES, RECORDS_START};
use crate::wal::{ReplayError, ReplayReport, replay};

/// A log of `groups` groups of three, marked and left as a kill leaves it.
fn written(groups: u64) -> (FakeDisk, Log, u64) {
    let disk = FakeDisk::default();
    let mut log = log(&disk.shared(), 1, ReplayReport::default());
    let mut next = 1;
    for _ in 0..groups {
        let mut records: Vec<_> = (next..next + 3).map(record).collect();
        assert_eq!(log.commit(&mut records, 0).lsns.len(), 3);
        next += 3;
    }
    log.mark(0).unwrap();
    (disk, log, next - 1)
}

#[test]
fn what_was_written_comes_back_in_order_over_many_files() {
    let (disk, mut log, last) = written(60);
    assert!(log.files().len() > 2);
    let (numbers, report) = read(&disk);
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert_eq!((report.losses.len(), report.writer_max), (0, 1));
    log.close(0).unwrap();
    assert_eq!(read(&disk).0.len() as u64, last);
}

#[test]
fn a_tail_cut_at_any_byte_costs_only_what_nobody_was_promised() {
    let disk = FakeDisk::default();
    let mut log = log(&disk.shared(), 1, ReplayReport::default());
    let mut ends = vec![RECORDS_START];
    for number in 1..=4 {
        assert!(log.commit(&mut [record(number)], 0).error.is_none());
        ends.push(ends[ends.len() - 1] + record(number).len());
    }
    let path = log.files()[0].path.clone();
    for cut in RECORDS_START..ends[4] {
        let copy = disk.copy();
        copy.edit(&path, |bytes| bytes[cut..].fill(0));
        let (numbers, report) = read(&copy);
        let whole = ends.iter().filter(|end| **end <= cut).count() as u64 - 1;
        // A record may end in zeros of its own.
        assert!(numbers.len() as u64 >= whole && numbers.len() as u64 <= whole + 1, "cut at {cut}");
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        // Record n says that n - 1 was durable: nothing known durable is missing.
        assert_eq!(report.losses, [], "cut at {cut}");
    }
}

#[test]
fn no_flipped_bit_makes_a_wrong_batch_and_every_loss_is_named() {
    let (disk, log, last) = written(4);
    let path = log.files()[0].path.clone();
    let used = disk.read(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let mut random = Random(7);
    for _ in 0..1000 {
        let copy = disk.copy();
        let (at, bit) = (random.below(used) as usize, random.below(8));
        copy.edit(&path, |bytes| bytes[at] ^= 1 << bit);
        let (numbers, report) = read(&copy);
        let lost: u64 = report.losses.iter().map(|l| l.last.counter - l.first.counter + 1).sum();
        assert_eq!(numbers.len() as u64 + lost, last, "byte {at} bit {bit}: {:?}", report.losses);
        assert!(numbers.is_sorted() && lost <= 1, "byte {at} bit {bit}");
        assert_eq!(report.files[0].damaged, lost > 0);
    }
}

#[test]
fn a_file_without_a_sound_header_is_set_aside_and_the_rest_is_read() {
    let (disk, log, last) = written(60);
    let files = log.files();
    disk.edit(&files[1].path, |bytes| HEADER_COPIES.iter().for_each(|at| bytes[at + 20] ^= 1));
    let (numbers, report) = read(&disk);
    assert_eq!(report.unreadable, [files[1].path.with_extension("damaged")]);
    let lost: u64 = report.losses.iter().map(|l| l.last.counter - l.first.counter + 1).sum();
    assert!(lost > 0 && numbers.len() as u64 + lost == last);
}

#[test]
fn a_failed_sync_ends_the_file_and_the_next_one_takes_its_numbers_over() {
    let disk = FakeDisk::default();
    let mut log = log(&disk.shared(), 1, ReplayReport::default());
    assert!(log.commit(&mut [record(1)], 0).error.is_none());
    disk.fail_syncs(1);
    let failed = log.commit(&mut [record(2), record(3)], 0);
    assert!(failed.error.is_some() && failed.lsns.is_empty());
    let lsns = log.commit(&mut [record(4)], 0).lsns;
    assert_eq!(lsns, [Lsn { writer: crate::model::WriterId(1), counter: 2 }]);
    assert_eq!(log.files().len(), 2);
    assert!(log.files()[0].damaged && !log.files()[1].damaged);
    let (numbers, report) = read(&disk);
    assert_eq!((numbers, report.losses), (vec![1, 4], vec![]));
}

#[test]
fn records_of_a_failed_sync_that_did_reach_the_disk_do_not_count_once_their_numbers_are_used_again() {
    let disk = FakeDisk::default();
    let mut log = log(&disk.shared(), 1, ReplayReport::default());
    assert!(log.commit(&mut [record(1)], 0).error.is_none());
    let with_two = {
        assert!(log.commit(&mut [record(2)], 0).error.is_none());
        disk.read(&log.files()[0].path).unwrap()
    };
    let disk = FakeDisk::default();
    let mut log = super::log(&disk.shared(), 1, ReplayReport::default());
    assert!(log.commit(&mut [record(1)], 0).error.is_none());
    disk.fail_syncs(1);
    assert!(log.commit(&mut [record(2)], 0).error.is_some());
    let path = log.files()[0].path.clone();
    assert!(log.commit(&mut [record(9)], 0).error.is_none());
    // The salt differs from file to file, so the old bytes are taken whole, with their header.
    disk.edit(&path, |bytes| *bytes = with_two);
    assert_eq!(read(&disk).0, [1, 9]);
}

#[test]
fn a_full_disk_fails_the_group_and_leaves_nothing() {
    let disk = FakeDisk::default();
    let mut log = log(&disk.shared(), 1, ReplayReport::default());
    assert!(log.commit(&mut [record(1)], 0).error.is_none());
    disk.set_full(true);
    let mut stored = 1;
    // The open file has room; a new one cannot be made.
    let failed = (2..100).find(|n| {
        let committed = log.commit(&mut [record(*n)], 0);
        stored += committed.lsns.len() as u64;
        committed.error.is_some()
    });
    assert_eq!(failed, Some(stored + 1));
    assert!(disk.paths().iter().all(|path| path.extension().is_some_and(|e| e == "wal")));
    disk.set_full(false);
    assert!(log.commit(&mut [record(stored + 1)], 0).error.is_none());
    assert_eq!(read(&disk).0, (1..=stored + 1).collect::<Vec<_>>());
}

#[test]
fn files_go_oldest_first_when_all_in_them_is_flushed_and_come_back_as_new_ones() {
    let (disk, mut log, last) = written(90);
    let count = log.files().len();
    let second_last = *log.files()[1].last.values().max().unwrap();
    let mut told = 0;
    let mut cut = |log: &mut Log, through: u64| {
        log.cut(&|_, _, _| through, &mut || {
            told += 1;
            Ok(())
        })
    };
    assert_eq!(cut(&mut log, 1).unwrap(), 0);
    assert_eq!(cut(&mut log, second_last).unwrap(), 2);
    assert_eq!(cut(&mut log, last).unwrap(), count - 2, "the open file too");
    assert_eq!((told, log.files().len()), (2, 0));
    let sizes: Vec<_> = disk.list(&super::dir()).unwrap();
    assert!(sizes.len() == 3 && sizes.iter().all(|(_, size)| *size == FILE_BYTES));
    // A recycled file is full of records of its former use: none of them counts.
    let mut next = last + 1;
    while log.files().len() < 3 {
        assert!(log.commit(&mut [record(next)], 0).error.is_none());
        next += 1;
    }
    let (numbers, report) = read(&disk);
    assert_eq!(numbers.last(), Some(&(next - 1)));
    assert!(numbers.is_sorted() && report.losses.is_empty());
}

#[test]
fn a_log_that_rests_takes_no_room_and_begins_again_with_a_small_file() {
    let disk = FakeDisk::default();
    let writer = crate::model::WriterId(1);
    let mut log = Log::new(disk.shared(), &super::dir(), writer, 2 << 20, Vec::new()).unwrap();
    let mut next = 1;
    let mut fill = |log: &mut Log, files: usize| {
        while log.files().len() < files {
            let mut records: Vec<_> = (next..next + 50).map(record).collect();
            next += log.commit(&mut records, 0).lsns.len() as u64;
        }
        next - 1
    };
    let sizes = |log: &Log| log.files().iter().map(|file| file.size_bytes >> 10).collect::<Vec<_>>();
    let last = fill(&mut log, 4);
    assert_eq!(sizes(&log), [256, 1024, 2048, 2048]);
    assert_eq!(log.cut(&|_, _, _| last, &mut || Ok(())).unwrap(), 4);
    assert_eq!(disk.paths().len(), 2, "large files are spares");
    let last = fill(&mut log, 1);
    assert_eq!(sizes(&log), [2048], "a spare is at hand");
    assert_eq!(log.cut(&|_, _, _| last, &mut || Ok(())).unwrap(), 1);
    log.rest().unwrap();
    assert!(disk.paths().is_empty() && !log.can_rest());
    let last = fill(&mut log, 1);
    assert_eq!(sizes(&log), [256]);
    // Numbers go on, and what is gone is not missed.
    let (numbers, report) = read(&disk);
    assert_eq!((numbers.last(), report.losses), (Some(&last), vec![]));
}

#[test]
fn a_record_larger_than_a_file_gets_one_of_its_own() {
    let disk = FakeDisk::default();
    let shared: Arc<dyn Disk> = disk.shared();
    let writer = crate::model::WriterId(1);
    let mut log = Log::new(shared, &super::dir(), writer, 0, Vec::new()).unwrap();
    let mut records: Vec<_> = (1..40).map(record).collect();
    assert_eq!(log.commit(&mut records, 0).lsns.len(), 39);
    assert_eq!(read(&disk).0, (1..40).collect::<Vec<_>>());
}

#[test]
fn a_file_of_a_newer_version_is_refused_by_name() {
    let (disk, log, _) = written(1);
    disk.edit(&log.files()[0].path, |bytes| {
        for at in HEADER_COPIES {
            bytes[at + 10] = 9;
            bytes[at + FILE_HEADER_LEN - 16..at + FILE_HEADER_LEN - 11].copy_from_slice(b"7.0.0");
            let crc = crc32fast::hash(&bytes[at..at + FILE_HEADER_LEN - 4]);
            bytes[at + FILE_HEADER_LEN - 4..at + FILE_HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
        }
    });
    match replay(&disk, &super::dir(), &mut |_| ()) {
        Err(ReplayError::Newer { found: 9, program, .. }) => assert_eq!(program, "7.0.0"),
        other => panic!("{:?}", other.err()),
    }
}
