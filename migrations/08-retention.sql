CREATE TABLE retention (
  -- What is kept of the snapshots of a place: the newest so many, one a day, and so on. What holds
  -- for a place holds below it, where nothing else is said. What is not kept is forgotten when the
  -- next snapshot of its place is stored. The tag 'pinned' keeps a snapshot whatever is said here.
  place_id  INTEGER PRIMARY KEY REFERENCES place (id) ON DELETE RESTRICT,
  keep      TEXT NOT NULL CHECK (json_valid(keep)) -- {} keeps all
) STRICT;

-- Forgotten snapshots stay until they are purged. Lists of a place don't come across them.
CREATE INDEX snapshot_forgotten ON snapshot (forgotten_us) WHERE forgotten_us IS NOT NULL;
DROP INDEX snapshot_by_place;
CREATE INDEX snapshot_by_place ON snapshot (place_id, created_us) WHERE forgotten_us IS NULL;
