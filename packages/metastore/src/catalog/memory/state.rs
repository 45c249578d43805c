//! What the catalog in memory holds, and what each call does with it. Nothing here waits.

use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use catgraft_core::{Lsn, PAGE_SIZE, PageSet, SegmentId, Timestamp, VolumeId};
use catgraft_proto::CommitCall;

use crate::{
    catalog::{
        CommitOutcome, CommitRow, CommitsPage, CommitsWanted, Error, Holding, SegmentChange, SegmentList, SegmentRow,
        SegmentState, Snapshot, VolumeStats, types::refuse_difference,
    },
    commit::{CommitState, Decision, Rival, decide, lsn_after},
};

/// Rows, as they would be in a database.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The commits of each volume; the first has LSN 1.
    volumes: BTreeMap<VolumeId, Vec<CommitRow>>,
    segments: BTreeMap<SegmentId, SegmentState>,
    orphan_mark: Option<SegmentId>,
}

impl State {
    pub(super) fn snapshot_latest(&self, vid: VolumeId) -> Option<Snapshot> {
        self.volumes.get(&vid)?.last().map(|commit| commit.snapshot(vid, Lsn::FIRST))
    }

    pub(super) fn snapshot_at(&self, vid: VolumeId, lsn: Lsn) -> Option<Snapshot> {
        Some(self.commit_at(vid, lsn)?.snapshot(vid, Lsn::FIRST))
    }

    fn commit_at(&self, vid: VolumeId, lsn: Lsn) -> Option<&CommitRow> {
        self.volumes.get(&vid)?.get(usize::try_from(lsn.get() - 1).ok()?)
    }

    /// The commits of a range, at least one of them where there is one, and no more than reach a number of bytes.
    fn commits_of(&self, vid: VolumeId, first: Lsn, last: Lsn, bytes_max: u64) -> impl Iterator<Item = &CommitRow> {
        let commits = self.volumes.get(&vid).map_or(&[][..], Vec::as_slice);
        let mut bytes = 0;
        commits.iter().filter(move |commit| (first..=last).contains(&commit.lsn)).take_while(move |commit| {
            let has_room = bytes < bytes_max.max(1);
            bytes += commit.segments.byte_len() as u64;
            has_room
        })
    }

    pub(super) fn commits_read(&self, vid: VolumeId, wanted: CommitsWanted) -> Option<CommitsPage> {
        let head = self.snapshot_latest(vid)?;
        let (first, last) = (wanted.start.unwrap_or(head.checkpoint), wanted.end.unwrap_or(head.lsn));
        let commits = self.commits_of(vid, first, last, wanted.bytes_max).take(wanted.commits_max as usize);
        Some(CommitsPage { head, commits: commits.cloned().collect() })
    }

    pub(super) fn commit_append(&mut self, call: &CommitCall, now: Timestamp) -> Result<CommitOutcome, Error> {
        let damaged = |source| Error::DamagedVolume { doing: "committing", vid: call.vid, source };
        let rival = lsn_after(call.base).and_then(|lsn| self.commit_at(call.vid, lsn));
        let rival = rival.map(|commit| {
            let pages = commit.segments.pages().map_err(damaged)?;
            Ok(Rival { snapshot: commit.snapshot(call.vid, Lsn::FIRST), pages })
        });
        let state = CommitState {
            head: self.snapshot_latest(call.vid).map(|head| head.lsn),
            rival: rival.transpose()?,
            segments: self.holdings_where(call.vid, call, |state| state.doomed_at.is_none()),
        };
        let lsn = match decide(call, &state) {
            Decision::AlreadyCommitted(snapshot) => return Ok(CommitOutcome::AlreadyCommitted(snapshot)),
            Decision::Rejected => return Ok(CommitOutcome::Rejected { head: state.head }),
            Decision::Invalid(invalid) => return Ok(CommitOutcome::Invalid(invalid)),
            Decision::Accept(lsn) => lsn,
        };
        let CommitCall { vid, cid, page_count, .. } = *call;
        let commit = CommitRow { lsn, cid, page_count, timestamp: now, segments: SegmentList::encode(&call.segments) };
        let snapshot = commit.snapshot(vid, Lsn::FIRST);
        self.volumes.entry(vid).or_default().push(commit);
        Ok(CommitOutcome::Committed(snapshot))
    }

    fn holdings_where<M: FromIterator<(SegmentId, Holding)>>(
        &self,
        vid: VolumeId,
        call: &CommitCall,
        is_wanted: impl Fn(&SegmentState) -> bool,
    ) -> M {
        let sids = call.segments.iter().map(|segment| segment.sid);
        let known = sids.filter_map(|sid| self.segments.get(&sid).filter(|state| is_wanted(state)));
        known.map(|state| (state.row.sid, holding(state, vid))).collect()
    }

    pub(super) fn segments_register(&mut self, rows: Vec<SegmentRow>, now: Timestamp) -> Result<(), Error> {
        for row in &rows {
            if let Some(stored) = self.segments.get(&row.sid) {
                refuse_difference(std::slice::from_ref(row), std::slice::from_ref(stored))?;
            }
        }
        for row in rows {
            let sid = row.sid;
            self.segments.entry(sid).or_insert(SegmentState { row, registered_at: now, doomed_at: None });
        }
        Ok(())
    }

    pub(super) fn segments_read(&self, sids: &[SegmentId]) -> Vec<SegmentRow> {
        sids.iter().filter_map(|sid| self.segments.get(sid)).map(|state| told(state).row).collect()
    }

    pub(super) fn segments_list(&self, after: Option<SegmentId>, limit: u32) -> Vec<SegmentState> {
        let start = after.map_or(Unbounded, Excluded);
        self.segments.range((start, Unbounded)).take(limit as usize).map(|(_, state)| told(state)).collect()
    }

    /// No commit is ever on its way beside this call.
    pub(super) fn segments_doomed(&self, until: Timestamp, limit: u32) -> Vec<SegmentState> {
        let is_due = |state: &&SegmentState| state.doomed_at.is_some_and(|at| at <= until);
        let mut doomed: Vec<_> = self.segments.values().filter(is_due).map(told).collect();
        doomed.sort_by_key(|state| (state.doomed_at, state.row.sid));
        doomed.truncate(limit as usize);
        doomed
    }

    pub(super) fn segments_change(&mut self, change: &SegmentChange) -> u64 {
        match change {
            SegmentChange::Doom { sids, at } => self.change_each(sids, |state| {
                let is_changed = state.doomed_at.is_none();
                state.doomed_at.get_or_insert(*at);
                is_changed
            }),
            SegmentChange::Pardon { sids } => self.change_each(sids, |state| state.doomed_at.take().is_some()),
            SegmentChange::Adopt { strays, at } => {
                let before = self.segments.len();
                for stray in strays {
                    // Nothing is known of the content, and nothing of it will ever be asked for.
                    let row = SegmentRow {
                        sid: stray.sid,
                        byte_len: stray.byte_len,
                        index_offset: 0,
                        index_len: 0,
                        index_hash: [0; 32],
                        volumes: Vec::new(),
                    };
                    let state = SegmentState { row, registered_at: *at, doomed_at: Some(*at) };
                    self.segments.entry(stray.sid).or_insert(state);
                }
                (self.segments.len() - before) as u64
            }
            SegmentChange::Remove { sids, until } => {
                let before = self.segments.len();
                for sid in sids {
                    if self.segments.get(sid).is_some_and(|state| state.doomed_at.is_some_and(|at| at <= *until)) {
                        self.segments.remove(sid);
                    }
                }
                (before - self.segments.len()) as u64
            }
            SegmentChange::Mark { sid } => {
                let is_further = self.orphan_mark.is_none_or(|mark| mark < *sid);
                if is_further {
                    self.orphan_mark = Some(*sid);
                }
                u64::from(is_further)
            }
        }
    }

    fn change_each(&mut self, sids: &[SegmentId], change: impl Fn(&mut SegmentState) -> bool) -> u64 {
        sids.iter().filter(|sid| self.segments.get_mut(sid).is_some_and(&change)).count() as u64
    }

    pub(super) fn holdings_list(
        &self,
        sids: &[SegmentId],
        after: Option<(VolumeId, SegmentId)>,
        limit: u32,
    ) -> Vec<(VolumeId, SegmentId)> {
        let known = sids.iter().filter_map(|sid| self.segments.get(sid));
        let pairs = known.flat_map(|state| state.row.volumes.iter().map(|(vid, _)| (*vid, state.row.sid)));
        let mut pairs: Vec<_> = pairs.filter(|pair| after.is_none_or(|after| *pair > after)).collect();
        pairs.sort_unstable();
        pairs.truncate(limit as usize);
        pairs
    }

    pub(super) fn holdings_read(&self, vid: VolumeId, sids: &[SegmentId]) -> Vec<(SegmentId, Holding)> {
        let known = sids.iter().filter_map(|sid| self.segments.get(sid));
        known.map(|state| (state.row.sid, holding(state, vid))).collect()
    }

    pub(super) fn orphan_mark(&self) -> Option<SegmentId> {
        self.orphan_mark
    }

    pub(super) fn volumes_list(&self, after: Option<VolumeId>, limit: u32) -> Vec<Snapshot> {
        let start = after.map_or(Unbounded, Excluded);
        let vids = self.volumes.range((start, Unbounded)).map(|(vid, _)| *vid);
        vids.filter_map(|vid| self.snapshot_latest(vid)).take(limit as usize).collect()
    }

    pub(super) fn volume_stats(&self, vid: VolumeId) -> Option<VolumeStats> {
        let head = self.snapshot_latest(vid)?;
        let first = self.commit_at(vid, head.checkpoint)?;
        let held: Vec<u64> =
            self.segments.values().filter_map(|state| held(state, vid)).map(|pages| pages.len()).collect();
        let pages_stored: u64 = held.iter().sum();
        Some(VolumeStats {
            head,
            commits: head.lsn.get(),
            segments: held.len() as u64,
            pages_stored,
            bytes_stored: pages_stored * PAGE_SIZE as u64,
            first_commit: first.timestamp,
            last_commit: head.timestamp,
        })
    }
}

/// A row as it is told: without its volumes.
fn told(state: &SegmentState) -> SegmentState {
    SegmentState { row: SegmentRow { volumes: Vec::new(), ..state.row.clone() }, ..*state }
}

fn held(state: &SegmentState, vid: VolumeId) -> Option<&PageSet> {
    state.row.volumes.iter().find(|(of, _)| *of == vid).map(|(_, pages)| pages)
}

fn holding(state: &SegmentState, vid: VolumeId) -> Holding {
    held(state, vid).map_or(Holding::OtherVolumes, |pages| Holding::Pages(pages.clone()))
}
