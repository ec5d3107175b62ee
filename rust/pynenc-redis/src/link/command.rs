//! Commands as the bytes that the server reads.

use std::io::Write;
use std::sync::Arc;

use super::Bytes;

/// Append one command of these words.
pub(super) fn pack<'a>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    header(out, b'*', words.len());
    for word in words {
        word_of(out, word);
    }
}

fn word_of(out: &mut Vec<u8>, word: &[u8]) {
    header(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

/// Up to here a value is copied among the words.
const SMALL: usize = 16 << 10;

/// Append the command that stores a value for so long, if there is none; a large value stays where it is.
pub(super) fn pack_keep(out: &mut Vec<u8>, apart: &mut Vec<(usize, Bytes)>, key: &[u8], value: &Bytes, millis: u64) {
    let content = (**value).as_ref();
    header(out, b'*', 6);
    [b"SET", key].into_iter().for_each(|word| word_of(out, word));
    header(out, b'$', content.len());
    if content.len() <= SMALL {
        out.extend_from_slice(content);
    } else {
        apart.push((out.len(), Arc::clone(value)));
    }
    out.extend_from_slice(b"\r\n");
    let millis = millis.to_string();
    [b"NX", b"PX", millis.as_bytes()].into_iter().for_each(|word| word_of(out, word));
}

/// One command of these words.
pub(super) fn packed(words: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(&mut out, words.iter().copied());
    out
}

fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    // Writing to memory cannot fail.
    let _ = write!(out, "{number}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_measured() {
        assert_eq!(packed(&[b"GET", b"a\r\nb", b""]), b"*3\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n");
    }
}
