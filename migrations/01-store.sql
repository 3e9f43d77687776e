CREATE TABLE store (
  -- What holds for the whole file: one row.
  --
  -- This is a Tintype store: every version of the pages that a scraper saw and of the data that
  -- it made from them. Begin with the views: v_snapshot, v_artifact, v_tag, v_event, v_storage.
  -- Times are microseconds since 1970 in UTC (columns …_us), and text in the views (…_at).
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  uuid        BLOB    NOT NULL CHECK (length(uuid) = 16), -- made at random, tells stores apart
  created_us  INTEGER NOT NULL,
  head_seq    INTEGER NOT NULL,                           -- the last event …
  head_chain  BLOB    NOT NULL CHECK (length(head_chain) = 16) -- … and its chain
) STRICT;
