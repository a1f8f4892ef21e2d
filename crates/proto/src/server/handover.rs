//! A session that goes on in another program: everything that it has and that its view does not give.
//!
//! Octets that sessions share (images, and answers to Serial Queries) are written as numbers, and handed over once.

use super::answer::Query;
use super::events::Events;
use super::{CloseReason, FirstQuery, Pending, Phase, RouterState, ServerPolicy, ServerSession, SessionSerial};
use crate::fields::{FieldDecoder, FieldEncoder};
use crate::image::Octets;
use crate::profile::Profile;
use crate::response::Response;
use crate::serial::{Serial, SessionId};
use crate::time::Moment;
use crate::view::View;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// All reasons, by their number.
const REASONS: [CloseReason; 13] = [
    CloseReason::PeerEnded,
    CloseReason::PeerReported,
    CloseReason::Violation,
    CloseReason::NoQuery,
    CloseReason::TooManyVersions,
    CloseReason::Internal,
    CloseReason::Stopped,
    CloseReason::TooOld,
    CloseReason::Stalled,
    CloseReason::Overtaken,
    CloseReason::NotAdmitted,
    CloseReason::Displaced,
    CloseReason::Requested,
];

impl ServerSession {
    /// Prepares the session for being handed over: a wrong PDU of which a part is still to come is reported now, with
    /// as much of it as has come. Events that are left have to be taken after it.
    pub fn suspend(&mut self, now: Moment) {
        self.advance(now);
        if let Phase::Failing(_) = self.phase {
            self.finish_failing();
        }
        if let Some(pending) = &mut self.pending {
            // What was wanted for it is wanted anew.
            pending.asked = false;
        }
    }

    /// Writes a session that was [suspended](ServerSession::suspend). `number_of` returns the number of shared octets.
    /// What is being written for it is not a part of it.
    pub fn encode(&self, encoder: &mut FieldEncoder, number_of: impl FnMut(&Arc<dyn Octets>) -> u32) {
        self.policy.encode(encoder);
        match &self.phase {
            Phase::New { unsupported, deadline } => {
                encoder.u8(0);
                encoder.u8(*unsupported);
                encoder.u64(deadline.0);
            }
            Phase::Open { profile, router } => {
                encoder.u8(1);
                profile.encode(encoder);
                match router {
                    RouterState::Nothing => encoder.u8(0),
                    RouterState::NoData => encoder.u8(1),
                    RouterState::Data(held) => {
                        encoder.u8(2);
                        encode_serial(encoder, *held);
                    }
                }
            }
            Phase::Failing(_) | Phase::Closing => encoder.u8(2),
            Phase::Closed => encoder.u8(3),
        }
        encoder.u8(match self.first_query {
            FirstQuery::None => 0,
            FirstQuery::Served => 1,
            FirstQuery::AnsweredLower => 2,
        });
        encoder.octets(&self.input);
        encoder.u64(self.skip as u64);
        encoder.u8(u8::from(self.ended));
        encoder.option(self.pending.as_ref(), |encoder, pending| {
            encoder.octets(pending.query.octets());
            encoder.u64(pending.arrived.0);
            encoder.option(pending.wanted_since, |encoder, since| encoder.u64(since.0));
        });
        encoder.option(self.response.as_deref(), |encoder, response| response.encode(encoder, number_of));
        encoder.option(self.finishing, |encoder, reason| encoder.u8(reason.number()));
        encoder.octets(&self.outbox);
        encoder.option(self.notified, encode_serial);
        encoder.option(self.last_notify, |encoder, last| encoder.u64(last.0));
    }

    /// Reads a session, which goes on with this view; none if the octets are not one. `shared` returns shared octets by
    /// their number.
    pub fn decode(
        decoder: &mut FieldDecoder<'_>,
        now: Moment,
        view: Arc<View>,
        shared: impl Fn(u32) -> Option<Arc<dyn Octets>>,
    ) -> Option<ServerSession> {
        let policy = ServerPolicy::decode(decoder)?;
        let phase = match decoder.u8()? {
            0 => Phase::New { unsupported: decoder.u8()?, deadline: Moment(decoder.u64()?) },
            1 => Phase::Open {
                profile: Profile::decode(decoder)?,
                router: match decoder.u8()? {
                    0 => RouterState::Nothing,
                    1 => RouterState::NoData,
                    2 => RouterState::Data(decode_serial(decoder)?),
                    _ => return None,
                },
            },
            2 => Phase::Closing,
            3 => Phase::Closed,
            _ => return None,
        };
        let first_query = match decoder.u8()? {
            0 => FirstQuery::None,
            1 => FirstQuery::Served,
            2 => FirstQuery::AnsweredLower,
            _ => return None,
        };
        let input = decoder.octets()?.to_vec();
        let skip = usize::try_from(decoder.u64()?).ok()?;
        let ended = decoder.bool()?;
        let pending = decoder.option(|decoder| {
            let query = Query::decode(decoder.octets()?)?;
            let arrived = Moment(decoder.u64()?);
            let wanted_since = decoder.option(|decoder| decoder.u64().map(Moment))?;
            // It is wanted of the other program, which has another view.
            Some(Pending { query, arrived, wanted_since, asked: false })
        })?;
        let response = decoder.option(|decoder| Response::decode(decoder, shared).map(Box::new))?;
        let finishing = decoder.option(|decoder| CloseReason::from_number(decoder.u8()?))?;
        let outbox = decoder.octets()?.to_vec();
        let notified = decoder.option(decode_serial)?;
        let last_notify = decoder.option(|decoder| decoder.u64().map(Moment))?;
        let mut session = ServerSession {
            policy,
            now,
            view,
            phase,
            first_query,
            input,
            skip,
            ended,
            deferred: false,
            pending,
            response,
            finishing,
            outbox,
            events: Events::default(),
            notified,
            last_notify,
        };
        if session.finishing.is_none() {
            // What was deferred by the response that is running is so again.
            session.read_input();
        }
        Some(session)
    }
}

impl CloseReason {
    /// The number by which it is handed over.
    pub fn number(self) -> u8 {
        let number = REASONS.iter().position(|other| *other == self).expect("all are listed");
        u8::try_from(number).expect("there are few")
    }

    /// Returns a reason by its number.
    pub fn from_number(number: u8) -> Option<CloseReason> {
        REASONS.get(usize::from(number)).copied()
    }
}

fn encode_serial(encoder: &mut FieldEncoder, SessionSerial { session, serial }: SessionSerial) {
    encoder.u16(session.0);
    encoder.u32(serial.0);
}

fn decode_serial(decoder: &mut FieldDecoder<'_>) -> Option<SessionSerial> {
    Some(SessionSerial { session: SessionId(decoder.u16()?), serial: Serial(decoder.u32()?) })
}
