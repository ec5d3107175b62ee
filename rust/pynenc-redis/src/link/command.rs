//! Commands as the bytes that the server reads.

use std::io::Write;

/// Append one command of these words.
pub(super) fn pack<'a>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = &'a [u8]>) {
    header(out, b'*', words.len());
    for word in words {
        header(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
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
