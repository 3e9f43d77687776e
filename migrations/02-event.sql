CREATE TABLE event (
  -- The log: one row for each change, never changed, never deleted.
  seq          INTEGER PRIMARY KEY,  -- counts from 1 without gaps; 1 is the making of the store
  at_us        INTEGER NOT NULL,     -- when it was written down
  kind         INTEGER NOT NULL,     -- 0 init, 1 create, 2 tag, 3 untag
  snapshot_id  INTEGER,              -- the snapshot that it changed; null for create: there it is seq
  detail       TEXT CHECK (detail IS NULL OR json_valid(detail)), -- what changed, as JSON
  digest       BLOB    NOT NULL CHECK (length(digest) = 16), -- BLAKE3 of what changed, first 16 bytes
  chain        BLOB    NOT NULL CHECK (length(chain) = 16)   -- BLAKE3 of the chain before and this row
) STRICT;
