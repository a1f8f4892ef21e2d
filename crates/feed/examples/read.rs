//! Reads a validator's file and prints its numbers of records: `cargo run --release --example read -p rtrcast-feed --
//! FILE`.

use rtrcast_feed::Reader;
use rtrcast_proto::{Section, Version};
use std::fs::File;
use std::io::Read;

#[expect(clippy::disallowed_methods, reason = "whoever drives a feed opens files, and here that is this program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: read FILE")?;
    let (mut file, mut reader, mut piece) = (File::open(path)?, Reader::new(), vec![0; 256 * 1024]);
    loop {
        let octets = file.read(&mut piece)?;
        if octets == 0 {
            break;
        }
        reader.push(&piece[..octets])?;
    }
    let rows = reader.finish()?;
    let tally = rows.tally().clone();
    let table = rows.into_table(Version::V2, Vec::new())?;
    for section in Section::ALL {
        println!("{:>9} {}", table.image().layout().count(section), section.pdu_type());
    }
    println!("{:>9} entries, {} refused, {} with host bits", tally.entries, tally.refused, tally.masked);
    for refused in &tally.refused_first {
        println!("refused {refused}");
    }
    Ok(())
}
