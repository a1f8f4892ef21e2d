//! The octets: headers, PDUs in both directions, and one line of text for each PDU.

mod decode;
mod encode;
mod frame;
mod report;
mod text;

pub use decode::{ErrorReport, Pdu};
pub use encode::{COPY_OCTETS_MAX, TEXT_OCTETS_MAX, error_report};
pub use frame::Header;
pub use report::PeerReport;
pub use text::{ParseError, hex, parse_hex, parse_line};

pub(crate) use decode::check_length;
pub(crate) use encode::{cache_reset, cache_response, end_of_data, record, serial_notify};
