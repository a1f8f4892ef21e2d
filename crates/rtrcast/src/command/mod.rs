//! Commands that do not serve.

pub(crate) mod check;
pub(crate) mod ctl;
pub(crate) mod dump;
pub(crate) mod ssh;
