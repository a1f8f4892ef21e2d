//! A trust anchor that certifies nothing, with its key made anew: what a validator needs to have something to validate.

use crate::Outcome;
use crate::document::base64;
use rpki::crypto::softsigner::SoftSigner;
use rpki::crypto::{DigestAlgorithm, PublicKeyFormat, Signer};
use rpki::repository::cert::{KeyUsage, Overclaim, TbsCert};
use rpki::repository::crl::{CrlEntry, TbsCertList};
use rpki::repository::manifest::{FileAndHash, ManifestContent};
use rpki::repository::resources::{Asn, Prefix};
use rpki::repository::sigobj::SignedObjectBuilder;
use rpki::repository::x509::{Time, Validity};
use rpki::uri::Rsync;
use std::fmt::Display;
use std::path::Path;

/// Nobody asks for it: the validator works without a network.
const PLACE: &str = "made.invalid/repository";
const DAY_S: i64 = 86_400;

/// Writes `made.tal`, and beside it `repository/` with all that it leads to.
pub(super) fn write(folder: &Path) -> Outcome {
    let files = make().map_err(|error| format!("making a trust anchor: {error}"))?;
    let repository = folder.join("repository").join(PLACE);
    std::fs::create_dir_all(&repository)
        .and_then(|()| std::fs::write(folder.join("made.tal"), &files.tal))
        .and_then(|()| std::fs::write(repository.join("made.cer"), &files.certificate))
        .and_then(|()| std::fs::write(repository.join("made.crl"), &files.crl))
        .and_then(|()| std::fs::write(repository.join("made.mft"), &files.manifest))
        .map_err(|error| format!("writing a trust anchor: {error}"))
}

struct Files {
    tal: String,
    certificate: Vec<u8>,
    crl: Vec<u8>,
    manifest: Vec<u8>,
}

fn make() -> Outcome<Files> {
    let signer = SoftSigner::new();
    let key = signer.create_key(PublicKeyFormat::Rsa).map_err(text)?;
    let public = signer.get_key_info(&key).map_err(text)?;
    let (name, from, until) = (public.to_subject_name(), Time::now(), Time::tomorrow());
    let tal = format!("{}\n\n{}\n", uri("made.cer")?, base64(&public.to_info_bytes()));

    let validity = Validity::from_secs(DAY_S);
    let usage = KeyUsage::Ca;
    let mut certificate =
        TbsCert::new(1_u64.into(), name.clone(), validity, None, public.clone(), usage, Overclaim::Refuse);
    certificate.set_basic_ca(Some(true));
    certificate.set_ca_repository(Some(uri("")?));
    certificate.set_rpki_manifest(Some(uri("made.mft")?));
    certificate.build_v4_resource_blocks(|blocks| blocks.push(Prefix::new(0, 0)));
    certificate.build_v6_resource_blocks(|blocks| blocks.push(Prefix::new(0, 0)));
    certificate.build_as_resource_blocks(|blocks| blocks.push((Asn::MIN, Asn::MAX)));
    let certificate = certificate.into_cert(&signer, &key).map_err(text)?.to_captured().into_bytes().to_vec();

    let revoked: Vec<CrlEntry> = Vec::new();
    let identifier = public.key_identifier();
    let crl = TbsCertList::new(Default::default(), name, from, until, revoked, identifier, 1_u64.into());
    let crl = crl.into_crl(&signer, &key).map_err(text)?.to_captured().into_bytes().to_vec();

    let digest = DigestAlgorithm::default();
    let listed = [FileAndHash::new("made.crl".as_bytes(), digest.digest(&crl))];
    let manifest = ManifestContent::new(1_u64.into(), from, until, digest, listed.iter());
    let object = SignedObjectBuilder::new(2_u64.into(), validity, uri("made.crl")?, uri("made.cer")?, uri("made.mft")?);
    let manifest = manifest.into_manifest(object, &signer, &key).map_err(text)?.to_captured().into_bytes().to_vec();
    Ok(Files { tal, certificate, crl, manifest })
}

fn uri(file: &str) -> Outcome<Rsync> {
    format!("rsync://{PLACE}/{file}").parse().map_err(text)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
