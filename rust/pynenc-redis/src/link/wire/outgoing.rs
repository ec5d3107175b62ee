//! Bytes on their way out, small pieces put together, large ones left where they are.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::link::Bytes;
use crate::link::connection::Connection;
use crate::link::fault::Fault;
use crate::link::patience::Patience;
use crate::link::ticket::Ticket;

/// Up to here a piece is copied, so that many leave in one write.
const SMALL: usize = 64 << 10;

/// What is to be sent, and how far that has come.
#[derive(Default)]
pub(super) struct Outgoing {
    pieces: VecDeque<Piece>,
    /// How much of the first piece is sent.
    sent: usize,
}

enum Piece {
    Copy(Vec<u8>),
    Part(Arc<Ticket>, Range<usize>),
    Apart(Bytes),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Copy(bytes) => bytes,
            Self::Part(ticket, range) => ticket.bytes.get(range.clone()).unwrap_or_default(),
            Self::Apart(bytes) => (**bytes).as_ref(),
        }
    }
}

impl Outgoing {
    /// Append a part of a ticket's bytes.
    pub(super) fn push_ticket(&mut self, ticket: &Arc<Ticket>, range: Range<usize>) {
        let mut start = range.start;
        for (at, bytes) in ticket.apart(&range) {
            self.push_part(ticket, start..*at);
            self.pieces.push_back(Piece::Apart(Arc::clone(bytes)));
            start = *at;
        }
        self.push_part(ticket, start..range.end);
    }

    fn push_part(&mut self, ticket: &Arc<Ticket>, range: Range<usize>) {
        // Alone it needs no copy, however small.
        if range.len() > SMALL || self.pieces.is_empty() {
            self.pieces.push_back(Piece::Part(Arc::clone(ticket), range));
        } else {
            let part = ticket.bytes.get(range).unwrap_or_default();
            self.push(part);
        }
    }

    /// Append bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self.pieces.back_mut() {
            Some(Piece::Copy(joined)) if joined.len() < SMALL => joined.extend_from_slice(bytes),
            _ => self.pieces.push_back(Piece::Copy(bytes.to_vec())),
        }
    }

    /// Send all of it. If that stops for want of time, the next call goes on.
    pub(super) fn send(&mut self, connection: &mut Connection, patience: &Patience) -> Result<(), Fault> {
        while let Some(piece) = self.pieces.front() {
            connection.send_from(piece.bytes(), &mut self.sent, patience)?;
            self.pieces.pop_front();
            self.sent = 0;
        }
        Ok(())
    }
}
