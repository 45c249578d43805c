-- Why: the catalog is the truth about every volume: which commits it has and which segments hold their pages.
-- Everything else (objects, caches, the maps in memory) can be rebuilt or checked against these four tables.

-- The head of every volume. A commit is decided by swapping head_lsn in this row, so all that the swap
-- touches is here, and none of it is indexed: with room left on the page an update stays on its page.
CREATE TABLE volume (
    vid            bytea  PRIMARY KEY CHECK (octet_length(vid) = 16),
    head_lsn       bigint NOT NULL CHECK (head_lsn >= checkpoint_lsn),
    head_cid       bytea  NOT NULL CHECK (octet_length(head_cid) = 16),
    page_count     bigint NOT NULL CHECK (page_count BETWEEN 0 AND 4294967295),
    checkpoint_lsn bigint NOT NULL CHECK (checkpoint_lsn >= 1),
    committed_at   bigint NOT NULL
) WITH (fillfactor = 70);

-- The log of every volume. The segments of a commit are one encoded list, so that reading a log is one
-- index range scan. Rows are only ever written by the statement that swaps the head.
CREATE TABLE volume_commit (
    vid          bytea  NOT NULL,
    lsn          bigint NOT NULL CHECK (lsn >= 1),
    cid          bytea  NOT NULL CHECK (octet_length(cid) = 16),
    page_count   bigint NOT NULL CHECK (page_count BETWEEN 0 AND 4294967295),
    committed_at bigint NOT NULL,
    segments     bytea  NOT NULL,
    PRIMARY KEY (vid, lsn)
);

-- Every segment that a pagestore has begun to upload: where its index lies and what authenticates it.
CREATE TABLE segment (
    sid           bytea  PRIMARY KEY CHECK (octet_length(sid) = 16),
    byte_len      bigint NOT NULL CHECK (byte_len >= 0),
    index_offset  bigint NOT NULL CHECK (index_offset BETWEEN 0 AND byte_len),
    index_len     bigint NOT NULL CHECK (index_len >= 0),
    index_hash    bytea  NOT NULL CHECK (octet_length(index_hash) = 32),
    registered_at bigint NOT NULL
);

-- What a segment holds of each volume. Begins with the volume: a commit asks for segments of one
-- volume, and the bytes that a volume takes are one range of this key.
CREATE TABLE segment_volume (
    vid        bytea  NOT NULL CHECK (octet_length(vid) = 16),
    sid        bytea  NOT NULL,
    page_count bigint NOT NULL CHECK (page_count >= 1),
    graft      bytea  NOT NULL,
    PRIMARY KEY (vid, sid)
);
