//! What is counted: each kernel is prepared from documents, and then runs once.

use crate::documents::{self, Documents, FIRST, GENERATIONS};
use rtrcast_feed::curator::{
    Curation, Curator, CuratorOutput as Curated, CurrentTime, Freshness, Guard, Recipe, Report, SourceId,
};
use rtrcast_feed::{Overlaps, Slurm, SlurmDialect, SlurmFile};
use rtrcast_proto::{
    Asn, Changes, ClientOutput, ClientPolicy, ClientSession, Delta, Header, Image, ImageBuilder, Moment, Pdu, Profile,
    Record, Section, ServerOutput, ServerPolicy, ServerSession, Version, View, Want,
};
use std::hint::black_box;
use std::sync::Arc;

const NOW: Moment = Moment(0);

/// Of the empty Serial Queries.
const QUERIES: usize = 1_000;

/// How much a session is given at a time.
const READ_OCTETS: usize = 64 * 1024;

/// One that is ready to run. What it worked on and what it made are kept, so that to drop them does not count.
pub(crate) struct Kernel {
    run: Box<dyn FnMut() -> usize>,
    units: usize,
}

impl Kernel {
    fn new<I: 'static, O: 'static>(mut input: I, work: impl Fn(&mut I) -> (usize, O) + 'static) -> Kernel {
        let mut output = None;
        let run = move || {
            let (units, made) = work(black_box(&mut input));
            black_box(output.insert(made));
            units
        };
        Kernel { run: Box::new(run), units: 0 }
    }

    pub(crate) fn run(&mut self) {
        self.units = (self.run)();
    }

    /// How many records, PDUs or octets it had to do with.
    pub(crate) fn units(&self) -> usize {
        self.units
    }
}

type Prepare = fn(&Documents) -> Kernel;

/// All of them, by name.
pub(crate) const KERNELS: [(&str, Prepare); 16] = [
    ("decode", decode),
    ("encode", encode),
    ("read-json", |documents| read(documents, "0.json")),
    ("read-csv", |documents| read(documents, "0.csv")),
    ("read-ccr", |documents| read(documents, "0.ccr")),
    ("read-slurm", read_slurm),
    ("build", build),
    ("convert", convert),
    ("merge", merge),
    ("diff", diff),
    ("fold", fold),
    ("reset-query", reset_query),
    ("serial-queries", serial_queries),
    ("receive", receive),
    ("apply-whole", |documents| apply(router(&documents.view(1)))),
    ("apply-delta", apply_delta),
];

/// PDUs of a whole response, one after the other.
fn decode(documents: &Documents) -> Kernel {
    Kernel::new(documents.image(0), |image| {
        let pdus = split(image.octets()).filter(|octets| black_box(Pdu::decode(octets)).is_ok()).count();
        (pdus, ())
    })
}

fn encode(documents: &Documents) -> Kernel {
    // PDUs borrow from octets, which last as long as this program.
    let image: &'static Image = Box::leak(Box::new(documents.image(0)));
    let pdus: Vec<Pdu<'static>> = split(image.octets()).map(|octets| Pdu::decode(octets).expect("a record")).collect();
    Kernel::new(pdus, |pdus| {
        let mut out = Vec::new();
        pdus.iter().for_each(|pdu| pdu.encode(Version::V2, &mut out));
        (pdus.len(), out)
    })
}

/// A document, from its octets to a table.
fn read(documents: &Documents, name: &str) -> Kernel {
    Kernel::new(documents.read(name), |document| {
        let table = documents::table(document);
        (table.image().layout().records(), table)
    })
}

fn read_slurm(documents: &Documents) -> Kernel {
    Kernel::new(documents.slurm(), |document| {
        let slurm = slurm(document);
        (slurm.filters().len() + slurm.assertions().len(), slurm)
    })
}

fn slurm(document: &str) -> SlurmFile {
    SlurmFile::parse(document.as_bytes(), SlurmDialect::Strict).expect("it was made to be one")
}

/// Payload that comes in an order of its own.
fn build(documents: &Documents) -> Kernel {
    /// Shares no factor with the number of records, so that each has its turn.
    const STRIDE: usize = 7_919;
    let image: &'static Image = Box::leak(Box::new(documents.image(0)));
    let records: Vec<Record<'static>> = Section::ALL
        .into_iter()
        .flat_map(|section| image.records(section).map(move |record| Record::read(section, record).expect("a record")))
        .collect();
    let disordered: Vec<_> = (0..records.len()).map(|place| records[place * STRIDE % records.len()]).collect();
    Kernel::new(disordered, |records| {
        let mut builder = ImageBuilder::new();
        for record in records {
            match record {
                Record::Origin(origin) => builder.origin(origin),
                Record::RouterKey(key) => builder.router_key(key),
                Record::Aspa(aspa) => {
                    let providers = aspa.providers().iter().map(|asn| Asn(u32::from_be_bytes(*asn)));
                    builder.aspa(aspa.customer(), providers).expect("it was an ASPA before");
                }
            }
        }
        let image = builder.finish(Version::V2, Vec::new()).expect("a Vec takes everything");
        (image.layout().records(), image)
    })
}

/// An image in another version.
fn convert(documents: &Documents) -> Kernel {
    Kernel::new(documents.image(0), |image| {
        let other = image.to_version(Version::V1, Vec::new()).expect("a Vec takes everything");
        (other.layout().records(), other)
    })
}

/// Two sources, which mostly agree, and SLURM.
fn merge(documents: &Documents) -> Kernel {
    let sources = [SourceId(0), SourceId(1)];
    let now = CurrentTime { moment: NOW, unix: 1_789_516_800 };
    let freshness = Freshness::default();
    let mut curator = Curator::new(Curation {
        sources: sources.to_vec(),
        choice: Default::default(),
        freshness,
        guard: Guard::default(),
    });
    let file = ("slurm.json".into(), Arc::new(slurm(&documents.slurm())));
    curator.slurm(now, Arc::new(Slurm::merge(&[file], Overlaps::Allow).expect("one file agrees with itself")));
    for (source, generation) in sources.into_iter().zip([0, GENERATIONS - 1]) {
        let table = Arc::new(documents.table(generation));
        curator.source(now, source, Report::Loaded { table, written: Some(now.unix) });
    }
    let recipe: Recipe = loop {
        match curator.next() {
            Curated::Publish(recipe, _) => break recipe,
            Curated::Event(_) | Curated::Withhold => {}
            Curated::Wait(_) => panic!("both sources have reported"),
        }
    };
    Kernel::new(recipe, |recipe| {
        let composed = recipe.compose(Version::V2, Vec::new()).expect("a Vec takes everything");
        (composed.image.layout().records(), composed)
    })
}

fn diff(documents: &Documents) -> Kernel {
    Kernel::new((documents.image(0), documents.image(1)), |(old, new)| {
        let delta = Delta::between(old, new);
        (old.layout().records() + new.layout().records(), delta)
    })
}

/// The answer to a Serial Query, of all changes since the first serial.
fn fold(documents: &Documents) -> Kernel {
    Kernel::new(documents.view(GENERATIONS), |view| (GENERATIONS - 1, folded(view)))
}

fn folded(view: &View) -> View {
    let want = Want::Delta { profile: Profile::full(Version::V2), since: FIRST };
    view.with(want, Vec::new).expect("a Vec takes everything")
}

/// A cache's session that is asked for everything.
fn reset_query(documents: &Documents) -> Kernel {
    let view = Arc::new(documents.view(1));
    let mut query = Vec::new();
    Pdu::ResetQuery.encode(Version::V2, &mut query);
    Kernel::new((cache(view), query), |(session, query)| {
        session.receive(NOW, query);
        (drain(session, |_| {}), ())
    })
}

/// A cache's session that is asked again and again when there is nothing new.
fn serial_queries(documents: &Documents) -> Kernel {
    let view = Arc::new(documents.view(1));
    let mut query = Vec::new();
    let session = view.session(Profile::full(Version::V2));
    Pdu::SerialQuery { session, serial: FIRST }.encode(Version::V2, &mut query);
    Kernel::new((cache(view), query), |(session, query)| {
        for _ in 0..QUERIES {
            session.receive(NOW, query);
            drain(session, |_| {});
        }
        (QUERIES, ())
    })
}

fn cache(view: Arc<View>) -> ServerSession {
    ServerSession::new(NOW, ServerPolicy::default(), view)
}

/// Takes all that a cache has to say, and counts its octets.
fn drain(session: &mut ServerSession, mut take: impl FnMut(&[u8])) -> usize {
    let mut octets = 0;
    loop {
        match session.next(NOW) {
            ServerOutput::Write(chunk) => {
                octets += chunk.octets().len();
                take(black_box(chunk.octets()));
            }
            ServerOutput::Event(_) => {}
            ServerOutput::Want(_) | ServerOutput::Close => panic!("everything is there, and nothing is wrong"),
            ServerOutput::Wait(_) => return octets,
        }
    }
}

/// A router that has asked, and what a cache answers.
struct Exchange {
    router: ClientSession,
    answer: Vec<u8>,
}

/// A router that is new to a cache.
fn router(view: &View) -> Exchange {
    let mut router = ClientSession::new(NOW, ClientPolicy::default(), 1);
    let answer = ask(&mut router, view);
    Exchange { router, answer }
}

/// Has a router say what it has to say, to a session of its own.
fn ask(router: &mut ClientSession, view: &View) -> Vec<u8> {
    let (mut session, mut answer) = (cache(Arc::new(view.clone())), Vec::new());
    loop {
        match router.next(NOW) {
            ClientOutput::Connect => router.connected(NOW),
            ClientOutput::Write(chunk) => session.receive(NOW, chunk.octets()),
            ClientOutput::Event(_) => {}
            ClientOutput::Wait(_) => break,
            ClientOutput::Close | ClientOutput::Apply(_) => panic!("nothing was answered yet"),
        }
    }
    drain(&mut session, |octets| answer.extend_from_slice(octets));
    answer
}

impl Exchange {
    /// The response as it is collected.
    fn receive(&mut self) -> Box<Changes> {
        self.answer.chunks(READ_OCTETS).for_each(|octets| self.router.receive(NOW, octets));
        loop {
            match self.router.next(NOW) {
                ClientOutput::Apply(changes) => break changes,
                ClientOutput::Event(_) => {}
                _ => panic!("the response is complete"),
            }
        }
    }
}

fn receive(documents: &Documents) -> Kernel {
    Kernel::new(router(&documents.view(1)), |exchange| {
        let changes = exchange.receive();
        (changes.records(), changes)
    })
}

/// A response that has been collected already.
fn apply(mut exchange: Exchange) -> Kernel {
    let changes = exchange.receive();
    Kernel::new(Some(changes), |changes| {
        let changes = changes.take().expect("a kernel runs once");
        (changes.records(), changes.apply(Vec::new()).expect("a Vec takes everything"))
    })
}

/// A router that has the first generation is told what changed since.
fn apply_delta(documents: &Documents) -> Kernel {
    let mut exchange = router(&documents.view(1));
    let whole = exchange.receive().apply(Vec::new()).expect("a Vec takes everything");
    exchange.router.applied(NOW, whole);
    exchange.router.refresh(NOW);
    exchange.answer = ask(&mut exchange.router, &folded(&documents.view(GENERATIONS)));
    apply(exchange)
}

/// The PDUs of octets that are whole ones.
fn split(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = usize::try_from(Header::parse(octets)?.length).ok()?;
        let (pdu, rest) = octets.split_at_checked(length)?;
        octets = rest;
        Some(pdu)
    })
}
