//! Locks that a thread that panicked, or one that hangs, can't keep from the others.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use crate::model::time::Stopwatch;

/// Locks, also where a thread panicked with the lock: what is behind it is checked by use.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks, unless another thread holds the lock for longer.
pub(super) fn lock_within<T>(mutex: &Mutex<T>, within: Duration) -> Option<MutexGuard<'_, T>> {
    const PAUSE: Duration = Duration::from_millis(5);
    let watch = Stopwatch::start();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poison)) => return Some(poison.into_inner()),
            Err(TryLockError::WouldBlock) if watch.left_of(within).is_zero() => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}
