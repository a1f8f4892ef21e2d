//! Properties of images, deltas and histories against a naive model: a set of records.

#![expect(clippy::unwrap_used, reason = "a helper of tests that fails should fail the test")]

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use rtrcast_proto::{
    Action, ApplyError, Asn, Aspa, Delta, Header, History, HistoryLimits, Image, ImageWriter, Moment, Pdu, Prefix,
    Profile, RouteOrigin, RouterKey, Section, Serial, ServerOutput, ServerPolicy, ServerSession, SessionIds, Timing,
    Version, View, wire,
};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

/// A record as the model has it: the fields are in the order of 8210bis section 11.2, so that its own order is how
/// announcements are sorted (descending for prefixes, ascending for the others).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Record {
    Ipv4(u32, u8, u8, u32),
    Ipv6(u128, u8, u8, u32),
    Key([u8; 20], usize, Vec<u8>, u32),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    records: BTreeSet<Record>,
    aspas: BTreeMap<u32, BTreeSet<u32>>,
}

impl Model {
    fn image(&self, version: Version) -> Image {
        let mut writer = ImageWriter::new(version, Vec::new());
        let prefix = |addr: IpAddr, len, max_len, asn| {
            RouteOrigin::new(Prefix::new(addr, len).unwrap(), max_len, Asn(asn)).unwrap()
        };
        for record in self.records.iter().rev() {
            if let Record::Ipv4(addr, max_len, len, asn) = *record {
                writer.origin(&prefix(IpAddr::V4(addr.into()), len, max_len, asn)).unwrap();
            }
        }
        for record in self.records.iter().rev() {
            if let Record::Ipv6(addr, max_len, len, asn) = *record {
                writer.origin(&prefix(IpAddr::V6(addr.into()), len, max_len, asn)).unwrap();
            }
        }
        for record in &self.records {
            if let Record::Key(ski, _, spki, asn) = record {
                writer.router_key(&RouterKey::new(*ski, Asn(*asn), spki).unwrap()).unwrap();
            }
        }
        for (customer, providers) in &self.aspas {
            let providers: Vec<[u8; 4]> = providers.iter().map(|asn| asn.to_be_bytes()).collect();
            writer.aspa(&Aspa::new(Asn(*customer), &providers).unwrap()).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Records that a router may hold of it.
    fn seen_by(&self, profile: Profile) -> Model {
        let mut seen = self.clone();
        if !profile.has(Section::RouterKey) {
            seen.records.retain(|record| !matches!(record, Record::Key(..)));
        }
        if !profile.has(Section::Aspa) {
            seen.aspas.clear();
        }
        seen
    }

    /// Applies a response to the model, refusing what a strict router refuses.
    fn take(&mut self, response: &[u8]) -> Result<(Serial, usize), TestCaseError> {
        let (mut serial, mut payload) = (None, 0);
        for pdu in pdus(response) {
            let (action, record) = match Pdu::decode(pdu).map_err(|error| TestCaseError::fail(error.to_string()))? {
                Pdu::CacheResponse { .. } => continue,
                Pdu::EndOfData { serial: end, .. } => {
                    serial = Some(end);
                    continue;
                }
                Pdu::Aspa { action: Action::Announce, customer, providers } => {
                    payload += 1;
                    self.aspas.insert(customer.0, providers.iter().map(|asn| u32::from_be_bytes(*asn)).collect());
                    continue;
                }
                Pdu::Aspa { action: Action::Withdraw, customer, .. } => {
                    payload += 1;
                    prop_assert!(self.aspas.remove(&customer.0).is_some(), "withdrawal of an unknown ASPA");
                    continue;
                }
                Pdu::Prefix { action, origin } => (action, record_of(&origin)),
                Pdu::RouterKey { action, key } => {
                    (action, Record::Key(key.ski(), key.spki().len(), key.spki().to_vec(), key.asn().0))
                }
                other => return Err(TestCaseError::fail(format!("{other:?} in a response"))),
            };
            payload += 1;
            match action {
                Action::Announce => prop_assert!(self.records.insert(record), "duplicate announcement"),
                Action::Withdraw => prop_assert!(self.records.remove(&record), "withdrawal of an unknown record"),
            }
        }
        Ok((serial.ok_or(TestCaseError::fail("no End of Data"))?, payload))
    }

    /// Number of records in a minimal delta to another model.
    fn distance(&self, other: &Model) -> usize {
        let customers: BTreeSet<&u32> = self.aspas.keys().chain(other.aspas.keys()).collect();
        let aspas =
            customers.into_iter().filter(|customer| self.aspas.get(customer) != other.aspas.get(customer)).count();
        self.records.symmetric_difference(&other.records).count() + aspas
    }
}

fn record_of(origin: &RouteOrigin) -> Record {
    let (max_len, len, asn) = (origin.max_len(), origin.prefix().len(), origin.asn().0);
    match origin.prefix().addr() {
        IpAddr::V4(addr) => Record::Ipv4(addr.to_bits(), max_len, len, asn),
        IpAddr::V6(addr) => Record::Ipv6(addr.to_bits(), max_len, len, asn),
    }
}

fn pdus(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some(header) = Header::parse(octets) {
        let (pdu, rest) = octets.split_at(header.length as usize);
        found.push(pdu);
        octets = rest;
    }
    found
}

/// Few values, so that records meet again.
fn record() -> impl Strategy<Value = Record> {
    let lengths = |max: u8| (0..=max, 0..=max).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        (0..4_u32, lengths(3), 0..3_u32).prop_map(|(bits, (len, max_len), asn)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
            Record::Ipv4(bits << 30 & mask, max_len, len, asn)
        }),
        (0..4_u128, lengths(3), 0..3_u32).prop_map(|(bits, (len, max_len), asn)| {
            let mask = u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
            Record::Ipv6(bits << 126 & mask, max_len, len, asn)
        }),
        (0..2_u8, 0..3_u8, 0..2_u32).prop_map(|(ski, octets, asn)| {
            let spki: Vec<u8> = [0x30, octets].into_iter().chain(std::iter::repeat_n(7, octets.into())).collect();
            Record::Key([ski; 20], spki.len(), spki, asn)
        }),
    ]
}

#[derive(Clone, Debug)]
enum Change {
    Flip(Record),
    Aspa(u32, BTreeSet<u32>),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => record().prop_map(Change::Flip),
        2 => (1..4_u32, proptest::collection::btree_set(10..14_u32, 0..3)).prop_map(|(customer, list)| Change::Aspa(customer, list)),
    ]
}

/// The data sets of a sequence of updates, the empty one first.
fn generations() -> impl Strategy<Value = Vec<Model>> {
    proptest::collection::vec(proptest::collection::vec(change(), 0..8), 1..12).prop_map(|updates| {
        let mut models = vec![Model::default()];
        for update in updates {
            let mut model = models.last().unwrap().clone();
            for change in update {
                match change {
                    Change::Flip(record) => {
                        if !model.records.remove(&record) {
                            model.records.insert(record);
                        }
                    }
                    Change::Aspa(customer, providers) if providers.is_empty() => {
                        model.aspas.remove(&customer);
                    }
                    Change::Aspa(customer, providers) => {
                        model.aspas.insert(customer, providers);
                    }
                }
            }
            models.push(model);
        }
        models
    })
}

/// Answer of a session to a query on a connection of its own.
fn answer(view: &Arc<View>, query: Pdu<'_>, version: Version, policy: ServerPolicy) -> Vec<u8> {
    let mut session = ServerSession::new(Moment(0), policy, Arc::clone(view));
    let mut octets = Vec::new();
    query.encode(version, &mut octets);
    session.receive(Moment(0), &octets);
    let mut sent = Vec::new();
    loop {
        match session.next(Moment(0)) {
            ServerOutput::Write(chunk) => sent.extend_from_slice(chunk.octets()),
            ServerOutput::Event(_) => {}
            ServerOutput::Want(want) => {
                let made: Result<View, Infallible> = view.with(want, Vec::new);
                session.data_changed(Moment(0), Arc::new(made.unwrap()));
            }
            ServerOutput::Close | ServerOutput::Wait(_) => return sent,
        }
    }
}

fn history() -> History {
    History::new(HistoryLimits::default(), SessionIds::new(1), Timing::default(), Serial(u32::MAX - 3))
}

/// 8210bis section 11.2 for whole PDUs of a response, written from the text: type, then announcements before
/// withdrawals, then the fields.
fn place(pdu: &[u8]) -> (u8, bool, Vec<i128>, Vec<u8>) {
    let flags = if pdu[1] == 4 || pdu[1] == 6 { pdu[8] } else { pdu[2] };
    let withdrawn = flags & 1 == 0;
    let number = |octets: &[u8]| octets.iter().fold(0_u128, |sum, octet| sum << 8 | u128::from(*octet));
    // Half of it, so that the largest IPv6 address can be negated; the last bit follows as a number of its own.
    let split = |value: u128| [(value >> 1) as i128, (value & 1) as i128];
    let (numbers, octets) = match pdu[1] {
        4 => (
            [split(number(&pdu[12..16])).to_vec(), vec![pdu[10].into(), pdu[9].into(), number(&pdu[16..]) as i128]]
                .concat(),
            vec![],
        ),
        6 => (
            [split(number(&pdu[12..28])).to_vec(), vec![pdu[10].into(), pdu[9].into(), number(&pdu[28..]) as i128]]
                .concat(),
            vec![],
        ),
        9 => (vec![], [&pdu[8..28], &(pdu.len() as u32).to_be_bytes(), &pdu[32..], &pdu[28..32]].concat()),
        _ => (vec![], pdu[8..12].to_vec()),
    };
    let numbers = if withdrawn { numbers } else { numbers.into_iter().map(|number| -number).collect() };
    (pdu[1], withdrawn, numbers, octets)
}

fn assert_ordered(response: &[u8]) -> Result<(), TestCaseError> {
    let payload: Vec<_> = pdus(response).into_iter().filter(|pdu| ![3, 7].contains(&pdu[1])).map(place).collect();
    for pair in payload.windows(2) {
        prop_assert!(pair[0] < pair[1], "{:?} stands before {:?}", pair[0], pair[1]);
    }
    Ok(())
}

proptest! {
    #[test]
    fn c_del_01_old_and_delta_give_new_and_the_delta_is_minimal(models in generations()) {
        for pair in models.windows(2) {
            let (old, new) = (pair[0].image(Version::V1), pair[1].image(Version::V2));
            let delta = Delta::between(&old, &new);
            prop_assert_eq!(&delta.apply(&old, Vec::new()).unwrap(), &new);
            let size: usize = Section::ALL.into_iter().map(|section| delta.announced(section) + delta.withdrawn(section)).sum();
            prop_assert_eq!(size, pair[0].distance(&pair[1]));
        }
    }

    /// Sets that are alike over many records, which are compared many at a time.
    #[test]
    fn c_del_01_large_sets_differ_where_they_differ(
        count in 0..400_u32,
        only_old in proptest::collection::btree_set(0..400_u32, 0..6),
        only_new in proptest::collection::btree_set(0..400_u32, 0..6),
        version in prop_oneof![Just(Version::V1), Just(Version::V2)],
    ) {
        let model = |others: &BTreeSet<u32>| {
            let numbers = (0..count).filter(|number| !others.contains(number));
            let records = numbers.flat_map(|number| [
                Record::Ipv4(0, 0, 0, number),
                Record::Ipv6(0, 0, 0, number),
            ]);
            Model { records: records.collect(), ..Model::default() }
        };
        let (old, new) = (model(&only_new), model(&only_old));
        let (old_image, new_image) = (old.image(Version::V1), new.image(version));
        let delta = Delta::between(&old_image, &new_image);
        prop_assert_eq!(&delta.apply(&old_image, Vec::new()).unwrap(), &new_image);
        let size: usize = Section::ALL.into_iter().map(|section| delta.announced(section) + delta.withdrawn(section)).sum();
        prop_assert_eq!(size, old.records.symmetric_difference(&new.records).count());
    }

    #[test]
    fn c_del_01_a_fold_is_the_delta_between_first_and_last(models in generations()) {
        let images: Vec<Image> = models.iter().map(|model| model.image(Version::V2)).collect();
        let steps: Vec<Delta> = images.windows(2).map(|pair| Delta::between(&pair[0], &pair[1])).collect();
        let folded = Delta::fold(&steps);
        prop_assert_eq!(&folded.apply(&images[0], Vec::new()).unwrap(), images.last().unwrap());
        let whole = Delta::between(&images[0], images.last().unwrap());
        for section in Section::ALL {
            prop_assert_eq!(folded.announced(section), whole.announced(section));
            prop_assert_eq!(folded.withdrawn(section), whole.withdrawn(section));
        }
    }

    #[test]
    fn c_del_02_from_every_serial_a_router_comes_to_exactly_today_s_set(models in generations()) {
        let mut history = history();
        let mut held: Vec<(Serial, Model)> = Vec::new();
        for model in &models {
            history.publish(model.image(Version::V2));
            held.push((history.serial(), model.clone()));
        }
        let view = Arc::new(history.view(0));
        let today = models.last().unwrap();
        for profile in Profile::ALL {
            let mut policy = ServerPolicy::default();
            if profile.version() >= Version::V1 && !profile.has(Section::RouterKey) {
                policy = policy.without_router_keys();
            }
            if profile.version() == Version::V2 && !profile.has(Section::Aspa) {
                policy = policy.without_aspas();
            }
            for (serial, model) in &held {
                let query = Pdu::SerialQuery { session: view.session(profile), serial: *serial };
                let response = answer(&view, query, profile.version(), policy);
                let mut router = model.seen_by(profile);
                let minimal = router.distance(&today.seen_by(profile));
                let (end, payload) = router.take(&response)?;
                prop_assert_eq!(end, history.serial());
                prop_assert_eq!(&router, &today.seen_by(profile));
                prop_assert_eq!(payload, minimal, "the delta is minimal");
                assert_ordered(&response)?;
            }
            let response = answer(&view, Pdu::ResetQuery, profile.version(), policy);
            let mut router = Model::default();
            router.take(&response)?;
            prop_assert_eq!(&router, &today.seen_by(profile));
            assert_ordered(&response)?;
        }
    }

    #[test]
    fn c_ser_06_a_bounded_history_answers_or_resets_and_never_lies(models in generations(), deltas_max in 0..4_usize, octets_max in 0..400_usize) {
        let limits = HistoryLimits { deltas_max, octets_max };
        let mut history = History::new(limits, SessionIds::new(1), Timing::default(), Serial(1));
        let mut held = Vec::new();
        for model in &models {
            history.publish(model.image(Version::V2));
            held.push((history.serial(), model.clone()));
            let (deltas, octets) = history.retained();
            prop_assert!(deltas <= deltas_max && octets <= octets_max);
        }
        let view = Arc::new(history.view(0));
        let profile = Profile::full(Version::V2);
        for (serial, mut model) in held {
            let query = Pdu::SerialQuery { session: view.session(profile), serial };
            let response = answer(&view, query, Version::V2, ServerPolicy::default());
            if wire::hex(&response) != "0208000000000008" {
                model.take(&response)?;
                prop_assert_eq!(&model, models.last().unwrap());
            }
        }
    }

    #[test]
    fn a_delta_that_does_not_fit_is_refused(models in generations()) {
        let first = models[0].image(Version::V1);
        for model in &models[1..] {
            let image = model.image(Version::V1);
            let delta = Delta::between(&first, &image);
            if !delta.is_empty() {
                let twice = delta.apply(&image, Vec::new());
                prop_assert!(matches!(twice, Err(ApplyError::DuplicateRecord(_) | ApplyError::UnknownRecord(_))));
            }
        }
    }

    #[test]
    fn an_image_is_the_same_set_in_every_version(models in generations()) {
        let image = models.last().unwrap().image(Version::V0);
        for version in Version::ALL {
            let other = image.to_version(version, Vec::new()).unwrap();
            prop_assert_eq!(&other, &image);
            prop_assert!(pdus(other.octets()).iter().all(|pdu| pdu[0] == version.octet()));
        }
    }

    #[test]
    fn records_are_the_same_from_both_ends(models in generations(), turns in proptest::collection::vec(any::<bool>(), 0..64)) {
        let image = models.last().unwrap().image(Version::V2);
        for section in Section::ALL {
            let forwards: Vec<&[u8]> = image.records(section).collect();
            let mut backwards: Vec<&[u8]> = image.records(section).rev().collect();
            backwards.reverse();
            prop_assert_eq!(&backwards, &forwards);
            let (mut records, mut front, mut back) = (image.records(section), Vec::new(), Vec::new());
            for is_front in turns.iter().copied().chain([true; 64]) {
                if is_front { front.extend(records.next()) } else { back.extend(records.next_back()) }
            }
            back.reverse();
            prop_assert_eq!([front, back].concat(), forwards);
            prop_assert!(records.next_back().is_none());
        }
    }

    #[test]
    fn c_frm_01_any_split_of_the_input_gives_the_same_output(
        queries in proptest::collection::vec(0..4_u8, 1..5),
        cuts in proptest::collection::vec(0..60_usize, 0..6),
    ) {
        let mut history = history();
        history.publish(Model::default().image(Version::V1));
        let view = Arc::new(history.view(0));
        let input: Vec<u8> = queries.iter().flat_map(|query| wire::parse_hex(match query {
            0 => "01 02 0000 00000008",
            1 => "01 01 0002 0000000C 00000005",
            2 => "09 01 0002 0000000C 00000005",
            _ => "09 4D 0002 0000000C 00000005",
        }).unwrap()).collect();
        let run = |pieces: Vec<&[u8]>| {
            let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), Arc::clone(&view));
            let (mut sent, mut closed) = (Vec::new(), false);
            for piece in pieces {
                let mut piece = piece;
                while !piece.is_empty() && session.wants_input() {
                    session.receive(Moment(0), piece);
                    piece = &[];
                    loop {
                        match session.next(Moment(0)) {
                            ServerOutput::Write(chunk) => sent.extend_from_slice(chunk.octets()),
                            ServerOutput::Close => closed = true,
                            ServerOutput::Event(_) => {}
                            ServerOutput::Want(want) => panic!("{want:?}"),
                            ServerOutput::Wait(_) => break,
                        }
                    }
                }
            }
            (sent, closed)
        };
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for cut in cuts.into_iter().chain([input.len()]) {
            pieces.push(&input[start..cut]);
            start = cut;
        }
        prop_assert_eq!(run(pieces), run(vec![&input]));
    }

    #[test]
    fn c_frm_03_no_input_makes_a_session_panic_or_grow(octets in proptest::collection::vec(any::<u8>(), 0..200), head in 0..3_u8) {
        let mut history = history();
        history.publish(Model::default().image(Version::V1));
        let view = Arc::new(history.view(0));
        let mut session = ServerSession::new(Moment(0), ServerPolicy::default(), view);
        session.receive(Moment(0), &[&[head][..], &octets].concat());
        for now in 0..200_u64 {
            match session.next(Moment(now * 1_000)) {
                ServerOutput::Close => return Ok(()),
                ServerOutput::Wait(_) => session.tick(Moment(now * 1_000)),
                ServerOutput::Write(chunk) => prop_assert!(chunk.octets().len() < 2_000),
                ServerOutput::Event(_) | ServerOutput::Want(_) => {}
            }
        }
    }

    #[test]
    fn a_pdu_reads_back_from_its_text(octets in proptest::collection::vec(any::<u8>(), 0..80), head in 0..3_u8, pdu_type in 0..12_u8) {
        let length = u32::try_from(octets.len() + 8).unwrap().to_be_bytes();
        let pdu = [&[head, pdu_type, 0, 1][..], &length, &octets].concat();
        if let Ok(decoded) = Pdu::decode(&pdu) {
            let version = Version::from_octet(head).unwrap();
            let line = decoded.line(version);
            let back = wire::parse_line(&line).unwrap();
            prop_assert_eq!(Pdu::decode(&back).unwrap(), decoded, "{}", line);
        }
    }
}
