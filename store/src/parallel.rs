//! Work on many parts, on the caller's thread, and on more if it takes longer than asking for them and cores are free.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Work that is done sooner is not worth a thread.
const ALONE: Duration = Duration::from_micros(150);
/// So many parts that hold memory may be done, or be worked on, before their turn has come.
const AHEAD: usize = 6;
/// So many may be done at all.
const AHEAD_EMPTY: usize = 256;

/// Threads a store may use beside those of its callers: one a core, less the caller's. Shared by all clones.
#[derive(Clone, Default)]
pub(crate) struct Helpers(Option<Arc<Pool>>);

struct Pool {
    threads: rayon::ThreadPool,
    free: AtomicUsize,
}

/// A thread that was taken; given back when it is dropped.
struct Permit<'h>(&'h AtomicUsize);

impl Helpers {
    /// As many as the machine has cores beside one.
    pub(crate) fn of_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores - 1)
    }

    /// Where threads cannot be had, callers work alone.
    fn new(count: usize) -> Self {
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(|at| format!("scan {at}"));
        let threads = if count > 0 { threads.build().ok() } else { None };
        Self(threads.map(|threads| Arc::new(Pool { threads, free: AtomicUsize::new(count) })))
    }

    /// The pool, and the right to use so many of its threads.
    fn take_up_to(&self, most: usize) -> Option<(&rayon::ThreadPool, Vec<Permit<'_>>)> {
        let pool = self.0.as_ref()?;
        let take = || {
            let less = |free: usize| free.checked_sub(1);
            let taken = pool.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
            taken.is_ok().then(|| Permit(&pool.free))
        };
        let permits: Vec<_> = (0..most).map_while(|_| take()).collect();
        (!permits.is_empty()).then_some((&pool.threads, permits))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

// === in order ===

/// Reads the parts below `count`, on any thread, and shows them in their order on this one. Many that are `small`, as
/// they hold next to no memory, may wait for their turn.
pub(crate) fn in_order<T: Send>(
    helpers: &Helpers,
    count: usize,
    read: &(dyn Fn(usize) -> T + Sync),
    small: &(dyn Fn(&T) -> bool + Sync),
    visit: &mut dyn FnMut(T) -> ControlFlow<()>,
) {
    let began = Instant::now();
    let mut at = 0;
    while at < count && began.elapsed() < ALONE {
        if visit(read(at)).is_break() {
            return;
        }
        at += 1;
    }
    let Some((threads, permits)) = helpers.take_up_to(count.saturating_sub(at + 1)) else {
        let _ = (at..count).try_for_each(|at| visit(read(at)));
        return;
    };
    let work = Work {
        state: Mutex::new(State { next: at, shown: at, ..State::default() }),
        count,
        small,
        shows: Condvar::new(),
        helps: Condvar::new(),
    };
    threads.in_place_scope(|scope| {
        for permit in permits {
            scope.spawn(|_| {
                let _permit = permit;
                work.help(read);
            });
        }
        work.lead(read, visit);
    });
}

struct Work<'w, T> {
    count: usize,
    small: &'w (dyn Fn(&T) -> bool + Sync),
    state: Mutex<State<T>>,
    /// Wakes the thread that shows, and those that help.
    shows: Condvar,
    helps: Condvar,
}

struct State<T> {
    /// The first part nobody has begun.
    next: usize,
    /// The first part that was not shown.
    shown: usize,
    /// What was read of the parts from `shown` on; `None`: it is being read.
    ready: VecDeque<Option<T>>,
    /// How many of these hold memory or are being read.
    held: usize,
    helpers_waiting: usize,
    /// Nothing more is to be read.
    over: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { next: 0, shown: 0, ready: VecDeque::new(), held: 0, helpers_waiting: 0, over: false }
    }
}

/// Ends the work when it is dropped: a thread that panics must not leave others waiting.
struct Ending<'w, T>(&'w Work<'w, T>);

impl<T> Drop for Ending<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().over = true;
        self.0.shows.notify_all();
        self.0.helps.notify_all();
    }
}

impl<T> State<T> {
    /// The next part to read, if it is not too far ahead.
    fn claim(&mut self, count: usize) -> Option<usize> {
        let full = self.held >= AHEAD || self.ready.len() >= AHEAD_EMPTY;
        if self.over || self.next >= count || full {
            return None;
        }
        self.ready.push_back(None);
        self.held += 1;
        self.next += 1;
        Some(self.next - 1)
    }
}

impl<T> Work<'_, T> {
    fn put(&self, at: usize, part: T) {
        let mut state = self.state.lock();
        let place = at - state.shown;
        state.held -= usize::from((self.small)(&part));
        if let Some(slot) = state.ready.get_mut(place) {
            *slot = Some(part);
        }
        drop(state);
        // It is waited for only if it is the next one.
        if place == 0 {
            self.shows.notify_one();
        }
    }

    fn help(&self, read: &(dyn Fn(usize) -> T + Sync)) {
        let mut state = self.state.lock();
        loop {
            if let Some(at) = state.claim(self.count) {
                drop(state);
                let ending = Ending(self);
                let part = read(at);
                std::mem::forget(ending);
                self.put(at, part);
                state = self.state.lock();
            } else if state.over || state.next >= self.count {
                return;
            } else {
                state.helpers_waiting += 1;
                self.helps.wait(&mut state);
                state.helpers_waiting -= 1;
            }
        }
    }

    fn lead(&self, read: &(dyn Fn(usize) -> T + Sync), visit: &mut dyn FnMut(T) -> ControlFlow<()>) {
        let _ending = Ending(self);
        let mut state = self.state.lock();
        while state.shown < self.count && !state.over {
            if let Some(Some(_)) = state.ready.front() {
                let part = state.ready.pop_front().flatten();
                state.shown += 1;
                state.held -= usize::from(part.as_ref().is_some_and(|part| !(self.small)(part)));
                let wake = state.helpers_waiting > 0;
                drop(state);
                if wake {
                    self.helps.notify_all();
                }
                if part.is_some_and(|part| visit(part).is_break()) {
                    return;
                }
                state = self.state.lock();
            } else if let Some(at) = state.claim(self.count) {
                drop(state);
                let part = read(at);
                self.put(at, part);
                state = self.state.lock();
            } else {
                self.shows.wait(&mut state);
            }
        }
    }
}

// === in any order ===

/// Adds the parts below `count` to sums, one a thread; a sum that breaks ends the work.
pub(crate) fn fold<A: Send>(
    helpers: &Helpers,
    count: usize,
    sum: &(dyn Fn() -> A + Sync),
    add: &(dyn Fn(&mut A, usize) -> ControlFlow<()> + Sync),
) -> Vec<A> {
    let began = Instant::now();
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = |sum: &mut A, goes_on: &dyn Fn() -> bool| {
        while !over.load(Ordering::Relaxed) && goes_on() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count || add(sum, at).is_break() {
                over.store(true, Ordering::Relaxed);
            }
        }
    };
    let mut first = sum();
    work(&mut first, &|| began.elapsed() < ALONE);
    let left = count.saturating_sub(next.load(Ordering::Relaxed) + 1);
    if over.load(Ordering::Relaxed) {
        return vec![first];
    }
    let mut sums = vec![first];
    let Some((threads, permits)) = helpers.take_up_to(left) else {
        work(&mut sums[0], &|| true);
        return sums;
    };
    let mut more: Vec<A> = permits.iter().map(|_| sum()).collect();
    threads.in_place_scope(|scope| {
        for (permit, more) in permits.into_iter().zip(&mut more) {
            let work = &work;
            scope.spawn(move |_| {
                let _permit: Permit<'_> = permit;
                work(more, &|| true);
            });
        }
        work(&mut sums[0], &|| true);
    });
    sums.extend(more);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(helpers: &Helpers) -> usize {
        helpers.0.as_ref().map_or(0, |pool| pool.free.load(Ordering::Relaxed))
    }

    /// Long enough that helpers are asked for.
    fn busy() {
        let began = Instant::now();
        while began.elapsed() < Duration::from_micros(40) {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn parts_are_shown_once_and_in_order_by_however_many_threads() {
        for threads in [0, 1, 3] {
            let helpers = Helpers::new(threads);
            let mut shown = Vec::new();
            let read = |at: usize| {
                busy();
                at * 10
            };
            in_order(&helpers, 200, &read, &|part| part % 20 != 0, &mut |part| {
                shown.push(part);
                ControlFlow::Continue(())
            });
            assert_eq!(shown, (0..200).map(|at| at * 10).collect::<Vec<_>>());
            assert_eq!(free(&helpers), threads, "threads are given back");
        }
    }

    #[test]
    fn a_visitor_that_has_enough_ends_the_work() {
        let mut shown = 0;
        let read_parts = AtomicUsize::new(0);
        let read = |_| {
            busy();
            read_parts.fetch_add(1, Ordering::Relaxed)
        };
        in_order(&Helpers::new(2), 10_000, &read, &|part| part % 20 != 0, &mut |_| {
            shown += 1;
            if shown == 50 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(shown, 50);
        assert!(read_parts.load(Ordering::Relaxed) <= 50 + AHEAD_EMPTY + 2);
    }

    #[test]
    fn sums_of_all_threads_hold_every_part_once() {
        for threads in [0, 1, 3] {
            let sums = fold(&Helpers::new(threads), 500, &Vec::new, &|sum, at| {
                busy();
                sum.push(at);
                ControlFlow::Continue(())
            });
            let mut all = sums.concat();
            all.sort_unstable();
            assert_eq!(all, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_panic_of_a_part_reaches_the_caller() {
        let read = |at: usize| {
            busy();
            assert!(at < 100, "part {at}");
        };
        let run = || in_order(&Helpers::new(2), 200, &read, &|()| false, &mut |()| ControlFlow::Continue(()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }
}
