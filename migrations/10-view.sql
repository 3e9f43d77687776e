-- Some views as they are since there is more to see.
DROP VIEW v_artifact;
DROP VIEW v_event;
DROP VIEW v_storage;

CREATE VIEW v_artifact AS
-- Each artifact of each snapshot, with what keeping its content costs.
SELECT
  snapshot.version,
  name.text  AS name,
  media.text AS media_type,
  CASE artifact.status WHEN 0 THEN 'stored' WHEN 1 THEN 'empty' WHEN 2 THEN 'failed'
                       WHEN 3 THEN 'skipped' ELSE 'redacted' END AS status,
  artifact.reason,
  artifact.took_us / 1000 AS took_ms,
  lower(hex(blob.hash))   AS hash,
  blob.bytes,
  CASE blob.codec WHEN 5
    THEN (SELECT sum(length(part.data)) FROM piece JOIN blob AS part ON part.id = piece_id WHERE piece.blob_id = blob.id)
    ELSE length(blob.data) END AS stored,
  CASE blob.codec WHEN 0 THEN 'raw' WHEN 1 THEN 'zstd' WHEN 2 THEN 'delta'
                  WHEN 3 THEN 'png' WHEN 4 THEN 'png delta' WHEN 5 THEN 'pieces' ELSE blob.codec END AS codec,
  blob.depth -- at most so many deltas are applied to read it
FROM artifact
JOIN snapshot ON snapshot.id = snapshot_id
JOIN name ON name.id = name_id
JOIN name AS media ON media.id = media_id
LEFT JOIN blob ON blob.id = blob_id
WHERE forgotten_us IS NULL
ORDER BY snapshot.created_us, snapshot.id, name.text;

CREATE VIEW v_event AS
-- The log of changes, oldest first.
SELECT
  event.seq,
  strftime('%Y-%m-%dT%H:%M:%S', (at_us - ((at_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((at_us % 1000000) + 1000000) % 1000000) AS at,
  CASE event.kind WHEN 0 THEN 'init' WHEN 1 THEN 'create' WHEN 2 THEN 'tag' WHEN 3 THEN 'untag'
                  WHEN 4 THEN 'forget' WHEN 5 THEN 'undelete' WHEN 6 THEN 'purge' WHEN 7 THEN 'retention'
                  WHEN 8 THEN 'repair' ELSE event.kind END AS kind,
  snapshot.version,
  event.detail
FROM event
LEFT JOIN snapshot ON snapshot.id = coalesce(event.snapshot_id, event.seq)
ORDER BY event.seq;

CREATE VIEW v_storage AS
-- What each kind of artifact costs: the bytes that were given, those that are kept.
SELECT
  name.text AS artifact,
  count(*) AS artifacts,
  count(DISTINCT blob_id) AS blobs,
  sum(bytes) AS bytes,
  (SELECT sum(length(data)) FROM blob WHERE id IN (
     SELECT a.blob_id FROM artifact AS a WHERE a.name_id = name.id
     UNION
     SELECT piece_id FROM piece JOIN artifact AS a ON a.blob_id = piece.blob_id WHERE a.name_id = name.id)) AS stored
FROM artifact
JOIN snapshot ON snapshot.id = snapshot_id AND forgotten_us IS NULL
JOIN name ON name.id = name_id
JOIN blob ON blob.id = blob_id
GROUP BY name.id
ORDER BY stored DESC;

CREATE VIEW v_forgotten AS
-- Snapshots that were forgotten, and can be had back until they are purged.
SELECT
  snapshot.version,
  strftime('%Y-%m-%dT%H:%M:%S', (created_us - ((created_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((created_us % 1000000) + 1000000) % 1000000) AS created_at,
  strftime('%Y-%m-%dT%H:%M:%S', (forgotten_us - ((forgotten_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((forgotten_us % 1000000) + 1000000) % 1000000) AS forgotten_at,
  snapshot.description
FROM snapshot
WHERE forgotten_us IS NOT NULL
ORDER BY forgotten_us, snapshot.id;

CREATE VIEW v_retention AS
-- What is said about keeping snapshots, place by place; '*' is the whole store.
SELECT
  coalesce(nullif(named.path, ''), '*') AS place,
  retention.keep
FROM retention
JOIN (
  WITH RECURSIVE below (id, path) AS (
    SELECT id, '' FROM place WHERE parent_id IS NULL
    UNION ALL
    SELECT place.id, below.path || CASE below.path WHEN '' THEN '' ELSE '/' END
                     || replace(replace(replace(place.name, '%', '%25'), '/', '%2F'), '*', '%2A')
    FROM below JOIN place ON place.parent_id = below.id)
  SELECT id, path FROM below) AS named ON named.id = retention.place_id
ORDER BY place;
