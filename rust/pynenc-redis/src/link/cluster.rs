//! Which node of a cluster holds the keys of an app: all of them are in one slot.

use redis::Value;

use super::endpoint::Endpoint;
use super::handshake::text;

const SLOTS: u16 = 16_384;

/// The slot of a key: CRC-16 (XMODEM) of what stands between its first braces, or of all of it.
pub(super) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..close).filter(|tag| !tag.is_empty())
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// The nodes of a cluster, as `CLUSTER SLOTS` tells them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes {
    /// The master of the slot asked for.
    pub(super) holder: Option<Endpoint>,
    /// Everyone who can be asked next time.
    pub(super) known: Vec<Endpoint>,
}

/// Read a reply to `CLUSTER SLOTS`; a node that does not know its own name is at `asked`.
pub(super) fn nodes(reply: &Value, slot: u16, asked: &Endpoint) -> Nodes {
    let mut nodes = Nodes::default();
    let Value::Array(ranges) = reply else { return nodes };
    for range in ranges {
        let Value::Array(parts) = range else { continue };
        let [Value::Int(first), Value::Int(last), members @ ..] = parts.as_slice() else { continue };
        let members: Vec<Endpoint> = members.iter().filter_map(|member| node(member, asked)).collect();
        if (*first..=*last).contains(&i64::from(slot)) {
            nodes.holder = members.first().cloned();
        }
        nodes.known.extend(members);
    }
    nodes
}

fn node(member: &Value, asked: &Endpoint) -> Option<Endpoint> {
    let Value::Array(fields) = member else { return None };
    let [host, Value::Int(port), ..] = fields.as_slice() else { return None };
    at(&text(host), u16::try_from(*port).ok()?, asked)
}

/// The node that a `MOVED 1234 host:port` names; without a host it is the one that was asked.
pub(super) fn moved_to(details: &str, asked: &Endpoint) -> Option<Endpoint> {
    let (host, port) = details.split_whitespace().nth(1)?.rsplit_once(':')?;
    at(host.trim_matches(['[', ']']), port.parse().ok()?, asked)
}

fn at(host: &str, port: u16, asked: &Endpoint) -> Option<Endpoint> {
    match (host, asked) {
        ("?", _) => None,
        ("", Endpoint::Tcp(host, _)) => Some(Endpoint::Tcp(host.clone(), port)),
        ("", Endpoint::Unix(_)) => None,
        (host, _) => Some(Endpoint::Tcp(host.to_owned(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp(host.into(), port)
    }

    #[test]
    fn slots_are_those_of_the_servers() {
        // From the specification of the cluster, and CLUSTER KEYSLOT.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"pynenc:4:{foo}:i:1"), 12182);
        assert_eq!(slot(b"{}foo"), crc16(b"{}foo") % SLOTS);
        assert_eq!(slot(b"a{foo}{bar}"), 12182);
    }

    fn member(host: &str, port: i64) -> Value {
        Value::Array(vec![Value::BulkString(host.into()), Value::Int(port), Value::BulkString(b"id".into())])
    }

    #[test]
    fn the_holder_is_the_first_member_of_the_range() {
        let range = |first, last, port| {
            Value::Array(vec![Value::Int(first), Value::Int(last), member("h", port), member("", port + 1)])
        };
        let reply = Value::Array(vec![range(0, 99, 1), range(100, 16383, 11)]);
        let nodes = nodes(&reply, 12182, &tcp("asked", 9));
        assert_eq!(nodes.holder, Some(tcp("h", 11)));
        assert_eq!(nodes.known, [tcp("h", 1), tcp("asked", 2), tcp("h", 11), tcp("asked", 12)]);
    }

    #[test]
    fn what_is_no_list_of_slots_names_nobody() {
        let one = || Value::Array(vec![Value::Int(1)]);
        let nameless = Value::Array(vec![Value::Int(0), Value::Int(16383), Value::Array(vec![])]);
        let lost = Value::Array(vec![Value::Int(0), Value::Int(16383), member("?", 1)]);
        for reply in [Value::Nil, one(), Value::Array(vec![one()]), Value::Array(vec![nameless, lost])] {
            assert_eq!(nodes(&reply, 1, &tcp("asked", 9)), Nodes::default(), "{reply:?}");
        }
    }

    #[test]
    fn moved_names_a_node() {
        let asked = tcp("asked", 9);
        assert_eq!(moved_to("12182 10.0.0.1:7001", &asked), Some(tcp("10.0.0.1", 7001)));
        assert_eq!(moved_to("12182 ::1:7001", &asked), Some(tcp("::1", 7001)));
        assert_eq!(moved_to("12182 :7001", &asked), Some(tcp("asked", 7001)));
        for broken in ["", "12182", "12182 host", "12182 host:port", "12182 ?:7001", "12182 host:99999"] {
            assert_eq!(moved_to(broken, &asked), None, "{broken:?}");
        }
    }
}
