//! Upgrade: another program takes over in this process, with all plain connections and their sessions.
//!
//! What may take long comes first, while routers are served as before: the rehearsal, calls to file systems, the state, and
//! the ends of connections over TLS and SSH. Then sessions stand still for as long as it takes to write them, to execute
//! the other program, and for that to read them.

use super::RunningCache;
use crate::blocking::{NoFileCalls, blocking, no_file_calls};
use crate::config::CommandLine;
use crate::handover::{HandoverReport, HandoverWriter, ProgramFile, SocketWriter, StartPath, rehearse};
use crate::hub::message::{EncodedLine, Input, LineRequest};
use crate::observe::describe::plain;
use crate::observe::log::event::handover::HandoverEvent;
use crate::observe::log::{self, Log};
use crate::observe::metrics::HandoverCounts;
#[cfg(target_os = "linux")]
use rtrcast_net::DescriptorQueue;
use rtrcast_net::{Descriptors, SocketName, SuspendedConnections, Transport, sd_notify, sd_reloading, set_inherited};
use rtrcast_proto::FieldEncoder;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;

/// Time for which calls to file systems are waited for.
const FILE_CALLS_MAX: Duration = Duration::from_secs(5);

/// Time for connections over TLS and SSH to end.
const PROTECTED_END_MAX: Duration = Duration::from_secs(5);

/// Time for connections to be taken out of their tasks, which takes no more than a PROXY header that is still to come.
const SUSPENSION_MAX: Duration = Duration::from_secs(2);

/// Sockets that tasks have, by descriptors of their own.
#[derive(Debug, Default)]
pub(super) struct KeptSockets {
    pub(super) http: Option<(SocketAddr, OwnedFd)>,
    pub(super) control: Option<(OwnedFd, SocketName)>,
    /// The lock of the state directory.
    pub(super) lock: Option<(PathBuf, OwnedFd)>,
}

impl KeptSockets {
    fn write<'a>(&'a self, writer: &mut SocketWriter<'_, 'a>) {
        writer.encoder.u8(u8::from(self.http.is_some()));
        if let Some((address, socket)) = &self.http {
            writer.encoder.text(&address.to_string());
            writer.descriptor(socket);
        }
        writer.encoder.u8(u8::from(self.control.is_some()));
        if let Some((socket, name)) = &self.control {
            writer.name(name);
            writer.descriptor(socket);
        }
        writer.encoder.u8(u8::from(self.lock.is_some()));
        if let Some((path, lock)) = &self.lock {
            writer.path(path);
            writer.descriptor(lock);
        }
    }
}

impl RunningCache {
    /// Executes the program that lies where this one was started from, in its place. Returns only if that can't be: then
    /// all goes on, and the reason is logged and shown.
    pub(super) async fn upgrade(&mut self, command_line: &CommandLine, asked_by: &str) {
        let path = match &self.start_path {
            Ok(path) => path.clone(),
            Err(reason) => return self.upgrade_failed(&reason.clone()),
        };
        HandoverEvent::Begun { asked_by, program: &path.path().display().to_string() }.log();
        let Err(reason) = self.try_upgrade(command_line, &path, asked_by).await;
        self.upgrade_failed(&reason);
        let _ = sd_notify("READY=1");
    }

    fn upgrade_failed(&self, reason: &str) {
        HandoverEvent::Failed { reason }.log();
        self.upgrades.failed(reason);
        self.metrics.handovers.add(HandoverCounts { failures: 1, ..HandoverCounts::default() });
    }

    async fn try_upgrade(
        &mut self,
        command_line: &CommandLine,
        path: &StartPath,
        asked_by: &str,
    ) -> Result<std::convert::Infallible, String> {
        let (program, own) = {
            let path = path.clone();
            blocking(move || {
                let program = path.open()?;
                let own = ProgramFile::of_this().map_err(|error| format!("this program can't be opened: {error}"))?;
                Ok::<_, String>((program, own))
            })
            .await?
        };
        let words = command_line.arguments().to_vec();
        let name = path.path().display();
        let rehearsed = self.rehearsal_file().await?;
        let (program, rehearsal) = {
            let words = words.clone();
            blocking(move || {
                let outcome = rehearse(&program, &words, rehearsed);
                (program, outcome)
            })
            .await
        };
        rehearsal.map_err(|reason| format!("{name} can't take over: {reason}"))?;
        let _ = sd_notify(&sd_reloading());
        let (_no_file_calls, go_on, line) = self.quiet().await?;
        let (suspended, report) = self.suspend(asked_by).await;
        let error = self.execute(&program, &own, &words, line, &suspended, &report);
        self.resume(suspended, go_on);
        Err(format!("{name} can't be executed: {error}"))
    }

    /// Returns what is rehearsed with: the line as it is, and no connection.
    async fn rehearsal_file(&self) -> Result<File, String> {
        let (_, EncodedLine { line, octets }) = self.line(false).await?;
        let written = blocking(move || {
            let mut writer = HandoverWriter::default();
            octets.encode_whole(&mut writer.octets);
            writer.finish(&line, &HandoverReport::default())
        });
        written.await.map_err(|error| format!("there is no memory for a handover: {error}"))
    }

    /// Returns the line of data sets. A final one is that until the sender is used or dropped.
    async fn line(&self, is_final: bool) -> Result<(oneshot::Sender<()>, EncodedLine), String> {
        let (reply, line) = oneshot::channel();
        let (sender, go_on) = oneshot::channel();
        // If the hub is gone, the program is ending.
        let _ = self.hub.send(Input::HandOver(LineRequest { is_final, reply, go_on })).await;
        let line = line.await.map_err(|_| "the cache is ending".to_owned())??;
        Ok((sender, line))
    }

    /// Executes the program. Returns only if that fails.
    fn execute(
        &self,
        program: &ProgramFile,
        own: &ProgramFile,
        words: &[OsString],
        line: EncodedLine,
        suspended: &SuspendedConnections,
        report: &HandoverReport,
    ) -> io::Error {
        let executed = self.with_handover(line, suspended, report, |file, descriptors| {
            log::finish();
            let inherited = |is_inherited| {
                descriptors.set_inherited(is_inherited)?;
                set_inherited(file.as_fd(), is_inherited)?;
                set_inherited(own, is_inherited)
            };
            let error = match inherited(true) {
                Ok(()) => program.execute(words, file, own),
                Err(error) => error,
            };
            let _ = inherited(false);
            error
        });
        executed.unwrap_or_else(|error| error)
    }

    /// Writes everything into a memory file, and calls a function with that and the descriptors that it names.
    fn with_handover<T>(
        &self,
        line: EncodedLine,
        suspended: &SuspendedConnections,
        report: &HandoverReport,
        then: impl FnOnce(&File, &Descriptors<'_>) -> T,
    ) -> io::Result<T> {
        let EncodedLine { line, mut octets } = line;
        let mut writer = HandoverWriter::default();
        let mut sockets = SocketWriter { encoder: &mut writer.sockets, descriptors: &mut writer.descriptors };
        self.listeners.write(&mut sockets);
        self.sockets.write(&mut sockets);
        let connections = &mut writer.connections;
        connections.u32(u32::try_from(suspended.connections.len()).unwrap_or(u32::MAX));
        for connection in &suspended.connections {
            connection.encode(connections, &mut octets, &mut writer.descriptors);
        }
        connections.u32(u32::try_from(suspended.waiting.len()).unwrap_or(u32::MAX));
        for waiting in &suspended.waiting {
            waiting.encode(connections, &mut writer.descriptors);
        }
        let mut shared = FieldEncoder::default();
        octets.encode(&mut shared, &mut writer.descriptors);
        writer.octets = shared;
        Ok(then(&writer.finish(&line, report)?, &writer.descriptors))
    }

    /// Hands over to the next process of the service, by the service manager's store of descriptors, and ends this one.
    /// Returns if that can't be: then all connections go on, and are to end as at any stop.
    pub(super) async fn hand_to_manager(&mut self) {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return HandoverEvent::NotStored { reason: "no service manager has started this program" }.log();
        }
        if let Err(reason) = self.try_storing().await {
            HandoverEvent::NotStored { reason: &reason }.log();
        }
    }

    #[cfg(not(target_os = "linux"))]
    async fn try_storing(&mut self) -> Result<(), String> {
        Err("this needs Linux".to_owned())
    }

    #[cfg(target_os = "linux")]
    async fn try_storing(&mut self) -> Result<(), String> {
        let (_no_file_calls, go_on, line) = self.quiet().await?;
        let (suspended, mut report) = self.suspend("SIGUSR1").await;
        report.upgrade += 1;
        let stored = self.with_handover(line, &suspended, &report, |file, descriptors| {
            let all: Vec<_> = std::iter::once(file.as_fd()).chain(descriptors.all().iter().copied()).collect();
            let queue = DescriptorQueue::of(&all)?;
            queue.store()
        });
        match stored.flatten() {
            Ok(()) => {
                HandoverEvent::Stored { connections: suspended.connections.len() }.log();
                log::finish();
                // Nothing is dropped: the connections and the names of sockets are the next process's.
                std::process::exit(0);
            }
            Err(error) => {
                self.resume(suspended, go_on);
                Err(plain(&error))
            }
        }
    }

    /// Waits until no file is read or written, and returns the line, which does not change as long as the sender is kept.
    async fn quiet(&self) -> Result<(NoFileCalls, oneshot::Sender<()>, EncodedLine), String> {
        let Some(no_file_calls) = no_file_calls(FILE_CALLS_MAX).await else {
            return Err(format!("a file system has not answered for {} s", FILE_CALLS_MAX.as_secs()));
        };
        let (go_on, line) = self.line(true).await?;
        Ok((no_file_calls, go_on, line))
    }

    /// Ends connections over TLS and SSH, and takes all others out of their tasks.
    async fn suspend(&self, asked_by: &str) -> (SuspendedConnections, HandoverReport) {
        let protected =
            || self.routers.connections().iter().filter(|row| row.peer().transport != Transport::Tcp).count();
        let ended = u64::try_from(protected()).unwrap_or(u64::MAX);
        self.publisher.end_protected(&self.limiter, PROTECTED_END_MAX, || protected() == 0).await;
        self.upgrades.ended(ended);
        self.metrics.handovers.add(HandoverCounts { ended, ..HandoverCounts::default() });
        let began = self.routers.clock().now().0;
        let suspended = self.publisher.suspend(&self.limiter, SUSPENSION_MAX).await;
        let report = HandoverReport {
            asked_by: asked_by.to_owned(),
            start_path: self.start_path.as_ref().map_or(&[][..], StartPath::octets).to_vec(),
            counts: self.upgrades.counts(),
            upgrade: self.upgrades.number(),
            left_over: suspended.left_over,
            began,
        };
        (suspended, report)
    }

    /// Lets all go on.
    fn resume(&self, suspended: SuspendedConnections, go_on: oneshot::Sender<()>) {
        self.publisher.resume();
        suspended.connections.into_iter().for_each(|connection| self.service.resume(connection));
        drop(go_on);
    }
}
