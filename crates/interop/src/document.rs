//! A data set as the document that a validator (rpki-client) would write.

use crate::world::{Aspa, Records, RouterKey, Vrp};
use serde_json::{Value, json};

/// No run of the matrix is as late as this (2032).
const EXPIRES: u64 = 1_956_528_000;

pub(crate) fn document(records: &Records) -> Vec<u8> {
    let roas: Vec<Value> = records.vrps.iter().map(roa).collect();
    let keys: Vec<Value> = records.router_keys.iter().map(router_key).collect();
    let aspas: Vec<Value> = records.aspas.iter().map(aspa).collect();
    let metadata = json!({ "vrps": roas.len(), "uniquevrps": roas.len(), "bgpsec_pubkeys": keys.len() });
    json!({ "metadata": metadata, "roas": roas, "bgpsec_keys": keys, "aspas": aspas }).to_string().into_bytes()
}

fn roa(vrp: &Vrp) -> Value {
    let prefix = format!("{}/{}", vrp.address, vrp.length);
    json!({ "asn": vrp.asn, "prefix": prefix, "maxLength": vrp.max_length, "ta": "made", "expires": EXPIRES })
}

fn router_key(key: &RouterKey) -> Value {
    let ski: String = key.ski.iter().map(|octet| format!("{octet:02x}")).collect();
    json!({ "asn": key.asn, "ski": ski, "pubkey": base64(&key.spki), "ta": "made", "expires": EXPIRES })
}

fn aspa(aspa: &Aspa) -> Value {
    json!({ "customer_asid": aspa.customer, "providers": aspa.providers, "expires": EXPIRES })
}

/// With padding (RFC 4648 section 4).
pub(crate) fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    octets.chunks(3).fold(String::new(), |mut text, chunk| {
        let bits = chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
        text
    })
}
