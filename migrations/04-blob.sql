CREATE TABLE blob (
  -- Content, each kept once, named by its hash. `data` is what codec says:
  --   0  the content itself
  --   1  a Zstandard frame of it:                   zstd -d
  --   2  the same, with the content of base_id as prefix: zstd -d --patch-from=BASE
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
  hash         BLOB    NOT NULL CHECK (length(hash) = 32), -- BLAKE3 of the content
  codec        INTEGER NOT NULL CHECK (codec >= 0),
  bytes        INTEGER NOT NULL CHECK (bytes >= 0),        -- the length of the content
  base_id      INTEGER REFERENCES blob (id) ON DELETE RESTRICT,
  depth        INTEGER NOT NULL CHECK (depth >= 0),        -- deltas applied to read it
  position     INTEGER NOT NULL CHECK (position >= 0),     -- its place in a chain; decides later bases
  data         BLOB    NOT NULL,
  CHECK ((base_id IS NULL) = (depth = 0))
) STRICT;

CREATE INDEX blob_by_hash ON blob (substr(hash, 1, 6)); -- six bytes find it, the row decides
CREATE INDEX blob_by_base ON blob (base_id) WHERE base_id IS NOT NULL;
