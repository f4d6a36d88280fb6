//! A store in memory, for rehearsals and tests. Clones share one content, so a second handle is a reopened store.

use super::checkpoint::{Batch, CheckpointStore, Compaction, Head, Health, Visit};
use crate::runtime::JournalError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Content {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    head: Head,
}

/// Bytes in memory. Nothing survives the process; between handles every commit does.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

impl MemoryStore {
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    // A panic elsewhere cannot leave a batch half applied here, so the content behind a poisoned lock is good.
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

impl CheckpointStore for MemoryStore {
    fn commit(&mut self, batch: Batch, _durable: bool) -> Result<Head, JournalError> {
        let mut content = self.content();
        let Content { values, head } = &mut *content;
        let mut chain = crc32fast::Hasher::new();
        chain.update(&head.chain.to_be_bytes());
        for (key, change) in batch.changes {
            let old = match change {
                Some(value) => {
                    let crc = checksum(&key, &value);
                    chain.update(&crc.to_be_bytes());
                    head.add(key.len() + value.len(), crc);
                    values.insert(key.clone(), value)
                }
                None => values.remove(&key),
            };
            if let Some(old) = old {
                head.take(key.len() + old.len(), checksum(&key, &old));
            }
        }
        head.sequence += 1;
        head.chain = chain.finalize();
        Ok(*head)
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.content().values.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), JournalError> {
        // The visitor may read this store again, so it is called without the lock.
        let found: Vec<_> = {
            let content = self.content();
            let from = content.values.range(prefix.to_vec()..);
            from.take_while(|(key, _)| key.starts_with(prefix)).map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        found.into_iter().try_for_each(|(key, value)| visit(&key, value))
    }

    fn head(&self) -> Head {
        self.content().head
    }

    fn verify(&self) -> Result<Health, JournalError> {
        let content = self.content();
        let mut found = Head::default();
        content.values.iter().for_each(|(key, value)| found.add(key.len() + value.len(), checksum(key, value)));
        let same = (found.keys, found.sum) == (content.head.keys, content.head.sum);
        let findings = if same { Vec::new() } else { vec!["The values do not fit the head.".to_owned()] };
        Ok(Health { keys: found.keys, bytes: found.bytes, files: 0, findings })
    }

    fn compact(&mut self) -> Result<Compaction, JournalError> {
        let bytes = self.content().head.bytes;
        Ok(Compaction { before: bytes, after: bytes })
    }
}
