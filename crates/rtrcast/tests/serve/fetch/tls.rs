//! Whom the cache believes, and what it shows of itself.

use super::{assert_nothing_is_served, healthy, one, served};
use crate::authority::Authority;
use crate::cache::{Cache, Folder};
use crate::web::{Web, ok};

const NOT_TRUSTED: &str = "can't connect: the server's certificate is not accepted: none of the authorities that are \
     trusted here has issued it; --fetch-ca names the authority to trust";

#[test]
fn a_private_authority_has_to_be_named() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let web = Web::with_tls(authority.server());
    web.always(ok("", &one(1)));

    let mut cache = Cache::start(web.url(), &[]);
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("{}: ", web.url())) && line.contains("code 2"), "{line}");
    assert!(line.contains(NOT_TRUSTED), "{line}");
    assert_nothing_is_served(&cache);
    assert_eq!(cache.metric(&healthy(&web.url())), Some(0));
    assert_eq!(web.more_requests(), [""; 0]);

    let stranger = folder.put("stranger.pem", Authority::new().pem().as_bytes());
    let mut cache = Cache::start(web.url(), &["--fetch-ca", stranger.to_str().unwrap()]);
    let line = cache.wait_for("WARN");
    assert!(line.contains("can't connect: the server's certificate is not accepted: "), "{line}");
    assert_eq!(web.more_requests(), [""; 0]);

    // One of several in the file.
    let both = folder.put("both.pem", format!("{}{}", Authority::new().pem(), authority.pem()).as_bytes());
    let mut cache = Cache::start(web.url(), &["--fetch-ca", both.to_str().unwrap()]);
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
    assert_eq!(cache.metric(&healthy(&web.url())), Some(1));
}

#[test]
fn authorities_that_cannot_be_read_are_reported_with_their_file() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let web = Web::with_tls(authority.server());
    web.always(ok("", &one(1)));
    let ca = folder.path("ca.pem");
    let ca = ca.to_str().unwrap();

    let mut cache = Cache::start(web.url(), &["--fetch-ca", ca]);
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("can't read the authorities' certificates: {ca}: there is no such file")), "{line}");

    folder.put("ca.pem", b"not PEM");
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("{ca}: there is no certificate in it")), "{line}");

    folder.put("ca.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    cache.signal("HUP");
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("{ca}: ")), "{line}");

    folder.put("ca.pem", authority.pem().as_bytes());
    cache.signal("HUP");
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
}

#[test]
fn a_client_certificate_is_shown_and_a_renewed_one_is_noticed() {
    let (folder, authority, clients) = (Folder::new(), Authority::new(), Authority::new());
    let web = Web::with_tls(authority.server_for_clients_of(&clients));
    web.always(ok("", &one(1)));
    let ca = folder.put("ca.pem", authority.pem().as_bytes());
    let ca = ["--fetch-ca", ca.to_str().unwrap()];

    let mut cache = Cache::start(web.url(), &ca);
    let line = cache.wait_for("WARN");
    assert!(
        line.contains(
            "the server does not accept our certificate (certificate_required): it requires a certificate of ours"
        ),
        "{line}"
    );
    assert_nothing_is_served(&cache);

    let put = |pair: crate::authority::Pair| {
        let certificate = folder.put("client.pem", pair.certificate.as_bytes());
        (certificate, folder.put("client.key", pair.key.as_bytes()))
    };
    let (certificate, key) = put(Authority::new().client());
    let shown = ["--fetch-client-cert", certificate.to_str().unwrap(), "--fetch-client-key", key.to_str().unwrap()];
    let mut cache = Cache::start(web.url(), &[&ca[..], &shown, &["--refresh", "1"]].concat());
    let line = cache.wait_for("WARN");
    assert!(line.contains("the server does not accept our certificate ("), "{line}");
    assert_eq!(web.more_requests(), [""; 0]);

    put(clients.client());
    cache.wait_for("serial ");
    assert_eq!(served(&cache), 1);
    let key = std::fs::read_to_string(key).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!cache.log().iter().any(|line| line.contains(secret)));
}

#[test]
fn a_client_certificate_that_cannot_be_read_is_reported_with_its_file() {
    let (folder, clients) = (Folder::new(), Authority::new());
    let pair = clients.client();
    let certificate = folder.put("client.pem", pair.certificate.as_bytes());
    let key = folder.path("client.key");
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let shown = ["--fetch-client-cert", certificate, "--fetch-client-key", key];
    let mut cache = Cache::start("https://127.0.0.1:1/", &shown);
    let line = cache.wait_for("WARN");
    assert!(line.contains(&format!("can't read the client's key: {key}: there is no such file")), "{line}");

    // No key, and one that is not the certificate's.
    let others = clients.client().key;
    for (content, wrong) in
        [("nothing", "there is no private key in it"), (others.as_str(), "the key does not belong to the certificate")]
    {
        folder.put("client.key", content.as_bytes());
        cache.signal("HUP");
        let line = cache.wait_for("WARN");
        assert!(line.contains(&format!("{certificate}, {key}: {wrong}")), "{line}");
    }
}

#[test]
fn without_any_authority_http_still_works() {
    let folder = Folder::new();
    let nothing = folder.path("nothing");
    let nothing = nothing.to_str().unwrap();
    let variables = [("SSL_CERT_FILE", nothing), ("SSL_CERT_DIR", nothing)];
    let web = Web::new();
    web.always(ok("", &one(1)));
    let mut cache = Cache::start_with(&variables, web.url(), &[]);
    cache.wait_for("INFO");
    assert_eq!(served(&cache), 1);

    let mut cache = Cache::start_with(&variables, "https://127.0.0.1:1/", &[]);
    let line = cache.wait_for("WARN");
    assert!(line.contains("No CA certificates were loaded from the system"), "{line}");
}
