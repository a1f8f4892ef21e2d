//! Handover: the running program is replaced by another one, and routers keep their connections and sessions.
//!
//! The program executes another in its place (`program.rs`): the process stays, and with it the descriptors of all sockets
//! and memory files. Everything else goes through a memory file (`file.rs`): the line of data sets with the tables of the
//! sources (`lineage.rs`), the sockets that listen (`sockets.rs`), and the connections. The other program takes it up when it
//! starts (`taken.rs`). Until all of that is done it reads and writes nothing of it, so that the program before it can be
//! executed again and go on where it was.

mod file;
mod lineage;
mod program;
mod sockets;
mod taken;

pub(crate) use file::{HandoverReport, HandoverWriter};
pub(crate) use lineage::{HandedLine, LineWriter};
pub(crate) use program::{ProgramFile, StartPath, rehearse};
pub(crate) use sockets::{HandedListener, HandedListeners, HandedUnixSocket, SocketWriter};
pub(crate) use taken::{TakenHandover, WayBack, panic_point, rehearsal, rehearse_take, rehearsed};
