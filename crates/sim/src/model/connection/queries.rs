//! The router's octets: what they ask for, and what is wrong with them.

use super::super::pdu::{self, ModelPdu};
use super::{ConnectionModel, Owed};
use rtrcast_proto::Moment;

/// Queries of an unsupported version that get an Error Report; the next one ends the connection.
const REFUSED_MAX: u32 = 3;

impl ConnectionModel {
    /// Reads octets that the cache has received.
    pub(crate) fn received(&mut self, now: Moment, octets: &[u8]) {
        if self.ignores_input {
            // The rest of a PDU whose header was wrong, which the Error Report copies.
            if let Some(Owed::Report { is_fatal: true, pdu, .. }) = self.owed.back_mut() {
                pdu.extend_from_slice(octets);
            }
            return;
        }
        self.from_router.extend_from_slice(octets);
        while !self.ignores_input && self.read_router(now) {}
    }

    /// Reads a PDU of the router, in the order of the checks in 8210bis section 7; false if none is complete.
    fn read_router(&mut self, now: Moment) -> bool {
        let skipped = self.skipped.min(self.from_router.len());
        self.from_router.drain(..skipped);
        self.skipped -= skipped;
        let Some(length) = pdu::length(&self.from_router) else { return false };
        let (version, pdu_type) = (self.from_router[0], self.from_router[1]);
        if pdu_type == 10 {
            // What is owed may still come, and need not.
            self.ignores_input = true;
            self.has_to_end(now, "the router sent an Error Report", false);
            return false;
        }
        let is_query = (pdu_type == 1 && length == 12) || (pdu_type == 2 && length == 8);
        let is_length = (8..=65_535).contains(&length);
        match self.version {
            Some(session) if session != version => {
                let codes: &[u16] = if session == 0 { &[0] } else { &[8] };
                return self.fatal(now, codes);
            }
            None if version > self.max => {
                if is_query && self.from_router.len() < length {
                    return false;
                }
                if !is_query && !is_length {
                    return self.fatal(now, &[4]);
                }
                if self.refused == REFUSED_MAX {
                    self.ignores_input = true;
                    self.has_to_end(now, "too many queries of unsupported versions", false);
                    return false;
                }
                self.refused += 1;
                let copied = if is_query { length } else { 8 };
                let pdu: Vec<u8> = self.from_router.drain(..copied).collect();
                self.note('>', &pdu);
                self.skipped = length - copied;
                self.owed.push_back(Owed::Report { codes: &[4], is_fatal: false, pdu, asked: now });
                return true;
            }
            Some(_) | None => {}
        }
        let type_max = [8, 9, 11][usize::from(version.min(2))];
        if pdu_type > type_max || pdu_type == 5 {
            return self.fatal(now, &[5]);
        }
        if !is_length || ((pdu_type == 1 || pdu_type == 2) && !is_query) {
            return self.fatal(now, &[0]);
        }
        if !is_query {
            return self.fatal(now, &[3]);
        }
        if self.from_router.len() < length {
            return false;
        }
        let octets: Vec<u8> = self.from_router.drain(..length).collect();
        self.note('>', &octets);
        self.version = Some(version);
        let since = match pdu::read(&octets) {
            Ok((_, ModelPdu::SerialQuery { session, serial })) => Some((session, serial)),
            _ => None,
        };
        self.owed.push_back(Owed::Answer { since, asked: now });
        true
    }

    fn fatal(&mut self, now: Moment, codes: &'static [u16]) -> bool {
        let pdu = std::mem::take(&mut self.from_router);
        self.note('>', &pdu);
        self.owed.push_back(Owed::Report { codes, is_fatal: true, pdu, asked: now });
        self.ignores_input = true;
        false
    }

    /// The router sends no more.
    pub(crate) fn router_ended(&mut self, now: Moment) {
        self.ignores_input = true;
        if self.owed.is_empty() {
            self.excuse("the router ended its side");
        }
        self.ends_since.get_or_insert(now);
    }
}
