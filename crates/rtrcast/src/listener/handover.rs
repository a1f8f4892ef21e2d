//! Listeners that are handed over: their sockets with all that the kernel holds of them.

use super::{BoundListener, Listeners};
use crate::cli::ListenOptions;
use crate::config::plan::ConfiguredListener;
use crate::exit::Failure;
use crate::handover::{HandedListener, HandedListeners, SocketWriter};
use crate::observe::metrics::Metrics;
use crate::observe::routers::Routers;
use rtrcast_net::{Activated, Listener, V6Only};
use std::io;
use std::sync::Arc;

impl Listeners {
    /// Returns a set that goes on with the sockets of another program, as far as the configuration still has them. `newly_passed`
    /// is what systemd has passed to this process, if it is another one.
    pub(crate) fn handed_over(
        handed: HandedListeners,
        newly_passed: Activated,
        metrics: Arc<Metrics>,
        routers: Arc<Routers>,
    ) -> Result<Listeners, Failure> {
        let HandedListeners { passed, passed_keys, listeners } = handed;
        let failure = |error: io::Error| Failure::Internal(format!("a listener that is handed over: {error}"));
        let passed = Activated::handed_over(passed)
            .map_err(|error| Failure::Internal(format!("systemd's sockets that are handed over: {error}")))?;
        // They are the same sockets, unless the unit has been changed: then the kernel has no keys for the new ones.
        let is_same = newly_passed.is_empty() || newly_passed.is_same(&passed);
        let (passed, passed_keys) = if is_same { (passed, passed_keys) } else { (newly_passed, Vec::new()) };
        let handed =
            listeners.into_iter().map(BoundListener::handed_over).collect::<Result<_, _>>().map_err(failure)?;
        Ok(Listeners {
            passed_keys: passed_keys.into_iter().collect(),
            handed,
            ..Listeners::new(passed, metrics, routers)
        })
    }

    /// Closes the sockets that were handed over and that the configuration does not have.
    pub(crate) fn close_unused(&mut self) {
        self.handed.clear();
    }

    /// Writes all sockets for another program.
    pub(crate) fn write<'a>(&'a self, writer: &mut SocketWriter<'_, 'a>) {
        let passed: Vec<_> = self.passed.iter().collect();
        writer.encoder.u32(u32::try_from(passed.len()).expect("there are few"));
        for (name, socket) in passed {
            writer.encoder.text(name);
            writer.descriptor(socket);
        }
        let keys: Vec<_> = self.passed_keys.iter().collect();
        writer.encoder.list(&keys, |encoder, (name, keys)| {
            encoder.text(name);
            keys.encode(encoder);
        });
        writer.encoder.u32(u32::try_from(self.open.len()).expect("there are few"));
        for open in &self.open {
            open.write(writer);
        }
    }
}

impl BoundListener {
    fn handed_over(handed: HandedListener) -> io::Result<BoundListener> {
        let HandedListener { addr, unix_mode, v6_only, keys, sockets, name } = handed;
        let listeners = sockets.into_iter().map(|socket| Ok(Arc::new(Listener::passed(socket)?)));
        let options = ListenOptions { unix_mode, ..ListenOptions::default() };
        Ok(BoundListener {
            configured: ConfiguredListener { addr, options },
            listeners: listeners.collect::<io::Result<_>>()?,
            name: name.map(Arc::new),
            v6_only,
            files: None,
            keys,
        })
    }

    fn write<'a>(&'a self, writer: &mut SocketWriter<'_, 'a>) {
        let BoundListener { configured, listeners, name, v6_only, files: _, keys } = self;
        writer.encoder.text(&configured.addr.to_string());
        writer.encoder.option(configured.options.unix_mode, rtrcast_proto::FieldEncoder::u32);
        writer.encoder.u8(u8::from(*v6_only == V6Only::Yes));
        keys.encode(writer.encoder);
        writer.encoder.u32(u32::try_from(listeners.len()).expect("there are few"));
        for listener in listeners {
            writer.descriptor(&**listener);
        }
        writer.encoder.u8(u8::from(name.is_some()));
        if let Some(name) = name {
            writer.name(name);
        }
    }
}
