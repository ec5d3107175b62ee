//! The element format of a buffer, in a form that is the same on every platform.

/// Why the elements of a buffer cannot be compared by their bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElementFault {
    /// The elements are references or addresses.
    #[error("its elements are pointers")]
    Pointers,
    /// Some bits between or inside the elements mean nothing.
    #[error("its elements have padding, whose content is arbitrary")]
    Padding,
}

/// Name the elements that `format` (in the syntax of PEP 3118) describes.
///
/// A single number becomes byte order, kind and size (`<i8`): `l` and `q` are one thing where both
/// have eight bytes. A compound keeps its text behind the machine's byte order.
pub fn element_form(format: &str, item_size: usize) -> Result<String, ElementFault> {
    let (order, rest) = split_order(format);
    let kind = match rest {
        "b" | "h" | "i" | "l" | "q" | "n" => "i",
        "B" | "H" | "I" | "L" | "Q" | "N" => "u",
        "e" | "f" | "d" => "f",
        "Zf" | "Zd" => "c",
        "?" => "b",
        "c" => "S",
        "u" | "w" => "U",
        _ => {
            refuse_arbitrary_bits(rest)?;
            return Ok(format!("{order}:{rest}"));
        }
    };
    let order = if item_size == 1 { '|' } else { order };
    Ok(format!("{order}{kind}{item_size}"))
}

fn split_order(format: &str) -> (char, &str) {
    let native = if cfg!(target_endian = "little") { '<' } else { '>' };
    match format.as_bytes().first() {
        Some(b'<') => ('<', &format[1..]),
        Some(b'>' | b'!') => ('>', &format[1..]),
        Some(b'@' | b'=' | b'^') => (native, &format[1..]),
        _ => (native, format),
    }
}

/// Look at the codes of a compound, not at its field names (`:name:`).
fn refuse_arbitrary_bits(format: &str) -> Result<(), ElementFault> {
    let codes = format.split(':').step_by(2);
    for code in codes.flat_map(str::chars) {
        match code {
            'O' | 'P' | '&' | 'X' => return Err(ElementFault::Pointers),
            'x' | 'g' => return Err(ElementFault::Padding),
            _ => {}
        }
    }
    Ok(())
}
