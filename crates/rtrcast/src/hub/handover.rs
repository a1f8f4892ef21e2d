//! The hub's part of a handover: the line of data sets, with all that is decided from.

use super::Hub;
use super::message::{EncodedLine, LineRequest};
use crate::handover::LineWriter;
use crate::state::StateKeeping;
use rtrcast_feed::curator::SourceId;
use rtrcast_feed::state::{SnapshotHeader, SourceRevision, StoredSource};
use rtrcast_net::SharedOctets;
use rtrcast_proto::{Epoch, FieldEncoder, Lineage};

impl Hub {
    pub(super) async fn hand_over(&mut self, request: LineRequest) {
        let LineRequest { is_final, reply, go_on } = request;
        if is_final {
            self.finish_state().await;
        }
        let is_writing = self.state.as_ref().is_some_and(StateKeeping::is_writing);
        let line = match is_final && is_writing {
            true => Err("the disk of --state does not answer".to_owned()),
            false => Ok(self.encode_line().await),
        };
        if reply.send(line).is_ok() && is_final {
            // An error is that the request was given up.
            let _ = go_on.await;
        }
    }

    async fn encode_line(&mut self) -> EncodedLine {
        let now = self.current_time();
        let made_by = self.write_context(now).made_by();
        let kept = self.state.as_ref().map(StateKeeping::files);
        let epoch = self.state.as_ref().map_or(Epoch([0; 16]), StateKeeping::epoch);
        let (changes, changed) = (self.changes.encoded(), self.changed);
        let (addresses, revisions) = (self.addresses.clone(), self.revisions.clone());
        self.with_decider(move |decider| {
            let (curator, history, recorder) = (&decider.curator, decider.publisher.history(), &decider.recorder);
            let position = recorder.set().map_or(0, |set| set.position);
            let tables = kept.map_or(0, |kept| kept.tables);
            let served = curator.recipe().zip(recorder.set()).zip(history.current()).filter(|_| !history.is_withheld());
            let served = served.map(|((recipe, set), image)| {
                let lineage = Lineage { epoch, sessions: history.sessions() };
                let (machine, written, log) = (None, curator.accepted_time(now), 0);
                let header = SnapshotHeader { lineage, machine, set, written, made_by, log, tables };
                (header, recipe.table(image))
            });
            let source = |source: SourceId, feed| {
                let address = addresses.get(&source)?;
                let revision: SourceRevision = revisions.get(&source).cloned().unwrap_or_default();
                let (name, program) = (address.name.clone(), env!("CARGO_PKG_VERSION").to_owned());
                Some((address.hash, StoredSource { name, program, position, revision, feed }))
            };
            let sources = curator.stored(now).into_iter().filter_map(|(id, feed)| source(id, feed)).collect();
            let mut encoder = FieldEncoder::default();
            recorder.encode(&mut encoder);
            let recorder = &encoder.0[..];
            let writer = LineWriter { history, recorder, epoch, changed, served, sources, kept, changes };
            let mut octets = SharedOctets::default();
            let line = writer.write(&mut octets);
            EncodedLine { line, octets }
        })
        .await
    }
}
