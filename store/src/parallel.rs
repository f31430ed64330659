//! Work on many parts, on the caller's thread, and on more if it takes longer than asking for them and cores are free.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Work that is done sooner is not worth a thread.
const ALONE: Duration = Duration::from_micros(300);
/// So many parts may be done before their turn has come: each is held in memory.
const AHEAD: usize = 6;

/// Threads a store may use beside those of its callers: one a core, less the caller's. Shared by all clones.
#[derive(Clone, Default)]
pub(crate) struct Helpers(Arc<AtomicUsize>);

/// A thread that was taken; given back when it is dropped.
struct Permit<'h>(&'h Helpers);

impl Helpers {
    /// As many as the machine has cores beside one.
    pub(crate) fn of_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(AtomicUsize::new(cores - 1)))
    }

    fn take(&self) -> Option<Permit<'_>> {
        let less = |free: usize| free.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok().then(|| Permit(self))
    }

    fn take_up_to(&self, most: usize) -> Vec<Permit<'_>> {
        (0..most).map_while(|_| self.take()).collect()
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

// === in order ===

/// Reads the parts below `count`, on any thread, and shows them in their order on this one.
pub(crate) fn in_order<T: Send>(
    helpers: &Helpers,
    count: usize,
    read: &(dyn Fn(usize) -> T + Sync),
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
    let permits = helpers.take_up_to(count.saturating_sub(at + 1));
    if permits.is_empty() {
        let _ = (at..count).try_for_each(|at| visit(read(at)));
        return;
    }
    let work = Work {
        state: Mutex::new(State { next: at, shown: at, ..State::default() }),
        count,
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for permit in permits {
            let help = || {
                let _permit = permit;
                work.help(read);
            };
            // Without the thread the others do its part.
            let _ = std::thread::Builder::new().name("scan".to_owned()).spawn_scoped(scope, help);
        }
        work.lead(read, visit);
    });
}

struct Work<T> {
    count: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The first part nobody has begun.
    next: usize,
    /// The first part that was not shown.
    shown: usize,
    /// What was read of the parts from `shown` on; `None`: it is being read.
    ready: VecDeque<Option<T>>,
    /// Nothing more is to be read.
    over: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { next: 0, shown: 0, ready: VecDeque::new(), over: false }
    }
}

/// Ends the work when it is dropped: a thread that panics must not leave others waiting.
struct Ending<'w, T>(&'w Work<T>);

impl<T> Drop for Ending<'_, T> {
    fn drop(&mut self) {
        self.0.state.lock().over = true;
        self.0.changed.notify_all();
    }
}

impl<T> State<T> {
    /// The next part to read, if it is not too far ahead.
    fn claim(&mut self, count: usize) -> Option<usize> {
        if self.over || self.next >= count || self.next >= self.shown + AHEAD {
            return None;
        }
        self.ready.push_back(None);
        self.next += 1;
        Some(self.next - 1)
    }
}

impl<T> Work<T> {
    fn put(&self, at: usize, part: T) {
        let mut state = self.state.lock();
        let place = at - state.shown;
        if let Some(slot) = state.ready.get_mut(place) {
            *slot = Some(part);
        }
        drop(state);
        self.changed.notify_all();
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
                self.changed.wait(&mut state);
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
                drop(state);
                self.changed.notify_all();
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
                self.changed.wait(&mut state);
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
    let permits = helpers.take_up_to(left);
    std::thread::scope(|scope| {
        let spawn = |permit| {
            let help = || {
                let _permit: Permit<'_> = permit;
                let mut more = sum();
                work(&mut more, &|| true);
                more
            };
            std::thread::Builder::new().name("scan".to_owned()).spawn_scoped(scope, help).ok()
        };
        let threads: Vec<_> = permits.into_iter().filter_map(spawn).collect();
        work(&mut first, &|| true);
        let mut sums = vec![first];
        for thread in threads {
            match thread.join() {
                Ok(more) => sums.push(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        sums
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn helpers(count: usize) -> Helpers {
        Helpers(Arc::new(AtomicUsize::new(count)))
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
            let helpers = helpers(threads);
            let mut shown = Vec::new();
            let read = |at: usize| {
                busy();
                at * 10
            };
            in_order(&helpers, 200, &read, &mut |part| {
                shown.push(part);
                ControlFlow::Continue(())
            });
            assert_eq!(shown, (0..200).map(|at| at * 10).collect::<Vec<_>>());
            assert_eq!(helpers.0.load(Ordering::Relaxed), threads, "threads are given back");
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
        in_order(&helpers(2), 10_000, &read, &mut |_| {
            shown += 1;
            if shown == 50 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(shown, 50);
        assert!(read_parts.load(Ordering::Relaxed) <= 50 + AHEAD + 2);
    }

    #[test]
    fn sums_of_all_threads_hold_every_part_once() {
        for threads in [0, 1, 3] {
            let sums = fold(&helpers(threads), 500, &Vec::new, &|sum, at| {
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
        let run = || in_order(&helpers(2), 200, &read, &mut |()| ControlFlow::Continue(()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    }
}
