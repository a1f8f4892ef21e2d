//! What the specification says, written down naively: records in sets, PDUs by their layout, a connection by the order
//! of what passes on it. What it checks it works out by itself; of the code that is tested it uses the layout of images
//! and the text form of PDUs, in order to read and to show them.

mod connection;
mod pdu;
mod record;
mod response;
mod served_sets;
mod source;

pub(crate) use connection::{ConnectionModel, ReceivedSet};
pub(crate) use record::{ModelRecord, ModelSet, decoded, seen_in, sum_of_both_sides, universe};
pub(crate) use served_sets::ServedSets;
pub(crate) use source::{SlurmModel, SourceTable};
