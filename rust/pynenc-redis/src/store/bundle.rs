//! Many usual calls as one text, which the server takes in, hands out and ends as one: `lua/bundle.lua`.

use std::sync::Arc;

use pynenc_core::engine::Fence;
use pynenc_core::id::InvocationId;
use pynenc_core::status::Status;

use super::ids::{FAMILY, PLACE_AT};
use super::record::{self, Reader, Written};
use super::types::{End, NewCall, Settlement, Taken};
use super::{MOST_MICROS, reply};
use crate::error::{RedisError, Result};

/// Fewer are not worth it.
const FEWEST: usize = 8;
/// Larger payloads and results are not kept in a bundle.
const SMALL: usize = 1024;

const OPEN: u8 = b'0';
const ABSENT: u8 = b'-';
const ID_SIZE: usize = 16;

/// The family of an id that may be in a bundle, and what follows its place.
type Family = ([u8; PLACE_AT], [u8; ID_SIZE - PLACE_AT - 1]);

fn family(id: InvocationId) -> Option<(Family, u8)> {
    let bytes = id.to_bytes();
    let (head, place, tail) = (bytes.first_chunk()?, bytes[PLACE_AT], bytes.last_chunk()?);
    (place < FAMILY).then_some(((*head, *tail), place))
}

fn member((head, tail): Family, place: u8) -> InvocationId {
    let mut bytes = [place; ID_SIZE];
    bytes[..PLACE_AT].copy_from_slice(&head);
    bytes[PLACE_AT + 1..].copy_from_slice(&tail);
    InvocationId::from_bytes(bytes)
}

/// What stands for some members of a family.
fn entry((head, tail): Family, places: impl Iterator<Item = u8>) -> Vec<u8> {
    head.into_iter().chain(tail).chain(places).collect()
}

/// The ids that an entry stands for; none if it is no entry.
pub(super) fn members(entry: &[u8]) -> Vec<InvocationId> {
    let parts = entry.split_first_chunk().and_then(|(head, rest)| Some((*head, rest.split_first_chunk()?)));
    let is_row = |places: &[u8]| places.is_sorted_by(|one, next| one < next) && places.iter().all(|&p| p < FAMILY);
    let Some((head, (tail, places))) = parts.filter(|(_, (_, places))| is_row(places)) else { return Vec::new() };
    places.iter().map(|&place| member((head, *tail), place)).collect()
}

/// How many of these usual calls of one kind, from the first on, go as one bundle; none if too few do.
pub(super) fn fit(calls: &[NewCall]) -> usize {
    let Some((first, rest)) = calls.split_first() else { return 0 };
    let Some((of, mut last)) = family(first.id).filter(|_| is_small(first)) else { return 0 };
    let blobs = record::named(&first.blobs);
    let follows = |call: &&NewCall| {
        let place = family(call.id).filter(|&(other, place)| other == of && place > last).map(|(_, place)| place);
        last = place.unwrap_or(last);
        place.is_some() && call.task == first.task && is_small(call) && record::named(&call.blobs) == blobs
    };
    let size = 1 + rest.iter().take_while(follows).count();
    if size < FEWEST { 0 } else { size }
}

fn is_small(call: &NewCall) -> bool {
    call.parent.is_none() && call.rules.is_none() && call.payload.len() <= SMALL
}

/// The two arguments that take a bundle of these calls in: what stands for it, and its blobs, task and calls.
pub(super) fn write(calls: &[NewCall], written: &[Written<'_>]) -> [Vec<u8>; 2] {
    let of = calls.first().and_then(|call| family(call.id)).map_or_else(Default::default, |(of, _)| of);
    let task = calls.first().map_or(&[][..], |call| call.task.as_bytes());
    let blobs = calls.first().map(|call| record::blobs_part(&call.blobs)).unwrap_or_default();
    let mut text = Vec::new();
    for size in [task.len(), blobs.len()] {
        text.extend(u16::try_from(size).unwrap_or(u16::MAX).to_be_bytes());
    }
    text.extend(blobs);
    text.extend(task);
    for (call, written) in calls.iter().zip(written) {
        text.extend(&written.text[..2]);
        text.extend(u32::try_from(call.payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        text.extend(call.print.iter().flatten());
        text.extend(&call.payload);
    }
    [entry(of, calls.iter().filter_map(|call| Some(family(call.id)?.1))), text]
}

/// What a claim took of a bundle; the first answer stands for it, the second is the bundle itself.
///
/// # Errors
/// [`RedisError::Protocol`] behind those that could be read.
pub(super) fn take_from(entry: &[u8], bundle: &[u8], taken: &mut Vec<Taken>) -> Result<()> {
    let mut reader = Reader(bundle);
    let (status, lane, have) = (record::status(reader.number(1)?)?, record::lane(reader.byte()?)?, reader.byte()?);
    let (_notify, _seq, _submitted, _claimed) = (reader.take(8)?, reader.take(8)?, reader.take(8)?, reader.take(8)?);
    let (_worker, nonce, _order) = (reader.take(8)?, reader.number(8)?, reader.take(8)?);
    let (tail, row) = (reader.take(4)?, reader.take(FAMILY.into())?);
    let (task_size, size, blobs_size) = (reader.size(2)?, reader.size(4)?, reader.size(2)?);
    let _blobs = reader.take(blobs_size)?;
    let task: Arc<str> = std::str::from_utf8(reader.take(task_size)?).map_err(|_| reply::broken_bundle())?.into();
    let mut calls = Reader(reader.take(size)?);
    let head = entry.first_chunk().ok_or_else(reply::broken_bundle)?;
    let of = (*head, tail.try_into().map_err(|_| reply::broken_bundle())?);
    for (place, &said) in (0..).zip(row).filter(|&(_, &said)| said != ABSENT) {
        let (_place, payload_size) = (calls.take(2)?, calls.size(4)?);
        let print = if have & record::PRINT == 0 { None } else { calls.take(32)?.try_into().ok() };
        let payload = calls.take(payload_size)?.to_vec();
        if said == OPEN {
            taken.push(Taken {
                id: member(of, place),
                fence: Fence { attempt: 1, nonce },
                task: Arc::clone(&task),
                payload,
                parent: None,
                lane,
                retries: 0,
                losses: 0,
                print,
                started: status == Status::Running,
                bundled: true,
            });
        }
    }
    Ok(())
}

/// Whether an answer stands for a bundle in place of being an id.
pub(super) fn is_entry(text: &[u8]) -> bool {
    text.len() > ID_SIZE
}

/// Ends of one claim that may be of one bundle; should they not be, the server takes them one by one.
pub(super) struct Ends<'a> {
    of: Family,
    fence: Fence,
    /// A bit for each place.
    places: u128,
    ends: Vec<(usize, u8, &'a Settlement)>,
}

/// What travels together, and what alone, each with its number in `all`.
pub(super) fn sorted(all: &[Settlement]) -> (Vec<Ends<'_>>, Vec<(usize, &Settlement)>) {
    let (mut together, mut alone) = (Vec::<Ends<'_>>::new(), Vec::new());
    for (number, one) in all.iter().enumerate() {
        let Some((of, place)) = family(one.id).filter(|_| is_usual(one)) else {
            alone.push((number, one));
            continue;
        };
        // Mostly it is of the last.
        let same = |ends: &&mut Ends<'_>| ends.of == of && ends.fence == one.fence;
        let (bit, end) = (1 << place, (number, place, one));
        match together.iter_mut().rev().find(same) {
            Some(ends) if ends.places & bit != 0 => alone.push((number, one)),
            Some(ends) => {
                ends.places |= bit;
                ends.ends.push(end);
            }
            None => together.push(Ends { of, fence: one.fence, places: bit, ends: vec![end] }),
        }
    }
    (together, alone)
}

fn is_usual(one: &Settlement) -> bool {
    let is_small = match &one.end {
        End::Success(value) | End::Failed(value) => value.len() <= SMALL,
        End::Cancelled | End::Retry { .. } | End::Release => false,
    };
    one.bundled && is_small && one.blobs.is_empty() && one.resume.is_none() && one.fence.attempt == 1
}

const SUCCEEDED: u8 = 1;
const RAISED: u8 = 2;

impl<'a> Ends<'a> {
    /// Each with its number.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &'a Settlement)> {
        self.ends.iter().map(|&(number, _, one)| (number, one))
    }

    /// The two arguments of these: what they have in common, and the ends.
    pub(super) fn write(&self) -> [Vec<u8>; 2] {
        let starts_all = self.ends.iter().all(|(.., one)| one.ran.is_some());
        let succeeded = self.ends.iter().filter(|(.., one)| matches!(one.end, End::Success(_))).count();
        let bytes = self.ends.iter().fold(0_u64, |sum, (.., one)| sum.saturating_add(one.bytes.min(MOST_MICROS)));
        let mut head = self.fence.nonce.to_be_bytes().to_vec();
        head.push(starts_all.into());
        head.extend(u16::try_from(succeeded).unwrap_or(u16::MAX).to_be_bytes());
        head.extend(bytes.min(MOST_MICROS).to_be_bytes());
        head.extend(entry(self.of, self.ends.iter().map(|&(_, place, _)| place)));
        let mut ends = Vec::with_capacity(64 * self.ends.len());
        for &(_, place, one) in &self.ends {
            let (kind, value) = match &one.end {
                End::Failed(value) => (RAISED, &value[..]),
                End::Success(value) => (SUCCEEDED, &value[..]),
                End::Cancelled | End::Retry { .. } | End::Release => (0, &[][..]),
            };
            ends.push(place);
            ends.extend(one.token.to_be_bytes());
            ends.push(kind);
            ends.extend(one.started_before().to_be_bytes());
            ends.extend(one.bytes.min(MOST_MICROS).to_be_bytes());
            ends.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            ends.extend(value);
        }
        [head, ends]
    }
}

/// Ends of members of one bundle, as a worker has told them: of whom, how, and the value. In `id` stands how many there
/// are in place of a place.
pub(super) fn ends(id: InvocationId, told: &[u8]) -> Result<Vec<(InvocationId, Status, Vec<u8>)>> {
    let bytes = id.to_bytes();
    let broken = || RedisError::Protocol("a notice of many ends cannot be read".to_owned());
    let of = (*bytes.first_chunk().ok_or_else(broken)?, *bytes.last_chunk().ok_or_else(broken)?);
    let (mut told, mut ends) = (Reader(told), Vec::with_capacity(bytes[PLACE_AT].into()));
    while !told.is_empty() {
        let (place, _token, kind) = (told.byte()?, told.take(8)?, told.byte()?);
        let (_ran, _bytes, size) = (told.take(8)?, told.take(8)?, told.size(4)?);
        let status = if kind == SUCCEEDED { Status::Success } else { Status::Failed };
        ends.push((member(of, place), status, told.take(size)?.to_vec()));
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ids::{IdRow, Ids};
    use crate::store::names::AppId;
    use pynenc_core::engine::Lane;

    fn calls(count: usize) -> Vec<NewCall> {
        let (ids, mut row) = (Ids::of(&AppId::new("app").expect("a name")), IdRow::default());
        let call = |_| NewCall {
            id: ids.next(&mut row),
            task: "task".into(),
            payload: vec![1],
            blobs: Vec::new(),
            parent: None,
            lane: Lane::Sync,
            delay: 0,
            rules: None,
            print: None,
            notify: None,
        };
        (0..count).map(call).collect()
    }

    #[test]
    fn a_bundle_is_of_one_family_and_one_task() {
        let mut calls = calls(300);
        assert_eq!(fit(&calls), 128);
        assert_eq!(fit(&calls[256..]), 44);
        assert_eq!(fit(&calls[293..]), 0, "seven are too few");
        calls[20].task = "other".into();
        assert_eq!(fit(&calls), 20);
        calls[10].rules = Some(Box::default());
        assert_eq!(fit(&calls), 10);
        calls[9].payload = vec![0; SMALL + 1];
        assert_eq!(fit(&calls), 9);
        calls.swap(2, 3);
        assert_eq!(fit(&calls), 0, "places only rise");
    }

    #[test]
    fn ends_travel_with_those_of_their_claim() {
        let fence = |nonce| Fence { attempt: 1, nonce };
        let end = |call: &NewCall, nonce, value: usize| Settlement {
            id: call.id,
            fence: fence(nonce),
            token: 1,
            end: End::Success(vec![0; value]),
            blobs: Vec::new(),
            ran: Some(1),
            bytes: 0,
            resume: None,
            bundled: true,
        };
        let calls = calls(130);
        let all = [
            end(&calls[0], 1, 1),
            end(&calls[129], 1, 1),
            end(&calls[1], 1, 1),
            end(&calls[2], 2, 1),
            end(&calls[3], 1, SMALL + 1),
            end(&calls[0], 1, 1),
        ];
        let (together, alone) = sorted(&all);
        let numbers = |ends: &Ends<'_>| ends.each().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(together.iter().map(numbers).collect::<Vec<_>>(), [vec![0, 2], vec![1], vec![3]]);
        assert_eq!(alone.iter().map(|&(number, _)| number).collect::<Vec<_>>(), [4, 5]);
    }
}
