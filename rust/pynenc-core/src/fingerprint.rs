//! Fingerprints: the canonical, type-tagged, length-prefixed form of a value, hashed by BLAKE3.
//!
//! This module says *which bytes are hashed for which value*; who walks the values is the
//! caller's business. The form never changes: the golden vectors of the tests hold it still.
//!
//! Every stream starts with the format number `1` and one domain byte: `V` a value, `E` an entry
//! of a dict, `M` a member of a set, `A` named arguments, `K` a concurrency key. Then comes one
//! self-delimiting item (for `E`: key, value; for `A`: a count, then `name value` in the order of
//! the names, where a value that is not None, bool, int, float, str or bytes enters as `P` and the
//! 32 bytes of its own fingerprint; for `K`: the id of the task and the name of the rule as str, the fingerprint as
//! bytes). `n` is an unsigned LEB128 number. *digest* is 32 bytes of plain BLAKE3.
//!
//! | value | bytes |
//! |---|---|
//! | None, False, True | `N`, `F`, `T` |
//! | int | `i` n(size) two's complement, little endian, as short as it goes (0: no byte) |
//! | float | `f` 8 bytes IEEE 754, little endian; every NaN is `0x7ff8000000000000`; -0.0 is not 0.0 |
//! | str | `s` n(code points) UTF-8, lone surrogates as three bytes |
//! | str from 4,096 code points on | `S` n(code points) digest of that UTF-8 |
//! | bytes | `b` n(size) data; from 4,096 bytes on `B` n(size) digest of the data |
//! | list, tuple | `l`, `t` n(count) items |
//! | dict | `d` n(count) digests of the `E` streams, ascending |
//! | OrderedDict | `o` n(count) key, value, key, value … in order |
//! | set, frozenset | `u`, `z` n(count) digests of the `M` streams, ascending |
//! | dataclass | `D` type n(fields), then name (str), value in the order of declaration |
//! | enum member | `E` type, name (str or None), digest of the `M` stream of its value (as bytes), or `?` when only a fallback could read that |
//! | subclass of a builtin | `C` type, field names (tuple of str, or None), base value, instance state |
//! | datetime | `M` seven ints (year … microsecond), fold, zone |
//! | date, timedelta | `a`, `e` three ints (year, month, day; days, seconds, microseconds) |
//! | time | `m` four ints (hour … microsecond), fold, zone |
//! | zone | None, or `Z` type, key (str or None), offset, name (both None when there is a key) |
//! | Decimal | `c` str(value) in capitals |
//! | UUID | `U` 16 bytes, big endian |
//! | buffer | `v` type, element form (str), n(item size), n(dimensions), n(each), data (as bytes) |
//! | anything else | `x` type, what the fallback made of it (as bytes) |
//!
//! *type* is module and qualified name, each as a str: that is what tells two classes apart, in
//! this process and in the next one. Buffers compare by their bits, in C order.

mod arguments;
mod canonical;
mod element;
mod parts;

pub use arguments::{ArgumentName, ArgumentNames, DuplicateName, concurrency_key};
pub use canonical::{Canonical, ContentHasher, Digest, Fragment, INLINE_LIMIT, Tag, content_digest};
pub use element::{ElementFault, element_form};
pub use parts::{PartDigest, PartHasher, Parts};
