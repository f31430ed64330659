//! Random histories on a disk that crashes at any operation: what was acknowledged is there, once, in order; what is
//! there was sent.

use super::disk::{FakeDisk, Random};
use super::{log, read, record};
use crate::wal::{Log, ReplayReport};

struct World {
    disk: FakeDisk,
    random: Random,
    next: u64,
    acked: Vec<u64>,
    /// Sent without an answer when the machine went off: may be there or not.
    unknown: Vec<u64>,
    /// Answered with an error: may only come back if the life that failed them never wrote again.
    failed: Vec<u64>,
}

impl World {
    fn life(&mut self, writer: u32, old: ReplayReport) {
        let mut log = log(&self.disk.shared(), writer, old);
        self.disk.crash_after(10 + self.random.below(200));
        for _ in 0..self.random.below(60) {
            match self.random.below(10) {
                0 => drop(log.mark(0)),
                1 => self.disk.fail_syncs(1),
                _ => self.group(&mut log),
            }
        }
        if self.random.below(4) == 0 {
            let _ = log.close(0);
        }
    }

    fn group(&mut self, log: &mut Log) {
        let numbers: Vec<u64> = (self.next..=self.next + self.random.below(6)).collect();
        self.next += numbers.len() as u64;
        let mut records: Vec<_> = numbers.iter().map(|number| record(*number)).collect();
        let committed = log.commit(&mut records, 0);
        let (acked, rest) = numbers.split_at(committed.lsns.len());
        self.acked.extend(acked);
        if !acked.is_empty() {
            // Their numbers were used again.
            self.failed.append(&mut self.unknown);
        }
        self.unknown.extend(rest);
    }

    fn check(&self, numbers: &[u64], report: &ReplayReport, seed: u64) {
        assert!(numbers.is_sorted_by(|a, b| a < b), "seed {seed}: order or repetition: {numbers:?}");
        assert_eq!(report.losses, [], "seed {seed}");
        assert!(report.unreadable.is_empty(), "seed {seed}");
        let missing: Vec<_> = self.acked.iter().filter(|n| numbers.binary_search(n).is_err()).collect();
        assert!(missing.is_empty(), "seed {seed}: acknowledged and gone: {missing:?}");
        for number in numbers {
            let sent = self.acked.binary_search(number).is_ok() || self.unknown.contains(number);
            assert!(sent, "seed {seed}: {number} was answered with an error and is there");
        }
    }
}

#[test]
fn acknowledged_is_stored_after_any_crash() {
    for seed in 0..60 {
        let (disk, random) = (FakeDisk::default(), Random(seed));
        let (acked, unknown, failed) = (Vec::new(), Vec::new(), Vec::new());
        let mut world = World { disk, random, next: 1, acked, unknown, failed };
        let mut old = ReplayReport::default();
        for writer in 1..=4 {
            world.life(writer, old);
            world.disk.restart(&mut world.random);
            let (numbers, report) = read(&world.disk);
            world.check(&numbers, &report, seed);
            // What came back is durable now: the next life must find it too.
            world.acked = numbers;
            world.unknown.clear();
            old = report;
        }
    }
}
