//! Events of the data that are served.

use super::events;
use crate::observe::describe::name_customers;
use crate::observe::status::{RecordsByType, describe_records};
use rtrcast_proto::{Asn, Serial};
use std::fmt;
use std::time::Duration;

events! {
    /// An event of the data that are served.
    pub(crate) enum DataEvent<'a> {
        /// A new serial is served. `origin` is the source that changed it, `SLURM`, `expiry` or `configuration`; the
        /// numbers of records are those that are served; `announced` and `withdrawn` are missing for the first serial
        Info "data_published" Published {
            origin: &'a str,
            serial: Serial,
            records: RecordsByType,
            expired_records: usize,
            change: Option<DataChange>,
            read_seconds: Option<Duration>,
        }
        /// All VRPs are gone, and routers were told to withdraw them
        Warn "vrps_gone" VrpsGone { origin: &'a str, withdrawn: usize }
        /// Nothing is served any more, since all data are too old (`--too-old close`)
        Warn "data_withheld" Withheld {}
        /// There was no memory for the data; the last ones stay served
        Error "data_not_stored" NotStored { error: &'a dyn fmt::Display }
        /// There was no memory for the data in each version; what is missing is made when a router asks for it
        Error "data_incomplete" Incomplete { error: &'a dyn fmt::Display }
        /// A response that a router waits for could not be made
        Error "response_failed" ResponseFailed { response: &'a dyn fmt::Display, error: &'a dyn fmt::Display }
        /// ASPAs are left out, since all sources together give their customers too many providers
        Warn "aspas_left_out" AspasLeftOut { customers: &'a [Asn] }
    }
}

impl fmt::Display for DataEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataEvent::Published { origin, serial, records, expired_records, change, read_seconds } => {
                write!(f, "{origin}: serial {serial} is {}", describe_records(*records))?;
                if *expired_records > 0 {
                    write!(f, ", {expired_records} left out as expired or too old")?;
                }
                if let Some(DataChange { text, .. }) = change {
                    write!(f, ": {text}")?;
                }
                match read_seconds {
                    Some(seconds) => write!(f, ", read in {:.2} s", seconds.as_secs_f32()),
                    None => Ok(()),
                }
            }
            DataEvent::VrpsGone { origin, withdrawn } => {
                write!(f, "{origin}: there are no VRPs any more; routers were told to withdraw all {withdrawn}")
            }
            DataEvent::Withheld {} => f.write_str(
                "nothing of any source is fresh any more: connections end, and routers are told that there are no data \
                 (code 2) until there are fresh ones, as --too-old close says",
            ),
            DataEvent::NotStored { error } => write!(f, "no memory for the data, the last ones stay served: {error}"),
            DataEvent::Incomplete { error } => write!(f, "no memory for the data in all versions: {error}"),
            DataEvent::ResponseFailed { response, error } => write!(f, "can't make {response}: {error}"),
            DataEvent::AspasLeftOut { customers } => write!(
                f,
                "{}: left out, all sources together give too many providers",
                name_customers(customers.iter())
            ),
        }
    }
}

/// A change of what is served.
pub(crate) struct DataChange {
    pub(crate) announced: usize,
    pub(crate) withdrawn: usize,
    /// The same by payload type: `+2 -1 VRPs`.
    pub(crate) text: String,
}
