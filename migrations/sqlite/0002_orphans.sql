-- Why: see migrations/postgres/0002_orphans.sql.

ALTER TABLE segment ADD COLUMN doomed_at INTEGER;

CREATE INDEX segment_doomed ON segment (doomed_at, sid) WHERE doomed_at IS NOT NULL;

CREATE INDEX segment_volume_sid ON segment_volume (sid, vid);

CREATE TABLE orphan_search (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    checked_to BLOB    NOT NULL CHECK (length(checked_to) = 16)
) STRICT;
