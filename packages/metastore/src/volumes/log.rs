//! Reading a range of a volume's log page by page, so that memory does not grow with the range.

use catgraft_core::{Lsn, VolumeId};
use catgraft_proto::PullCall;

use super::Error;
use crate::catalog::{Catalog, CommitRow, CommitsWanted, Snapshot};

/// A range of a log whose ends are known. The log below a head never changes, so the pages belong together although
/// they are read one after the other.
pub(super) struct Log<'a> {
    catalog: &'a dyn Catalog,
    vid: VolumeId,
    /// The head when the range was resolved.
    pub(super) head: Snapshot,
    /// First LSN of the range.
    pub(super) start: Lsn,
    /// Last LSN of the range.
    pub(super) end: Lsn,
    bytes_max: u64,
    /// The LSN that the next page begins with.
    pub(super) next: Lsn,
    first_page: Option<Vec<CommitRow>>,
}

impl<'a> Log<'a> {
    /// Resolves the range and reads its first page, of so many commits at most. Answers the head also where the range
    /// lies after it.
    pub(super) async fn open(
        catalog: &'a dyn Catalog,
        call: PullCall,
        commits_max: u32,
        bytes_max: u64,
    ) -> Result<(Snapshot, Result<Self, Error>), Error> {
        let PullCall { vid, range } = call;
        let (start, end) = (range.map(|range| range.start()), range.and_then(|range| range.end()));
        let wanted = CommitsWanted { commits_max, bytes_max, ..CommitsWanted::range(start, end) };
        let page = catalog.commits_read(vid, wanted).await?.ok_or(Error::NoVolume { vid })?;
        let head = page.head;
        let start = start.unwrap_or(head.checkpoint);
        if start > head.lsn {
            return Ok((head, Err(Error::NothingNewer { vid, start })));
        }
        let end = end.map_or(head.lsn, |end| end.min(head.lsn));
        Ok((head, Ok(Self { catalog, vid, head, start, end, bytes_max, next: start, first_page: Some(page.commits) })))
    }

    /// The next page, never empty; none after the last.
    pub(super) async fn next_page(&mut self) -> Result<Option<Vec<CommitRow>>, Error> {
        let page = match self.first_page.take() {
            Some(page) => page,
            None if self.next > self.end => return Ok(None),
            None => self.read_page().await?,
        };
        if page.is_empty() {
            return Err(Error::LogBroken { vid: self.vid, lsn: self.next });
        }
        for commit in &page {
            if commit.lsn != self.next {
                return Err(Error::LogBroken { vid: self.vid, lsn: self.next });
            }
            self.next = self.next.next().expect("an LSN of the catalog is a signed number, so there is a next one");
        }
        Ok(Some(page))
    }

    async fn read_page(&self) -> Result<Vec<CommitRow>, Error> {
        let range = CommitsWanted::range(Some(self.next), Some(self.end));
        let wanted = CommitsWanted { bytes_max: self.bytes_max, ..range };
        let page = self.catalog.commits_read(self.vid, wanted).await?;
        Ok(page.ok_or(Error::NoVolume { vid: self.vid })?.commits)
    }
}
