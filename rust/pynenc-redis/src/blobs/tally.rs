//! What naming values instead of sending them has saved.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! tally {
    ($($(#[$said:meta])* $name:ident),* $(,)?) => {
        /// Counts as it happens, from any thread.
        #[derive(Debug, Default)]
        pub struct Tally { $($(#[$said])* pub $name: Count),* }

        /// The counts of one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct BlobCounters { $($(#[$said])* pub $name: u64),* }

        impl Tally {
            /// As it stands.
            #[must_use]
            pub fn read(&self) -> BlobCounters {
                BlobCounters { $($name: self.$name.0.load(Ordering::Relaxed)),* }
            }
        }

        impl BlobCounters {
            /// Each count with its name.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

tally! {
    /// Blobs that were sent to the server.
    sent,
    /// Their bytes.
    bytes_sent,
    /// Times that a value was named and not sent, because the server had it.
    skipped,
    /// The bytes that were not sent for that.
    bytes_saved,
    /// Blobs that were fetched from the server.
    fetched,
    /// Their bytes.
    bytes_fetched,
    /// Values that were made of the bytes of a blob.
    decoded,
    /// Times that a blob was needed and was at hand.
    hits,
    /// Bytes that were not fetched for that.
    bytes_at_hand,
    /// Times that a blob was needed and was not at hand: it came from the host or from the server.
    misses,
    /// Values that were at hand and had to make room.
    evictions,
}

/// One count.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// So many more.
    pub fn add(&self, by: usize) {
        self.0.fetch_add(by as u64, Ordering::Relaxed);
    }
}
