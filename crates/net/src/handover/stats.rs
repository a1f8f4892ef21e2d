//! Statistics of a connection as they are handed over.

use crate::connection::{Answers, ConnectionStats, QueryKind, ReportCounts, Traffic};
use rtrcast_proto::{CloseReason, FieldDecoder, FieldEncoder, Moment, Profile, Serial, SessionId};

pub(super) fn encode(encoder: &mut FieldEncoder, stats: &ConnectionStats) {
    let moment = |encoder: &mut FieldEncoder, moment: Moment| encoder.u64(moment.0);
    encoder.option(stats.profile, |encoder, profile| profile.encode(encoder));
    encoder.option(stats.synchronised, |encoder, (session, serial)| {
        encoder.u16(session.0);
        encoder.u32(serial.0);
    });
    encoder.option(stats.last_query, |encoder, (kind, when)| {
        encoder.u8(match kind {
            QueryKind::Reset => 0,
            QueryKind::Serial => 1,
        });
        moment(encoder, when);
    });
    encoder.u8(u8::from(stats.is_answering));
    encoder.option(stats.last_notify, |encoder, (serial, when)| {
        encoder.u32(serial.0);
        moment(encoder, when);
    });
    let Answers { full, delta, cache_reset } = stats.answers;
    [full, delta, cache_reset].into_iter().for_each(|count| encoder.u64(count));
    for Traffic { received, sent } in [stats.octets, stats.pdus] {
        encoder.u64(received);
        encoder.u64(sent);
    }
    encoder.option(stats.write_progress, moment);
    for reports in [&stats.reports_sent, &stats.reports_received] {
        let counts: Vec<(u16, u64)> = reports.iter().collect();
        encoder.list(&counts, |encoder, (code, count)| {
            encoder.u16(*code);
            encoder.u64(*count);
        });
    }
    encoder.option(stats.closing, |encoder, reason| encoder.u8(reason.number()));
}

pub(super) fn decode(decoder: &mut FieldDecoder<'_>) -> Option<ConnectionStats> {
    let moment = |decoder: &mut FieldDecoder<'_>| decoder.u64().map(Moment);
    Some(ConnectionStats {
        profile: decoder.option(Profile::decode)?,
        synchronised: decoder.option(|decoder| Some((SessionId(decoder.u16()?), Serial(decoder.u32()?))))?,
        last_query: decoder.option(|decoder| {
            let kind = if decoder.bool()? { QueryKind::Serial } else { QueryKind::Reset };
            Some((kind, moment(decoder)?))
        })?,
        is_answering: decoder.bool()?,
        last_notify: decoder.option(|decoder| Some((Serial(decoder.u32()?), moment(decoder)?)))?,
        answers: Answers { full: decoder.u64()?, delta: decoder.u64()?, cache_reset: decoder.u64()? },
        octets: decode_traffic(decoder)?,
        pdus: decode_traffic(decoder)?,
        write_progress: decoder.option(moment)?,
        reports_sent: decode_reports(decoder)?,
        reports_received: decode_reports(decoder)?,
        closing: decoder.option(|decoder| CloseReason::from_number(decoder.u8()?))?,
    })
}

fn decode_traffic(decoder: &mut FieldDecoder<'_>) -> Option<Traffic> {
    Some(Traffic { received: decoder.u64()?, sent: decoder.u64()? })
}

fn decode_reports(decoder: &mut FieldDecoder<'_>) -> Option<ReportCounts> {
    let counts = decoder.list(|decoder| Some((decoder.u16()?, decoder.u64()?)))?;
    Some(ReportCounts::of(counts))
}
