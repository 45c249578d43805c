//! The removal of segments that no commit names, one call at a time: it may read long logs, and it never hurries.

use catgraft_core::SegmentId;

use super::{Error, Volumes};
use crate::{
    catalog::Stray,
    orphans::{self, Grace, Searched, StrayObject},
};

impl Volumes {
    /// One step of the search.
    pub(crate) async fn orphans_search(&self, grace: Grace) -> Result<Searched, Error> {
        let catalog = self.catalog()?;
        let _room = self.orphan_calls.take(1).await?;
        Ok(orphans::search(catalog, grace, self.clock.now()).await?)
    }

    /// Gives rows to objects that have none.
    pub(crate) async fn orphans_adopt(&self, objects: Vec<StrayObject>, grace: Grace) -> Result<u64, Error> {
        let _room = self.orphan_calls.take(1).await?;
        Ok(orphans::adopt(self.catalog()?, objects, grace, self.clock.now()).await?)
    }

    /// Orphans that may be removed now.
    pub(crate) async fn orphans_due(&self, grace: Grace) -> Result<Vec<Stray>, Error> {
        let catalog = self.catalog()?;
        let _room = self.orphan_calls.take(1).await?;
        Ok(orphans::due(catalog, grace, self.clock.now()).await?)
    }

    /// Removes the rows of orphans whose objects are gone.
    pub(crate) async fn orphans_remove(&self, sids: Vec<SegmentId>, grace: Grace) -> Result<u64, Error> {
        Ok(orphans::remove(self.catalog()?, sids, grace, self.clock.now()).await?)
    }
}
