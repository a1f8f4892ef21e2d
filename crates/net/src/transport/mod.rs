//! The ways in which octets travel.

pub(crate) mod tcp;

pub(crate) use tcp::Tcp;
