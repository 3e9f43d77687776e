CREATE TABLE tag (
  -- Words that people put on snapshots.
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE snapshot_tag (
  -- Which snapshot carries which tag; created_us is the snapshot's, to list by tag in time order.
  tag_id       INTEGER NOT NULL REFERENCES tag (id) ON DELETE RESTRICT,
  created_us   INTEGER NOT NULL,
  snapshot_id  INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE RESTRICT,
  PRIMARY KEY (tag_id, created_us, snapshot_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX snapshot_tag_by_snapshot ON snapshot_tag (snapshot_id);
