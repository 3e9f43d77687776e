CREATE TABLE piece (
  -- Large content is cut into pieces, each a content of its own. The content itself is a blob with
  -- codec 5 and no data; one after another, its pieces are it.
  blob_id   INTEGER NOT NULL REFERENCES blob (id) ON DELETE RESTRICT, -- the large content
  number    INTEGER NOT NULL CHECK (number >= 0),                      -- counts its pieces from 0
  piece_id  INTEGER NOT NULL REFERENCES blob (id) ON DELETE RESTRICT,
  PRIMARY KEY (blob_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX piece_by_piece ON piece (piece_id);

CREATE TABLE loose (
  -- Content that no snapshot holds: what others are deltas on, and what is on its way in.
  blob_id   INTEGER PRIMARY KEY REFERENCES blob (id) ON DELETE RESTRICT,
  until_us  INTEGER,          -- on its way in: to be left alone until then
  settled   INTEGER NOT NULL CHECK (settled IN (0, 1)) -- 1: making its deltas anew would win nothing
) STRICT;

CREATE TABLE repacked (
  -- Contents up to this one were made as small as can be: one row, or none.
  blob_id  INTEGER PRIMARY KEY
) STRICT;
