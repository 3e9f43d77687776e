CREATE TABLE place (
  -- Where snapshots belong: a tree of sites, their modules, components and functions.
  -- The session is the fifth part of a context and stands in a table of its own.
  id         INTEGER PRIMARY KEY,
  parent_id  INTEGER REFERENCES place (id) ON DELETE RESTRICT, -- null for the root alone
  level      INTEGER NOT NULL CHECK (level BETWEEN 0 AND 4), -- 0 root, 1 site, 2 module, 3 component, 4 function
  name       TEXT    NOT NULL,       -- '-' where that part was left out
  CHECK ((parent_id IS NULL) = (level = 0)),
  UNIQUE (parent_id, name)
) STRICT;

INSERT INTO place (id, parent_id, level, name) VALUES (1, NULL, 0, '');

CREATE TABLE session (
  -- The runs that snapshots were taken in.
  id    INTEGER PRIMARY KEY,
  name  TEXT NOT NULL UNIQUE
) STRICT;
