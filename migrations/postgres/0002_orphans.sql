-- Why: a segment that no commit names is garbage, and garbage has to be found and removed without a lock in the way of
-- commits. So a segment is doomed first, which commits see, and removed much later. See metastore/src/orphans.

-- Since when a segment is to be removed. A commit that names a doomed segment is refused as if it were not there.
ALTER TABLE segment ADD COLUMN doomed_at bigint;

-- What is doomed, oldest first. Rows that are not doomed are not in it, so that registering costs nothing more.
CREATE INDEX segment_doomed ON segment (doomed_at, sid) WHERE doomed_at IS NOT NULL;

-- The volumes of a segment, to ask their logs for it and to remove it.
CREATE INDEX segment_volume_sid ON segment_volume (sid, vid);

-- How far the search for orphans has come: segments up to this one were looked at, and those that were kept are
-- named by a commit, which no later commit changes.
CREATE TABLE orphan_search (
    only_row   boolean PRIMARY KEY CHECK (only_row),
    checked_to bytea   NOT NULL CHECK (octet_length(checked_to) = 16)
);
