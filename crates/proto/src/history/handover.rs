//! A history that goes on in another program: everything but its current set, which is handed over with the data sets.

use super::{History, HistoryLimits};
use crate::delta::{Delta, SerialDelta};
use crate::fields::{FieldDecoder, FieldEncoder};
use crate::image::{Image, Section};
use crate::profile::{Profile, SessionIds};
use crate::serial::{Serial, SessionId};
use crate::time::Timing;
use crate::version::Version;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The version in which records are read, whatever the one that they were held in: it has all of them.
const VERSION: Version = Version::V2;

impl History {
    /// Writes it.
    pub fn encode(&self, encoder: &mut FieldEncoder) {
        encoder.list(&Profile::ALL, |encoder, profile| {
            profile.encode(encoder);
            encoder.u16(self.sessions.of(*profile).0);
        });
        let timing = self.timing;
        [timing.refresh(), timing.retry(), timing.expire()].into_iter().for_each(|seconds| encoder.u32(seconds));
        encoder.u32(self.serial.0);
        encoder.option(self.jump, |encoder, serial| encoder.u32(serial.0));
        encoder.u64(self.generation);
        encoder.u8(u8::from(self.is_withheld));
        let steps: Vec<&Arc<SerialDelta>> = self.steps.iter().collect();
        encoder.list(&steps, |encoder, step| {
            encoder.u32(step.from.0);
            encoder.u8(u8::from(step.is_jump));
            for is_added in [false, true] {
                let records: Vec<(Section, &[u8])> = Section::ALL
                    .into_iter()
                    .flat_map(|section| {
                        let records = if is_added { step.delta.added(section) } else { step.delta.removed(section) };
                        records.map(move |record| (section, record))
                    })
                    .collect();
                encoder.list(&records, |encoder, (section, record)| {
                    encoder.u8(section.pdu_type().octet());
                    encoder.octets(record);
                });
            }
        });
    }

    /// Reads it, with its current set; none if the octets are not one.
    pub fn decode(decoder: &mut FieldDecoder<'_>, limits: HistoryLimits, current: Option<Image>) -> Option<History> {
        let ids = decoder.list(|decoder| Some((Profile::decode(decoder)?, SessionId(decoder.u16()?))))?;
        let id = |profile| ids.iter().find(|(other, _)| *other == profile).map(|(_, id)| *id);
        let sessions = SessionIds::of_each(id)?;
        let timing = Timing::new(decoder.u32()?, decoder.u32()?, decoder.u32()?).ok()?;
        let serial = Serial(decoder.u32()?);
        let jump = decoder.option(|decoder| decoder.u32().map(Serial))?;
        let (generation, is_withheld) = (decoder.u64()?, decoder.bool()?);
        let steps = decoder.list(decode_step)?;
        let octets = steps.iter().map(|step| step.delta.octets()).sum();
        (serial.0 != 0 && jump != Some(Serial(0))).then_some(History {
            limits,
            sessions,
            timing,
            serial,
            current,
            steps: steps.into_iter().map(Arc::new).collect::<VecDeque<_>>(),
            octets,
            jump,
            generation,
            revision: 0,
            is_withheld,
        })
    }
}

fn decode_step(decoder: &mut FieldDecoder<'_>) -> Option<SerialDelta> {
    let (from, is_jump) = (Serial(decoder.u32()?), decoder.bool()?);
    let (removed, added) = (decode_records(decoder)?, decode_records(decoder)?);
    let delta = Delta::from_records(
        VERSION,
        removed.iter().map(|(section, record)| (*section, record.as_slice())),
        added.iter().map(|(section, record)| (*section, record.as_slice())),
    );
    Some(SerialDelta { from, delta: Arc::new(delta.ok()?), is_jump })
}

/// Reads records, in the one version in which they are compared.
fn decode_records(decoder: &mut FieldDecoder<'_>) -> Option<Vec<(Section, Vec<u8>)>> {
    decoder.list(|decoder| {
        let pdu_type = decoder.u8()?;
        let section = Section::ALL.into_iter().find(|section| section.pdu_type().octet() == pdu_type)?;
        let mut record = decoder.octets()?.to_vec();
        *record.first_mut()? = VERSION.octet();
        Some((section, record))
    })
}
