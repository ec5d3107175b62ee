//! The blake3 crate's own rate: a line on standard input asks for one pass over 20 MB, whose
//! seconds are a line on standard output. The other side of the fingerprint's bar.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut state = 7_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    });
    let buffer: Vec<u8> = noise.take(20 << 20).collect();
    writeln!(stdout(), "ready")?;
    for line in stdin().lock().lines() {
        line?;
        let start = Instant::now();
        std::hint::black_box(blake3::hash(&buffer));
        writeln!(stdout(), "{:?}", start.elapsed().as_secs_f64())?;
    }
    Ok(())
}
