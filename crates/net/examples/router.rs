//! A minimal router: `cargo run -p rtrcast-net --example router -- tcp://127.0.0.1:8282` prints what a cache sends.

use rtrcast_net::{Clock, Dialer, Target, follow};
use rtrcast_proto::{ClientEvent, ClientPolicy, ClientSession, Record, Section};
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = std::env::args().nth(1).unwrap_or("tcp://127.0.0.1:8282".to_owned()).parse()?;
    print_changes(&cache, |line| println!("{line}")).await;
    Ok(())
}

/// Follows a cache for ever: across lost connections, restarts and versions.
pub async fn print_changes(cache: &Target, mut print: impl FnMut(String)) {
    let clock = Clock::start();
    let seed = RandomState::new().hash_one(cache);
    let session = ClientSession::new(clock.now(), ClientPolicy::default(), seed);
    let mut on_event = |session: &ClientSession, event| {
        match (event, session.data()) {
            (ClientEvent::Updated(update), Some(data)) => {
                for section in Section::ALL {
                    for (sign, records) in [('-', update.removed(section)), ('+', update.added(section))] {
                        for record in records.filter_map(|record| Record::read(section, record)) {
                            print(format!("{sign} {record}"));
                        }
                    }
                }
                print(format!("= serial {}: {} records", data.serial, data.image.layout().records()));
            }
            (ClientEvent::Flushed(reason), _) => print(format!("= nothing counts any more: {reason}")),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    follow(&Dialer::from(cache.clone()), clock, session, &Notify::new(), &mut on_event).await;
}
