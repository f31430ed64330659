//! How much the heads of all tenants hold, and who waits for it to become less.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Room {
    held: AtomicU64,
    freed: Notify,
}

impl Room {
    /// A head that held `before` bytes holds `after`.
    pub(crate) fn changed(&self, before: u64, after: u64) {
        // Wraps around to the same sum: what grew and what shrank are told one by one.
        self.held.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        if after < before {
            self.freed.notify_waiters();
        }
    }

    pub(crate) fn is_over(&self, most: u64) -> bool {
        self.held.load(Ordering::Relaxed) > most
    }

    /// Waits until heads hold at most so many bytes; `false`: they did not in that time.
    pub(crate) async fn wait(&self, most: u64, patience: Duration) -> bool {
        let room = async {
            loop {
                let freed = self.freed.notified();
                if !self.is_over(most) {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(patience, room).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn who_waits_goes_on_when_there_is_room_and_not_before() {
        let room = Room::default();
        room.changed(0, 10);
        assert!(room.wait(10, Duration::MAX).await);
        assert!(!room.wait(9, Duration::ZERO).await);
        let mut waiting = pin!(room.wait(5, Duration::MAX));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        room.changed(10, 8);
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        room.changed(8, 5);
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(true));
    }
}
