//! Issuer and expiry of CRLs.

use super::authority::Authority;
use crate::tls::CrlOrigin;
use crate::tls::anchors::Anchors;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;

#[test]
fn issuer_and_expiry_are_read() {
    let (routers, stranger) = (Authority::new("routers"), Authority::new("somebody else"));
    let trusted = Anchors::from_pem(routers.pem().as_bytes()).unwrap().store;
    let origin = |pem: &[u8]| {
        let crl = CertificateRevocationListDer::from_pem_slice(pem).unwrap();
        // Cut anywhere it is none, and no content does harm.
        for index in 0..crl.len() {
            assert_eq!(CrlOrigin::of(0, crl.get(..index).unwrap(), &trusted), None);
            let mut octets = crl.to_vec();
            octets.get_mut(index).into_iter().for_each(|octet| *octet ^= 0xff);
            let _ = CrlOrigin::of(0, &octets, &trusted);
        }
        CrlOrigin::of(7, &crl, &trusted).unwrap()
    };
    let ours = origin(&routers.crl(&[4_711], 2051));
    let next_update = Some(2_556_144_000);
    assert_eq!(ours, CrlOrigin { index: 7, is_of_authority: true, next_update });
    assert_eq!(ours.expired(2_556_144_000), None);
    assert_eq!(ours.expired(2_556_144_000 + 840).unwrap(), "14 minutes ago");
    assert!(!origin(&stranger.crl(&[], 2051)).is_of_authority);
}
