//! What the specification says, written down naively: records in sets, PDUs by their layout, a connection by the order
//! of what passes on it. None of it uses the code that is tested.

mod connection;
mod line;
mod pdu;
mod record;
mod response;
mod source;

pub(crate) use connection::{ConnectionModel, ReceivedSet};
pub(crate) use line::DataLine;
pub(crate) use record::{ModelRecord, ModelSet, decoded, seen_in, sum_of_both_sides, universe};
pub(crate) use source::{SlurmModel, SourceTable};
