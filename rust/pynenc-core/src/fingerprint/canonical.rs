//! The encoder: tags and lengths in, one digest out, without a buffer that grows.

use smallvec::SmallVec;

/// 32 bytes of BLAKE3.
pub type Digest = [u8; 32];

/// From this length on (code points of a str, bytes of anything else) content enters its stream as
/// a digest of its own, so that it can be hashed apart: without the GIL, and not a second time.
pub const INLINE_LIMIT: usize = 4096;

const FORMAT: u8 = 1;
const CANONICAL_NAN: u64 = 0x7ff8_0000_0000_0000;
const PENDING: usize = 512;

/// What an item is; the byte that opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "each one is a row of the table in the module's page")]
pub enum Tag {
    None = b'N',
    False = b'F',
    True = b'T',
    Int = b'i',
    Float = b'f',
    Text = b's',
    LongText = b'S',
    Bytes = b'b',
    LongBytes = b'B',
    List = b'l',
    Tuple = b't',
    Dict = b'd',
    OrderedDict = b'o',
    Set = b'u',
    FrozenSet = b'z',
    Dataclass = b'D',
    Enum = b'E',
    Opaque = b'?',
    Subclass = b'C',
    DateTime = b'M',
    Date = b'a',
    Time = b'm',
    TimeDelta = b'e',
    Zone = b'Z',
    Decimal = b'c',
    Uuid = b'U',
    Buffer = b'v',
    Extension = b'x',
    Part = b'P',
}

/// BLAKE3 of content that was hashed apart.
pub fn content_digest(content: &[u8]) -> Digest {
    *blake3::hash(content).as_bytes()
}

/// [`content_digest`] of content that comes in pieces.
#[derive(Default)]
pub struct ContentHasher(blake3::Hasher);

impl ContentHasher {
    /// Take the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(&self) -> Digest {
        *self.0.finalize().as_bytes()
    }
}

/// Bytes of a canonical stream that were made once and are used again: names and types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment(Box<[u8]>);

impl Fragment {
    /// A str.
    pub fn text(text: &str) -> Self {
        Self::collect(|out| out.text(text.chars().count(), text.as_bytes()))
    }

    /// The name of a type.
    pub fn type_name(module: &str, qualname: &str) -> Self {
        Self::collect(|out| {
            for part in [module, qualname] {
                out.text(part.chars().count(), part.as_bytes());
            }
        })
    }

    /// A tuple of str, or None.
    pub fn names(names: Option<&[String]>) -> Self {
        Self::collect(|out| match names {
            None => out.tag(Tag::None),
            Some(names) => {
                out.open(Tag::Tuple, names.len());
                for name in names {
                    out.text(name.chars().count(), name.as_bytes());
                }
            }
        })
    }

    /// This fragment and, right after it, another one.
    pub fn then(&self, next: &Self) -> Self {
        Self([&*self.0, &*next.0].concat().into())
    }

    fn collect(write: impl FnOnce(&mut Recorder)) -> Self {
        let mut recorder = Recorder(Vec::new());
        write(&mut recorder);
        Self(recorder.0.into())
    }
}

/// Where items are written to.
trait Sink {
    fn push(&mut self, bytes: &[u8]);

    fn tag(&mut self, tag: Tag) {
        self.push(&[tag as u8]);
    }

    fn open(&mut self, tag: Tag, count: usize) {
        let (bytes, used) = numbered(tag as u8, count);
        self.push(&bytes[..used]);
    }

    fn text(&mut self, code_points: usize, utf8: &[u8]) {
        if code_points < INLINE_LIMIT {
            self.open(Tag::Text, code_points);
            self.push(utf8);
        } else {
            self.open(Tag::LongText, code_points);
            self.push(&content_digest(utf8));
        }
    }
}

struct Recorder(Vec<u8>);

impl Sink for Recorder {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// One canonical stream on its way to a digest.
///
/// Short streams stay in a small array and are hashed in one go; long ones flow through a hasher.
pub struct Canonical {
    pending: SmallVec<[u8; PENDING]>,
    hasher: Option<Box<blake3::Hasher>>,
}

impl Sink for Canonical {
    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        if self.pending.len() + bytes.len() <= PENDING {
            self.pending.extend_from_slice(bytes);
        } else {
            self.spill(bytes);
        }
    }
}

impl Canonical {
    #[inline]
    fn new(domain: u8) -> Self {
        let mut pending = SmallVec::new();
        pending.push(FORMAT);
        pending.push(domain);
        Self { pending, hasher: None }
    }

    /// The stream of one value.
    #[inline]
    pub fn value() -> Self {
        Self::new(b'V')
    }

    /// The stream of one dict entry: the key, then the value.
    #[inline]
    pub fn entry() -> Self {
        Self::new(b'E')
    }

    /// The stream of one set member.
    #[inline]
    pub fn member() -> Self {
        Self::new(b'M')
    }

    /// The stream of `count` named values, each a name and a value, in the order of the names.
    #[inline]
    pub fn arguments(count: usize) -> Self {
        let mut stream = Self::new(b'A');
        stream.number(count);
        stream
    }

    pub(super) fn key() -> Self {
        Self::new(b'K')
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        let hasher = self.hasher.get_or_insert_default();
        hasher.update(&self.pending);
        self.pending.clear();
        if bytes.len() <= PENDING {
            self.pending.extend_from_slice(bytes);
        } else {
            hasher.update(bytes);
        }
    }

    /// The digest of all that was written.
    #[inline]
    pub fn finish(mut self) -> Digest {
        match self.hasher.take() {
            None => content_digest(&self.pending),
            Some(mut hasher) => *hasher.update(&self.pending).finalize().as_bytes(),
        }
    }

    /// An item that is its tag alone (None, False, True, an opaque value).
    #[inline]
    pub fn tag(&mut self, tag: Tag) {
        Sink::tag(self, tag);
    }

    /// Open an item of `count` parts; the caller writes the parts.
    #[inline]
    pub fn open(&mut self, tag: Tag, count: usize) {
        Sink::open(self, tag, count);
    }

    /// Open an item that names its type; what follows is the caller's.
    pub fn open_named(&mut self, tag: Tag, type_name: &Fragment) {
        Sink::tag(self, tag);
        self.push(&type_name.0);
    }

    /// Write what was prepared before.
    #[inline]
    pub fn fragment(&mut self, fragment: &Fragment) {
        self.push(&fragment.0);
    }

    /// A bare number: a count, a size, a dimension.
    #[inline]
    pub fn number(&mut self, number: usize) {
        let (bytes, used) = numbered(0, number);
        self.push(&bytes[1..used]);
    }

    /// False or True.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        Sink::tag(self, if value { Tag::True } else { Tag::False });
    }

    /// An int of 64 bits.
    #[inline]
    pub fn int(&mut self, value: i64) {
        let significant = 64 - (value ^ (value >> 63)).leading_zeros() as usize;
        let size = if value == 0 { 0 } else { significant / 8 + 1 };
        Sink::open(self, Tag::Int, size);
        self.push(&value.to_le_bytes()[..size]);
    }

    /// An int of any size, in two's complement, little endian; need not be the shortest form.
    #[inline]
    pub fn int_le(&mut self, bytes: &[u8]) {
        let size = shortest(bytes);
        Sink::open(self, Tag::Int, size);
        self.push(&bytes[..size]);
    }

    /// A float.
    #[inline]
    pub fn float(&mut self, value: f64) {
        let bits = if value.is_nan() { CANONICAL_NAN } else { value.to_bits() };
        Sink::tag(self, Tag::Float);
        self.push(&bits.to_le_bytes());
    }

    /// A str: the number of its code points, and its UTF-8 (surrogates allowed).
    #[inline]
    pub fn text(&mut self, code_points: usize, utf8: &[u8]) {
        Sink::text(self, code_points, utf8);
    }

    /// A str of at least [`INLINE_LIMIT`] code points whose UTF-8 was hashed apart.
    pub fn long_text(&mut self, code_points: usize, content: &Digest) {
        debug_assert!(code_points >= INLINE_LIMIT, "short text is written inline");
        Sink::open(self, Tag::LongText, code_points);
        self.push(content);
    }

    /// Bytes.
    #[inline]
    pub fn bytes(&mut self, data: &[u8]) {
        if data.len() < INLINE_LIMIT {
            Sink::open(self, Tag::Bytes, data.len());
            self.push(data);
        } else {
            self.long_bytes(data.len(), &content_digest(data));
        }
    }

    /// At least [`INLINE_LIMIT`] bytes that were hashed apart.
    pub fn long_bytes(&mut self, size: usize, content: &Digest) {
        debug_assert!(size >= INLINE_LIMIT, "short bytes are written inline");
        Sink::open(self, Tag::LongBytes, size);
        self.push(content);
    }

    /// An argument by the fingerprint of its value, which other calls may share.
    #[inline]
    pub fn part(&mut self, fingerprint: &Digest) {
        self.fixed(Tag::Part, fingerprint);
    }

    /// Parts whose order does not matter: a dict's entries, a set's members. Sorts them.
    pub fn unordered(&mut self, tag: Tag, parts: &mut [Digest]) {
        parts.sort_unstable();
        Sink::open(self, tag, parts.len());
        for part in parts {
            self.push(part);
        }
    }

    /// Bytes of a size that the tag implies.
    pub fn fixed(&mut self, tag: Tag, data: &[u8]) {
        Sink::tag(self, tag);
        self.push(data);
    }
}

/// `lead`, then the number in LEB128; how many bytes are used.
#[inline]
fn numbered(lead: u8, mut number: usize) -> ([u8; 12], usize) {
    let mut bytes = [0; 12];
    bytes[0] = lead;
    let mut used = 1;
    while number >= 0x80 {
        bytes[used] = (number & 0x7f) as u8 | 0x80;
        number >>= 7;
        used += 1;
    }
    bytes[used] = number as u8;
    (bytes, used + 1)
}

/// How many of the bytes the shortest two's complement form of the number needs.
#[inline]
fn shortest(bytes: &[u8]) -> usize {
    let mut size = bytes.len();
    while let Some(&last) = bytes[..size].last() {
        let negative_below = size > 1 && bytes[size - 2] & 0x80 != 0;
        let spare = match last {
            0 => !negative_below,
            0xff => negative_below,
            _ => false,
        };
        if !spare {
            break;
        }
        size -= 1;
    }
    size
}
