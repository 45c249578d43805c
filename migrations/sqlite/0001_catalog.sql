-- Why: the embedded catalog, with the tables, names and meanings of the Postgres one, so that both are read
-- by the same words. See migrations/postgres/0001_catalog.sql for what each table is for.

CREATE TABLE volume (
    vid            BLOB    PRIMARY KEY CHECK (length(vid) = 16),
    head_lsn       INTEGER NOT NULL CHECK (head_lsn >= checkpoint_lsn),
    head_cid       BLOB    NOT NULL CHECK (length(head_cid) = 16),
    page_count     INTEGER NOT NULL CHECK (page_count BETWEEN 0 AND 4294967295),
    checkpoint_lsn INTEGER NOT NULL CHECK (checkpoint_lsn >= 1),
    committed_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE volume_commit (
    vid          BLOB    NOT NULL,
    lsn          INTEGER NOT NULL CHECK (lsn >= 1),
    cid          BLOB    NOT NULL CHECK (length(cid) = 16),
    page_count   INTEGER NOT NULL CHECK (page_count BETWEEN 0 AND 4294967295),
    committed_at INTEGER NOT NULL,
    segments     BLOB    NOT NULL,
    PRIMARY KEY (vid, lsn)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
    sid           BLOB    PRIMARY KEY CHECK (length(sid) = 16),
    byte_len      INTEGER NOT NULL CHECK (byte_len >= 0),
    index_offset  INTEGER NOT NULL CHECK (index_offset BETWEEN 0 AND byte_len),
    index_len     INTEGER NOT NULL CHECK (index_len >= 0),
    index_hash    BLOB    NOT NULL CHECK (length(index_hash) = 32),
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE segment_volume (
    vid        BLOB    NOT NULL CHECK (length(vid) = 16),
    sid        BLOB    NOT NULL,
    page_count INTEGER NOT NULL CHECK (page_count >= 1),
    graft      BLOB    NOT NULL,
    PRIMARY KEY (vid, sid)
) STRICT, WITHOUT ROWID;
