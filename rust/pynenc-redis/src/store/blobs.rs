//! Blobs on the server: what is sent there before it is named, and what is fetched.

use std::collections::HashMap;
use std::sync::Arc;

use redis::Value;
use rustc_hash::FxHashSet;

use super::library::Which;
use super::{Store, reply};
use crate::blobs::{Blob, Blobs, Digest, Fetched, SMALL};
use crate::error::{RedisError, Result};
use crate::link::{Request, Sink};

/// How long a blob waits for the first record that names it.
const UNNAMED_MILLIS: u64 = 600_000;
/// How often something is sent again because the server has lost a blob that it names.
const MOST_ATTEMPTS: usize = 8;

/// Counts how often something is sent.
pub(super) struct Attempts(usize);

impl Attempts {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    pub(super) fn count(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 <= MOST_ATTEMPTS {
            return Ok(());
        }
        Err(RedisError::Protocol("the server loses large values as fast as they are sent".into()))
    }
}

/// The digests of blobs, each once.
pub(super) fn digests<'a>(blobs: impl Iterator<Item = &'a Blob>) -> Vec<Digest> {
    let mut seen = FxHashSet::default();
    blobs.map(|blob| blob.digest).filter(|&digest| seen.insert(digest)).collect()
}

/// Digests that stand one after the other.
fn apart(text: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    text.chunks_exact(32).filter_map(|digest| digest.try_into().ok())
}

impl Store {
    /// What this process knows of the app's blobs.
    #[must_use]
    pub const fn blobs(&self) -> &Arc<Blobs> {
        &self.blobs
    }

    fn blob_key(&self, digest: &Digest) -> Vec<u8> {
        [self.blob_prefix.as_slice(), digest].concat()
    }

    /// What has to go ahead of something that names these blobs: those that the server does not have.
    pub(super) fn sending<'a>(&self, blobs: impl Iterator<Item = &'a Blob>) -> Result<Vec<Request>> {
        let mut all: HashMap<Digest, (&Blob, usize)> = HashMap::new();
        for blob in blobs {
            all.entry(blob.digest).or_insert((blob, 0)).1 += 1;
        }
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let lacking = self.lacking(&all)?;
        let mut requests = Vec::with_capacity(lacking.len());
        for (digest, (blob, times)) in all {
            let is_lacking = lacking.contains(&digest);
            let (size, saved) = (blob.content.size(), times - usize::from(is_lacking));
            self.blobs.tally.skipped.add(saved);
            self.blobs.tally.bytes_saved.add(saved * size);
            if is_lacking {
                let bytes = Arc::clone(&blob.content).bytes().ok_or(RedisError::Changed(size))?;
                self.blobs.tally.sent.add(1);
                self.blobs.tally.bytes_sent.add(size);
                requests.push(Request::Keep { key: self.blob_key(&digest), bytes, millis: UNNAMED_MILLIS });
            }
        }
        Ok(requests)
    }

    /// Those that the server is not known to have; it is asked about what is not small.
    fn lacking(&self, all: &HashMap<Digest, (&Blob, usize)>) -> Result<FxHashSet<Digest>> {
        let unknown = all.iter().filter(|(digest, _)| !self.blobs.is_known(digest));
        let (mut lacking, mut asked) = (FxHashSet::default(), Vec::new());
        for (digest, (blob, _)) in unknown {
            // Asking takes longer than sending a small one.
            if blob.content.size() <= SMALL {
                lacking.insert(*digest);
            } else {
                asked.extend(digest);
            }
        }
        if !asked.is_empty() {
            let missing = reply::bytes(self.ask(Which::Lacking, vec![asked])?)?;
            lacking.extend(apart(&missing));
        }
        Ok(lacking)
    }

    /// What the server says to those that went ahead.
    ///
    /// # Errors
    /// The first that it did not take.
    pub(super) fn sent(&self, answers: impl Iterator<Item = Result<Value>>) -> Result<()> {
        // All are looked at: the iterator is shared with what comes behind them.
        let answers: Vec<_> = answers.collect();
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// A record names these: the server has them.
    pub(super) fn named<'a>(&self, blobs: impl Iterator<Item = &'a Blob>) {
        blobs.for_each(|blob| self.blobs.note(&blob.digest));
    }

    /// The server does not have these.
    pub(super) fn forget(&self, missing: &[u8]) {
        apart(missing).for_each(|digest| self.blobs.forget(&digest));
    }

    /// The bytes of a blob, if `into` does not take them; `None` when the server does not have it.
    ///
    /// # Errors
    /// What keeps the server from answering.
    pub fn fetch(&self, digest: &Digest, into: Option<Arc<dyn Sink>>) -> Result<Option<Fetched>> {
        let mut answers = self.link.send(&[Request::Fetch { key: self.blob_key(digest), into }])?;
        match answers.pop() {
            Some(Ok(Value::BulkString(bytes))) => {
                self.count_fetched(bytes.len());
                Ok(Some(Fetched::Here(Arc::new(bytes))))
            }
            Some(Ok(Value::Int(size))) => {
                self.count_fetched(usize::try_from(size).unwrap_or(usize::MAX));
                Ok(Some(Fetched::Taken))
            }
            Some(Ok(Value::Nil)) => Ok(None),
            Some(Err(failure)) => Err(failure),
            _ => Err(RedisError::Protocol("a blob is no text".into())),
        }
    }

    fn count_fetched(&self, size: usize) {
        self.blobs.tally.fetched.add(1);
        self.blobs.tally.bytes_fetched.add(size);
    }

    /// Drop every blob that nobody names, at the end of the purge that has drawn this nonce.
    pub(super) fn shed(&self, nonce: &[u8]) -> Result<()> {
        self.blobs.forget_all();
        while reply::number(&self.ask(Which::Shed, vec![nonce.to_vec()])?)? > 0 {}
        Ok(())
    }

    /// Have results stored, though the server may take no new work.
    pub(super) fn send_results<'a>(&self, requests: Vec<Request>, blobs: impl Iterator<Item = &'a Blob>) -> Result<()> {
        if requests.is_empty() {
            return Ok(());
        }
        match self.link.send(&requests).and_then(|answers| self.sent(answers.into_iter())) {
            Err(RedisError::Full { .. }) => self.keep_anyway(blobs),
            sent => sent,
        }
    }

    fn keep_anyway<'a>(&self, blobs: impl Iterator<Item = &'a Blob>) -> Result<()> {
        for blob in blobs {
            let size = blob.content.size();
            let bytes = Arc::clone(&blob.content).bytes().ok_or(RedisError::Changed(size))?;
            let millis = UNNAMED_MILLIS.to_string().into_bytes();
            self.ask(Which::Keep, vec![blob.digest.to_vec(), (*bytes).as_ref().to_vec(), millis])?;
        }
        Ok(())
    }
}
