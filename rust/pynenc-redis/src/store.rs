//! The decisions: each one script, typed.

/// A Lua script, as the server is given it.
#[derive(Debug)]
pub struct Script {
    /// Its file, without the ending.
    pub name: &'static str,
    /// Its text, shared parts included.
    pub source: &'static str,
}

/// Every script, in the order by which [`crate::link::Call::script`] names them.
pub const SCRIPTS: &[Script] = &[];
