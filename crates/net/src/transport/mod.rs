//! The ways in which octets travel.

mod tcp;

pub(crate) use tcp::Tcp;
