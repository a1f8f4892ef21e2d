//! The keys that the kernel has for a socket, as they are handed over: to set one that is there would be an error.

use super::{AoAlgorithm, AoKey, Secret, TcpKeys};
use crate::ip_prefix::IpPrefix;
use rtrcast_proto::{FieldDecoder, FieldEncoder};

impl TcpKeys {
    /// Writes them, with their secrets.
    pub fn encode(&self, encoder: &mut FieldEncoder) {
        let md5: Vec<(&IpPrefix, &Secret)> = self.md5.iter().collect();
        encoder.list(&md5, |encoder, (prefix, Secret(secret))| {
            encoder.text(&prefix.to_string());
            encoder.octets(secret);
        });
        let ao: Vec<(&IpPrefix, &Vec<AoKey>)> = self.ao.iter().collect();
        encoder.list(&ao, |encoder, (prefix, keys)| {
            encoder.text(&prefix.to_string());
            encoder.list(keys, |encoder, AoKey { prefix, send_id, recv_id, algorithm, secret: Secret(secret) }| {
                encoder.text(&prefix.to_string());
                encoder.u8(*send_id);
                encoder.u8(*recv_id);
                encoder.text(algorithm.name());
                encoder.octets(secret);
            });
        });
    }

    /// Reads them; none if the octets are not such.
    pub fn decode(decoder: &mut FieldDecoder<'_>) -> Option<TcpKeys> {
        let prefix = |decoder: &mut FieldDecoder<'_>| decoder.text()?.parse::<IpPrefix>().ok();
        let secret = |decoder: &mut FieldDecoder<'_>| Some(Secret(decoder.octets()?.into()));
        let mut keys = TcpKeys::default();
        for (prefix, secret) in decoder.list(|decoder| Some((prefix(decoder)?, secret(decoder)?)))? {
            keys.md5.insert(prefix, secret);
        }
        let key = |decoder: &mut FieldDecoder<'_>| {
            let (prefix, send_id, recv_id, name) =
                (prefix(decoder)?, decoder.u8()?, decoder.u8()?, decoder.text()?.to_owned());
            let algorithm = AoAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)?;
            Some(AoKey { prefix, send_id, recv_id, algorithm, secret: secret(decoder)? })
        };
        for (prefix, listed) in decoder.list(|decoder| Some((prefix(decoder)?, decoder.list(key)?)))? {
            keys.ao.insert(prefix, listed);
        }
        Some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let mut keys = TcpKeys::default();
        keys.md5.insert("192.0.2.0/24".parse().unwrap(), Secret(Box::from(*b"first")));
        let prefix: IpPrefix = "2001:db8::/32".parse().unwrap();
        let key =
            |send_id, algorithm| AoKey { prefix, send_id, recv_id: 9, algorithm, secret: Secret(Box::from(*b"s")) };
        keys.ao.insert(prefix, vec![key(2, AoAlgorithm::Aes128Cmac), key(1, AoAlgorithm::HmacSha256)]);
        let mut encoder = FieldEncoder::default();
        keys.encode(&mut encoder);
        let mut decoder = FieldDecoder::new(&encoder.0);
        assert_eq!(TcpKeys::decode(&mut decoder), Some(keys));
        assert!(decoder.is_empty());
        for length in 0..encoder.0.len() {
            assert_eq!(TcpKeys::decode(&mut FieldDecoder::new(&encoder.0[..length])), None, "{length}");
        }
    }
}
