//! Sessions whose peers send any octets.

use crate::choices::Choices;
use crate::model::{ConnectionModel, ServedSets, decoded, seen_in};
use rtrcast_proto::{
    Asn, ClientOutput, ClientPolicy, ClientSession, Dismissal, FieldDecoder, FieldEncoder, History, HistoryLimits,
    ImageBuilder, Moment, Prefix, Profile, RouteOrigin, Serial, ServerOutput, ServerPolicy, ServerSession, SessionIds,
    Stop, Timing, Version, View,
};
use std::sync::Arc;
use std::time::Duration;

/// The most outputs without an input.
const OUTPUTS_MAX: usize = 10_000;

/// Sets of some VRPs, one after another.
fn views() -> (Vec<Arc<View>>, ServedSets) {
    let ids = SessionIds::new(1_000);
    let mut history = History::new(HistoryLimits::default(), ids, Timing::default(), Serial(u32::MAX - 1));
    let mut line = ServedSets::default();
    let mut views = vec![Arc::new(history.view(0))];
    for number in 0..4_u32 {
        let mut builder = ImageBuilder::new();
        for asn in 0..4 + number % 2 {
            let prefix = Prefix::new([192, 0, 2, 0].into(), 24).expect("a prefix");
            builder.origin(&RouteOrigin::new(prefix, 24, Asn(asn * (1 + number))).expect("a VRP"));
        }
        let Ok(image) = builder.finish(Version::V2, Vec::new());
        let set = decoded(&image).expect("an image");
        history.publish(image);
        for version in Version::ALL {
            let session = ids.of(Profile::full(version)).0;
            line.serve(session, history.serial().0, &seen_in(&set, version.octet())).expect("another serial");
        }
        views.push(Arc::new(history.view(0)));
    }
    (views, line)
}

/// A router sends any octets: the session answers by the specification, and ends once the router does.
pub fn server(octets: &[u8]) {
    let (views, sets) = views();
    let mut choices = Choices::new(octets);
    let mut server = Server {
        now: Moment(0),
        session: ServerSession::new(Moment(0), ServerPolicy::default(), Arc::clone(&views[0])),
        model: ConnectionModel::new(Moment(0), 2),
        view: 0,
        views,
        sets,
        is_closed: false,
    };
    while !choices.is_empty() {
        server.take_action(&mut choices);
        server.take_outputs();
    }
    server.end();
}

struct Server {
    now: Moment,
    session: ServerSession,
    model: ConnectionModel,
    view: usize,
    views: Vec<Arc<View>>,
    sets: ServedSets,
    is_closed: bool,
}

impl Server {
    fn take_action(&mut self, choices: &mut Choices<'_>) {
        let (session, model) = (&mut self.session, &mut self.model);
        match choices.octet() {
            length @ 0..=200 => {
                let octets: Vec<u8> = (0..=length % 40).map(|_| choices.octet()).collect();
                if session.wants_input() {
                    model.received(self.now, &octets);
                    session.receive(self.now, &octets);
                }
            }
            time @ 201..=235 => {
                self.now = self.now.after(Duration::from_millis(u64::from(time - 200) * 700));
                session.tick(self.now);
            }
            236..=245 if self.view + 1 < self.views.len() => {
                self.view += 1;
                session.data_changed(self.now, Arc::clone(&self.views[self.view]));
            }
            236..=245 => {}
            246 | 247 => {
                model.router_ended(self.now);
                session.input_ended(self.now);
            }
            248 => {
                model.may_report(10);
                model.has_to_end(self.now, "a stall", false);
                session.stalled(self.now);
            }
            249 => {
                model.has_to_end(self.now, "a dismissal", true);
                session.dismiss(self.now, Dismissal::Requested);
            }
            250 => {
                model.has_to_end(self.now, "a dismissal", false);
                session.dismiss(self.now, Dismissal::NotAdmitted);
            }
            251 => {
                model.has_to_end(self.now, "a stop", true);
                session.stop(self.now, Stop::Restart);
            }
            252 => {
                model.has_to_report(13);
                model.has_to_end(self.now, "a stop", false);
                session.stop(self.now, Stop::Shutdown);
            }
            253.. => self.hand_over(),
        }
    }

    /// The session goes on in another program.
    fn hand_over(&mut self) {
        self.session.suspend(self.now);
        while self.session.event().is_some() {}
        let (mut shared, mut encoder) = (Vec::new(), FieldEncoder::default());
        self.session.encode(&mut encoder, |octets| {
            shared.push(Arc::clone(octets));
            shared.len() as u32 - 1
        });
        let view = Arc::clone(&self.views[self.view]);
        let get = |number: u32| shared.get(number as usize).cloned();
        let mut decoder = FieldDecoder::new(&encoder.0);
        self.session = ServerSession::decode(&mut decoder, self.now, view, get).expect("a session");
        assert!(decoder.is_empty());
        // Any of its octets may be missing.
        for length in 0..encoder.0.len() {
            let mut decoder = FieldDecoder::new(&encoder.0[..length]);
            let view = Arc::clone(&self.views[self.view]);
            assert!(ServerSession::decode(&mut decoder, self.now, view, get).is_none());
        }
    }

    fn take_outputs(&mut self) {
        let Server { now, session, model, view, views, sets, is_closed } = self;
        for round in 0.. {
            assert!(round < OUTPUTS_MAX, "outputs without end");
            match session.next(*now) {
                ServerOutput::Write(chunk) => {
                    assert!(!*is_closed, "octets after Close");
                    let current = views[*view].serial();
                    let version = model.version().and_then(Version::from_octet).unwrap_or(Version::V2);
                    let current = current.map(|serial| (views[*view].session(Profile::full(version)).0, serial.0));
                    let sent = model.sent(*now, chunk.octets(), sets, current);
                    sent.unwrap_or_else(|error| panic!("{error}"));
                }
                ServerOutput::Close => {
                    assert!(!*is_closed, "closed twice");
                    *is_closed = true;
                    model.ended(*now, Moment(0)).unwrap_or_else(|error| panic!("{error}"));
                }
                ServerOutput::Want(want) => {
                    let Ok(made) = views[*view].with(want, Vec::new);
                    views[*view] = Arc::new(made);
                    session.data_changed(*now, Arc::clone(&views[*view]));
                }
                ServerOutput::Event(_) => {}
                ServerOutput::Wait(_) => break,
            }
        }
        model.check_time(*now).unwrap_or_else(|error| panic!("{error}"));
    }

    /// The router ends its side, and time passes.
    fn end(mut self) {
        self.model.router_ended(self.now);
        self.session.input_ended(self.now);
        self.take_outputs();
        for _ in 0..10 {
            let Some(deadline) = self.session.deadline() else { break };
            self.now = deadline.max(self.now);
            self.session.tick(self.now);
            self.take_outputs();
        }
        assert!(self.is_closed, "it does not end");
    }
}

/// A cache sends any octets: what the client holds is a data set, and it goes on.
pub fn client(octets: &[u8]) {
    let mut choices = Choices::new(octets);
    let mut now = Moment(0);
    let mut session = ClientSession::new(now, ClientPolicy::default(), u64::from(choices.octet()));
    while !choices.is_empty() {
        match choices.octet() {
            length @ 0..=215 => {
                let octets: Vec<u8> = (0..=length % 64).map(|_| choices.octet()).collect();
                if session.wants_input() {
                    session.receive(now, &octets);
                }
            }
            time @ 216..=239 => {
                now = now.after(Duration::from_secs(u64::from(time - 215) * 300));
                session.tick(now);
            }
            240..=245 => session.input_ended(now),
            246..=248 => session.refresh(now),
            249 => session.stalled(now),
            250 if choices.once_in(20) => session.stop(now),
            _ => {}
        }
        for round in 0.. {
            assert!(round < OUTPUTS_MAX, "outputs without end");
            match session.next(now) {
                ClientOutput::Connect => match choices.once_in(8) {
                    true => session.not_connected(now),
                    false => session.connected(now),
                },
                ClientOutput::Apply(changes) => {
                    let Ok(applied) = changes.apply(Vec::new());
                    session.applied(now, applied);
                }
                ClientOutput::Write(chunk) => assert!(!chunk.octets().is_empty()),
                ClientOutput::Close | ClientOutput::Event(_) => {}
                ClientOutput::Wait(at) => {
                    assert!(session.is_stopped() || at.is_none_or(|at| at > now), "it waits for the past");
                    break;
                }
            }
        }
        if let Some(data) = session.data() {
            decoded(&data.image).unwrap_or_else(|error| panic!("{error}"));
            assert!(data.expires() > now, "data that have expired");
        }
    }
}
