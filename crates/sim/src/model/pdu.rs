//! PDUs by the layouts of RFC 6810, RFC 8210 and 8210bis section 5.

use super::record::ModelRecord;

/// A PDU from the cache or the router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelPdu {
    SerialNotify { session: u16, serial: u32 },
    SerialQuery { session: u16, serial: u32 },
    ResetQuery,
    CacheResponse { session: u16 },
    Record { is_announced: bool, record: ModelRecord },
    EndOfData { session: u16, serial: u32, intervals: Option<[u32; 3]> },
    CacheReset,
    ErrorReport { code: u16, copy: Vec<u8> },
}

fn u32_at(octets: &[u8], at: usize) -> Result<u32, String> {
    let four = octets.get(at..at + 4).ok_or("a PDU is too short")?;
    Ok(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// Returns the length of the PDU at the start of the octets, once its header is there.
pub(crate) fn length(octets: &[u8]) -> Option<usize> {
    u32_at(octets, 4).ok().and_then(|length| usize::try_from(length).ok())
}

/// Reads one whole PDU of a cache or a router. Returns its version and what it says.
pub(crate) fn read(octets: &[u8]) -> Result<(u8, ModelPdu), String> {
    let [version, pdu_type, high, low] = *octets.first_chunk::<4>().ok_or("no header")?;
    let session = u16::from_be_bytes([high, low]);
    let body = &octets[8..];
    let is_long = |expected: usize| match octets.len() == expected {
        true => Ok(()),
        false => Err(format!("type {pdu_type} of version {version} has {} octets", octets.len())),
    };
    let pdu = match pdu_type {
        0 => is_long(12).map(|()| ModelPdu::SerialNotify { session, serial: u32_at(body, 0).unwrap_or(0) })?,
        1 => is_long(12).map(|()| ModelPdu::SerialQuery { session, serial: u32_at(body, 0).unwrap_or(0) })?,
        2 => is_long(8).map(|()| ModelPdu::ResetQuery)?,
        3 => is_long(8).map(|()| ModelPdu::CacheResponse { session })?,
        4 | 6 => {
            is_long(if pdu_type == 4 { 20 } else { 32 })?;
            let [flags, length, max_length, _] = *body.first_chunk::<4>().ok_or("no flags")?;
            let (address, asn) = body[4..].split_at(body.len() - 8);
            let address = match <[u8; 16]>::try_from(address) {
                Ok(address) => std::net::IpAddr::from(address),
                Err(_) => std::net::IpAddr::from(<[u8; 4]>::try_from(address).map_err(|_| "no address")?),
            };
            let record = ModelRecord::Vrp { address, length, max_length, asn: u32_at(asn, 0)? };
            ModelPdu::Record { is_announced: flags & 1 == 1, record }
        }
        7 => {
            is_long(if version == 0 { 12 } else { 24 })?;
            let intervals = match version {
                0 => None,
                _ => Some([u32_at(body, 4)?, u32_at(body, 8)?, u32_at(body, 12)?]),
            };
            ModelPdu::EndOfData { session, serial: u32_at(body, 0)?, intervals }
        }
        8 => is_long(8).map(|()| ModelPdu::CacheReset)?,
        9 if version >= 1 => {
            let ski = *body.first_chunk::<20>().ok_or("no key identifier")?;
            let record = ModelRecord::RouterKey { ski, asn: u32_at(body, 20)?, spki: body[24..].to_vec() };
            ModelPdu::Record { is_announced: high & 1 == 1, record }
        }
        10 => {
            let copied = usize::try_from(u32_at(body, 0)?).map_err(|_| "a copy without end")?;
            let copy = body.get(4..4 + copied).ok_or("a copy that is longer than the PDU")?.to_vec();
            let text = usize::try_from(u32_at(body, 4 + copied)?).map_err(|_| "a text without end")?;
            is_long(16 + copied + text)?;
            ModelPdu::ErrorReport { code: session, copy }
        }
        11 if version >= 2 => {
            let customer = u32_at(body, 0)?;
            let providers: Vec<u32> =
                (4..body.len()).step_by(4).map(|at| u32_at(body, at)).collect::<Result<_, _>>()?;
            if !providers.is_sorted_by(|a, b| a < b) {
                return Err(format!("providers of AS{customer} that do not ascend"));
            }
            if (high & 1 == 1) == providers.is_empty() {
                return Err(format!("an ASPA of AS{customer} with {} providers and flags {high}", providers.len()));
            }
            ModelPdu::Record { is_announced: high & 1 == 1, record: ModelRecord::Aspa { customer, providers } }
        }
        other => return Err(format!("type {other} in version {version}")),
    };
    Ok((version, pdu))
}
