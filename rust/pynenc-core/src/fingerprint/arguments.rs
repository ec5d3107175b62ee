//! Named arguments, and the keys that concurrency rules compare.

use super::canonical::{Canonical, Digest, Fragment};

/// One argument of a fingerprint: where its value stands, and its name.
#[derive(Clone, Debug)]
pub struct ArgumentName {
    /// Position of the value in what the caller passes.
    pub index: usize,
    /// The parameter's name.
    pub name: Box<str>,
    /// The name as the stream has it.
    pub fragment: Fragment,
}

/// Two arguments share this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name {0:?} is there twice")]
pub struct DuplicateName(pub String);

/// The names of a fingerprint in the order of the stream, prepared once.
#[derive(Clone, Debug, Default)]
pub struct ArgumentNames(Vec<ArgumentName>);

impl ArgumentNames {
    /// Sort the names; each comes with the position of its value.
    pub fn new<'n>(names: impl IntoIterator<Item = (usize, &'n str)>) -> Result<Self, DuplicateName> {
        let mut sorted: Vec<_> = names
            .into_iter()
            .map(|(index, name)| ArgumentName { index, name: name.into(), fragment: Fragment::text(name) })
            .collect();
        sorted.sort_by(|left, right| left.name.cmp(&right.name));
        match sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(DuplicateName(pair[0].name.to_string())),
            None => Ok(Self(sorted)),
        }
    }

    /// The arguments in the order of the stream.
    pub fn iter(&self) -> std::slice::Iter<'_, ArgumentName> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The key under which `rule` sees a call: the rule's name keeps the keys of two rules apart.
pub fn concurrency_key(task_id: &str, rule: &str, fingerprint: &Digest) -> Digest {
    let mut stream = Canonical::key();
    for part in [task_id, rule] {
        stream.text(part.chars().count(), part.as_bytes());
    }
    stream.bytes(fingerprint);
    stream.finish()
}
