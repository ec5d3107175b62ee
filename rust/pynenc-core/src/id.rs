//! Identities: where a record stands ([`Ref`]) and the UUID that the outside sees.

use std::fmt;

/// A record's place in one engine's slab; the generation tells a reused place from its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Ref {
    /// Stands for "no invocation" where an `Option` would cost memory: every engine answers that
    /// it does not know it.
    pub const NONE: Self = Self { slot: u32::MAX, generation: u32::MAX };

    /// A place, by its slot and generation.
    #[must_use]
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// Which slot.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Which of the records that had this slot.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }

    const fn to_bits(self) -> u64 {
        ((self.generation as u64) << 32) | self.slot as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "takes the low and the high half apart")]
    const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// An invocation's identity: a version 8 UUID (RFC 9562, section 5.8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvocationId(u128);

impl InvocationId {
    /// Stands for "no invocation".
    pub const NIL: Self = Self(0);

    /// An identity of 122 random bits: unlike those of an [`IdSpace`], it names no place.
    #[must_use]
    pub const fn from_random(bits: u128) -> Self {
        Self(bits & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62)
    }

    /// The 16 bytes of the UUID.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Read 16 bytes, whatever they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Read the usual 36-character form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let dashes = [8, 13, 18, 23];
        if text.len() != 36 || dashes.iter().any(|&at| text.as_bytes().get(at) != Some(&b'-')) {
            return None;
        }
        let hex: String = text.chars().filter(|&c| c != '-').collect();
        if hex.len() != 32 || hex.starts_with('+') {
            return None;
        }
        u128::from_str_radix(&hex, 16).ok().map(Self)
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            (v >> 80) & 0xffff,
            (v >> 64) & 0xffff,
            (v >> 48) & 0xffff,
            v & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Turns places into UUIDs and back without an index: the UUID *is* the place, mixed, beside a
/// random number of the engine that no other engine shares.
///
/// Layout, from the top: 48 + 12 + 4 bits of the mixed place around the version and variant
/// fields, then 58 random bits of the engine.
#[derive(Clone, Copy, Debug)]
pub struct IdSpace {
    engine: u64,
}

const ENGINE_BITS: u64 = (1 << 58) - 1;

impl IdSpace {
    /// A space of its own for `random`, of which 58 bits count.
    #[must_use]
    pub const fn new(random: u64) -> Self {
        Self { engine: random & ENGINE_BITS }
    }

    /// The identity of a place.
    #[must_use]
    pub const fn id(self, at: Ref) -> InvocationId {
        let mixed = mix(at.to_bits() ^ self.engine) as u128;
        let (top, middle, low) = (mixed >> 16, (mixed >> 4) & 0xfff, mixed & 0xf);
        InvocationId((top << 80) | (8 << 76) | (middle << 64) | (0b10 << 62) | (low << 58) | self.engine as u128)
    }

    /// The place of an identity, if this engine made it.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "each part is masked to its own bits")]
    pub const fn place(self, id: InvocationId) -> Option<Ref> {
        let v = id.0;
        if (v as u64) & ENGINE_BITS != self.engine || (v >> 76) & 0xf != 8 || (v >> 62) & 0b11 != 0b10 {
            return None;
        }
        let mixed = ((v >> 80) << 16) | (((v >> 64) & 0xfff) << 4) | ((v >> 58) & 0xf);
        Some(Ref::from_bits(unmix(mixed as u64) ^ self.engine))
    }
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const GATHER: u64 = inverse(SPREAD);

/// A bijection that spreads neighbouring places over all bits, so that short forms differ.
const fn mix(bits: u64) -> u64 {
    let x = bits.wrapping_mul(SPREAD);
    (x ^ (x >> 32)).wrapping_mul(SPREAD)
}

const fn unmix(bits: u64) -> u64 {
    let x = bits.wrapping_mul(GATHER);
    (x ^ (x >> 32)).wrapping_mul(GATHER)
}

/// The inverse of an odd number modulo 2^64 (Newton's iteration doubles the good bits).
const fn inverse(odd: u64) -> u64 {
    let mut x = odd;
    let mut round = 0;
    while round < 6 {
        x = x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x)));
        round += 1;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_comes_back_from_its_id() {
        let space = IdSpace::new(0x1234_5678_9abc_def0);
        for slot in [0, 1, 2, 77, 1 << 20, u32::MAX - 1] {
            for generation in [0, 1, 9, u32::MAX - 1] {
                let at = Ref { slot, generation };
                let id = space.id(at);
                assert_eq!(space.place(id), Some(at));
                assert_eq!(InvocationId::parse(&id.to_string()), Some(id));
            }
        }
    }

    #[test]
    fn random_ids_are_uuids_and_bytes_carry_them() {
        let id = InvocationId::from_random(u128::MAX);
        assert_eq!(id.to_string(), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(InvocationId::from_bytes(id.to_bytes()), id);
        assert_eq!(InvocationId::NIL.to_string(), "00000000-0000-0000-0000-000000000000");
    }

    #[test]
    fn another_engine_does_not_know_it() {
        let id = IdSpace::new(1).id(Ref { slot: 3, generation: 0 });
        assert_eq!(IdSpace::new(2).place(id), None);
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["", "x", "+2345678-1234-8234-9234-123456789012", "12345678-1234-8234-9234-12345678901g"] {
            assert_eq!(InvocationId::parse(text), None, "{text}");
        }
    }
}
