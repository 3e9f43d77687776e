CREATE TABLE name (
  -- Words that many rows share: names of artifacts, media types.
  id    INTEGER PRIMARY KEY,
  text  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE snapshot (
  -- An immutable, named set of artifacts, taken at a time, in a context.
  id            INTEGER PRIMARY KEY,  -- the seq of the event that created it
  version       TEXT    NOT NULL,     -- unique
  chosen        INTEGER NOT NULL CHECK (chosen IN (0, 1)), -- 0 where the version tells created_us and is found by that
  created_us    INTEGER NOT NULL,     -- when it was taken
  place_id      INTEGER NOT NULL REFERENCES place (id) ON DELETE RESTRICT,
  session_id    INTEGER REFERENCES session (id) ON DELETE RESTRICT,
  status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3), -- 0 complete, 1 partial, 2 minimal, 3 failed
  forgotten_us  INTEGER,              -- not null: forgotten then, and gone at the next purge
  based_on      TEXT,                 -- the version that it was said to come from
  description   TEXT,
  user_info     TEXT CHECK (user_info IS NULL OR json_valid(user_info)) -- a JSON object
) STRICT;

CREATE UNIQUE INDEX snapshot_by_version ON snapshot (version) WHERE chosen = 1;
CREATE INDEX snapshot_by_time ON snapshot (created_us);
CREATE INDEX snapshot_by_place ON snapshot (place_id, created_us);
CREATE INDEX snapshot_by_session ON snapshot (session_id) WHERE session_id IS NOT NULL;

CREATE TABLE artifact (
  -- The parts of a snapshot: what was asked for, what became of it, and the content.
  snapshot_id  INTEGER NOT NULL REFERENCES snapshot (id) ON DELETE RESTRICT,
  name_id      INTEGER NOT NULL REFERENCES name (id) ON DELETE RESTRICT,
  media_id     INTEGER NOT NULL REFERENCES name (id) ON DELETE RESTRICT,
  blob_id      INTEGER REFERENCES blob (id) ON DELETE RESTRICT, -- null where there is no content
  status       INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4), -- 0 stored, 1 empty, 2 failed, 3 skipped, 4 redacted
  entries      INTEGER,              -- members of a JSON object or array given as a value
  took_us      INTEGER,              -- how long taking it took
  reason       TEXT,                 -- why it is not stored
  PRIMARY KEY (snapshot_id, name_id),
  CHECK ((status = 0) = (blob_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_by_blob ON artifact (blob_id) WHERE blob_id IS NOT NULL;

CREATE TABLE lane (
  -- The newest content of each artifact name in each place: where the next delta starts.
  -- A hint; blob_id may be gone, and then the next content is kept whole.
  place_id  INTEGER NOT NULL,
  name_id   INTEGER NOT NULL,
  blob_id   INTEGER NOT NULL,
  PRIMARY KEY (place_id, name_id)
) STRICT, WITHOUT ROWID;
