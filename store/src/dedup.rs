//! Batch keys of the last minutes: a retry stores nothing and gets the first answer.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tokio::sync::oneshot;

use crate::model::{BatchKey, Lsn, WriterId};

/// What a known key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) lsn: Lsn,
    pub(crate) answer: Arc<[u8]>,
}

/// The table; cheap to clone.
#[derive(Clone)]
pub(crate) struct Dedup(Arc<Mutex<Table>>);

struct Table {
    keys: HashMap<BatchKey, State, FxBuildHasher>,
    /// Settled keys, oldest first.
    order: VecDeque<(i64, BatchKey)>,
    keys_max: usize,
    keep_ms: i64,
    evicted: u64,
}

enum State {
    /// Its first request is not durable yet; these wait for it.
    InFlight(Vec<oneshot::Sender<Option<Known>>>),
    /// When it was settled, and what it stands for.
    Settled(i64, Known),
}

pub(crate) enum Begin {
    Known(Known),
    /// The same request is on its way: `None` if it failed, then begin again.
    Wait(oneshot::Receiver<Option<Known>>),
    /// Nobody knows the key: this request is the first.
    First(FirstRequest),
}

/// The right to settle a key. Dropped, the request has failed.
pub(crate) struct FirstRequest {
    dedup: Dedup,
    key: Option<BatchKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct DedupStatus {
    pub keys: usize,
    /// Keys that had to go before their time: a later retry of theirs would be stored twice.
    pub evicted: u64,
}

// === impl Dedup ===

impl Dedup {
    pub(crate) fn new(keys_max: u64, keep_ms: u64) -> Self {
        Self(Arc::new(Mutex::new(Table {
            keys: HashMap::default(),
            order: VecDeque::new(),
            keys_max: keys_max.max(1) as usize,
            keep_ms: keep_ms as i64,
            evicted: 0,
        })))
    }

    pub(crate) fn begin(&self, key: BatchKey, now_ms: i64) -> Begin {
        let mut table = self.0.lock();
        table.expire(now_ms);
        match table.keys.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(State::InFlight(Vec::new()));
                Begin::First(FirstRequest { dedup: self.clone(), key: Some(key) })
            }
            Entry::Occupied(mut occupied) => match occupied.get_mut() {
                State::Settled(_, known) => Begin::Known(known.clone()),
                State::InFlight(waiting) => {
                    let (sender, receiver) = oneshot::channel();
                    waiting.push(sender);
                    Begin::Wait(receiver)
                }
            },
        }
    }

    /// A key read from the log or from a file, in any order. `false`: at that time it stood for another record already,
    /// this one repeats it.
    pub(crate) fn restore(&self, key: BatchKey, time_ms: i64, known: Known) -> bool {
        let mut table = self.0.lock();
        let keep_ms = table.keep_ms;
        if let Some(State::Settled(other_ms, other)) = table.keys.get_mut(&key) {
            if other.lsn == known.lsn {
                return true;
            }
            if time_ms.saturating_sub(*other_ms).abs() < keep_ms {
                return false;
            }
            // The same content again after the first was forgotten: both count, the later one is remembered.
            if time_ms > *other_ms {
                (*other_ms, *other) = (time_ms, known);
            }
            return true;
        }
        table.settle(key, time_ms, known);
        true
    }

    /// All keys are restored: puts them in order and forgets the old ones.
    pub(crate) fn restored(&self, now_ms: i64) {
        let mut table = self.0.lock();
        // A clock that ran ahead in an earlier life must not keep keys for longer.
        let times = table.keys.iter_mut().filter_map(|(key, state)| match state {
            State::Settled(time, _) => {
                *time = now_ms.min(*time);
                Some((*time, *key))
            }
            State::InFlight(_) => None,
        });
        let mut order: Vec<(i64, BatchKey)> = times.collect();
        order.sort_unstable_by_key(|(time, _)| *time);
        table.order = order.into();
        table.expire(now_ms);
    }

    pub(crate) fn expire(&self, now_ms: i64) {
        self.0.lock().expire(now_ms);
    }

    pub(crate) fn status(&self) -> DedupStatus {
        let table = self.0.lock();
        DedupStatus { keys: table.keys.len(), evicted: table.evicted }
    }
}

impl Table {
    fn expire(&mut self, now_ms: i64) {
        while let Some(&(time, key)) = self.order.front() {
            if now_ms.saturating_sub(time) < self.keep_ms {
                break;
            }
            self.order.pop_front();
            self.keys.remove(&key);
        }
    }

    fn settle(&mut self, key: BatchKey, time_ms: i64, known: Known) {
        while self.order.len() >= self.keys_max
            && let Some((oldest_ms, oldest)) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
            self.evicted += u64::from(time_ms.saturating_sub(oldest_ms) < self.keep_ms);
        }
        self.keys.insert(key, State::Settled(time_ms, known));
        self.order.push_back((time_ms, key));
    }
}

// === impl FirstRequest ===

impl FirstRequest {
    /// The batch is durable: everyone who waits, and every retry, gets this.
    pub(crate) fn settle(mut self, time_ms: i64, known: &Known) {
        self.finish(Some((time_ms, known)));
    }

    fn finish(&mut self, outcome: Option<(i64, &Known)>) {
        let Some(key) = self.key.take() else { return };
        let waiting = {
            let mut table = self.dedup.0.lock();
            let waiting = match table.keys.remove(&key) {
                Some(State::InFlight(waiting)) => waiting,
                _ => Vec::new(),
            };
            if let Some((time_ms, known)) = outcome {
                table.settle(key, time_ms, known.clone());
            }
            waiting
        };
        for waiter in waiting {
            // One that hung up needs no answer.
            let _ = waiter.send(outcome.map(|(_, known)| known.clone()));
        }
    }
}

impl Drop for FirstRequest {
    fn drop(&mut self) {
        self.finish(None);
    }
}

// === the keys as a file ===

/// Written before WAL files go, so that their keys outlive them.
const FILE_MAGIC: [u8; 8] = *b"SBXKEYS1";
const ENTRY_LEN: usize = 16 + 8 + 4 + 8 + 4;

impl Dedup {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let table = self.0.lock();
        let mut out = FILE_MAGIC.to_vec();
        for (time, key) in &table.order {
            let Some(State::Settled(_, known)) = table.keys.get(key) else { continue };
            out.extend_from_slice(&key.0.to_le_bytes());
            out.extend_from_slice(&time.to_le_bytes());
            out.extend_from_slice(&known.lsn.writer.0.to_le_bytes());
            out.extend_from_slice(&known.lsn.counter.to_le_bytes());
            out.extend_from_slice(&(known.answer.len() as u32).to_le_bytes());
            out.extend_from_slice(&known.answer);
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Restores the keys of a file that are not too old; `None` if it is damaged.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Option<()> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(content) {
            return None;
        }
        let mut rest = content.strip_prefix(&FILE_MAGIC)?;
        while !rest.is_empty() {
            let (entry, tail) = rest.split_first_chunk::<ENTRY_LEN>()?;
            let (key, entry) = entry.split_first_chunk::<16>()?;
            let (time, entry) = entry.split_first_chunk::<8>()?;
            let (writer, entry) = entry.split_first_chunk::<4>()?;
            let (counter, len) = entry.split_first_chunk::<8>()?;
            let len = u32::from_le_bytes(*len.first_chunk()?) as usize;
            let (answer, tail) = tail.split_at_checked(len)?;
            let lsn =
                Lsn { writer: WriterId(u32::from_le_bytes(*writer)), counter: u64::from_le_bytes(*counter) };
            let key = BatchKey(u128::from_le_bytes(*key));
            self.restore(key, i64::from_le_bytes(*time), Known { lsn, answer: answer.into() });
            rest = tail;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(counter: u64) -> Known {
        Known { lsn: Lsn { writer: WriterId(1), counter }, answer: Arc::from(counter.to_string().as_bytes()) }
    }

    fn first(begin: Begin) -> FirstRequest {
        match begin {
            Begin::First(first) => first,
            _ => panic!("the key is known"),
        }
    }

    fn answer(begin: Begin) -> Option<Known> {
        match begin {
            Begin::Known(known) => Some(known),
            _ => None,
        }
    }

    #[test]
    fn a_retry_gets_the_first_answer_until_its_time_is_over() {
        let dedup = Dedup::new(10, 100);
        first(dedup.begin(BatchKey(1), 0)).settle(0, &known(7));
        assert_eq!(answer(dedup.begin(BatchKey(1), 99)), Some(known(7)));
        drop(first(dedup.begin(BatchKey(1), 100)));
        drop(first(dedup.begin(BatchKey(1), 100)));
    }

    #[test]
    fn who_comes_while_the_first_is_in_flight_learns_what_became_of_it() {
        let dedup = Dedup::new(10, 100);
        let one = first(dedup.begin(BatchKey(1), 0));
        let (Begin::Wait(mut a), Begin::Wait(mut b)) =
            (dedup.begin(BatchKey(1), 0), dedup.begin(BatchKey(1), 0))
        else {
            panic!("both must wait");
        };
        one.settle(0, &known(3));
        assert_eq!((a.try_recv(), b.try_recv()), (Ok(Some(known(3))), Ok(Some(known(3)))));
        let two = first(dedup.begin(BatchKey(2), 0));
        let Begin::Wait(mut c) = dedup.begin(BatchKey(2), 0) else { panic!("must wait") };
        drop(two);
        assert_eq!(c.try_recv(), Ok(None));
    }

    #[test]
    fn the_oldest_key_goes_when_there_are_too_many_and_is_counted() {
        let dedup = Dedup::new(2, 100);
        for key in 1..=3 {
            first(dedup.begin(BatchKey(key), 0)).settle(0, &known(key as u64));
        }
        assert_eq!(dedup.status(), DedupStatus { keys: 2, evicted: 1 });
        drop(first(dedup.begin(BatchKey(1), 0)));
        assert_eq!(answer(dedup.begin(BatchKey(3), 0)), Some(known(3)));
    }

    #[test]
    fn keys_survive_in_a_file_and_damage_to_it_shows() {
        let dedup = Dedup::new(10, 100);
        for key in 1..=3 {
            first(dedup.begin(BatchKey(key), 0)).settle(key as i64, &known(key as u64));
        }
        let bytes = dedup.encode();
        let other = Dedup::new(10, 100);
        assert_eq!(other.decode(&bytes), Some(()));
        assert_eq!(answer(other.begin(BatchKey(2), 50)), Some(known(2)));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert_eq!(Dedup::new(10, 100).decode(&flipped), None, "byte {at}");
            assert_eq!(Dedup::new(10, 100).decode(&bytes[..at]), None, "cut at {at}");
        }
    }
}
