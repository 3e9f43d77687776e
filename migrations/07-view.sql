CREATE VIEW v_snapshot AS
-- Each snapshot on a line, with names instead of numbers; not those that are forgotten.
SELECT
  snapshot.version,
  strftime('%Y-%m-%dT%H:%M:%S', (created_us - ((created_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((created_us % 1000000) + 1000000) % 1000000) AS created_at,
  site.name      AS site,
  module.name    AS module,
  component.name AS component,
  coalesce(session.name, '-') AS session,
  function.name  AS function,
  CASE snapshot.status WHEN 0 THEN 'complete' WHEN 1 THEN 'partial' WHEN 2 THEN 'minimal' ELSE 'failed' END AS status,
  (SELECT group_concat(tag.name, ', ')
     FROM snapshot_tag JOIN tag ON tag.id = tag_id WHERE snapshot_id = snapshot.id) AS tags,
  snapshot.description,
  (SELECT count(*) FROM artifact WHERE snapshot_id = snapshot.id AND artifact.status = 0) AS artifacts,
  (SELECT coalesce(sum(blob.bytes), 0) FROM artifact JOIN blob ON blob.id = blob_id
    WHERE snapshot_id = snapshot.id) AS bytes,
  snapshot.based_on,
  snapshot.user_info
FROM snapshot
JOIN place AS function  ON function.id = place_id
JOIN place AS component ON component.id = function.parent_id
JOIN place AS module    ON module.id = component.parent_id
JOIN place AS site      ON site.id = module.parent_id
LEFT JOIN session ON session.id = session_id
WHERE forgotten_us IS NULL
ORDER BY created_us, snapshot.id;

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
  length(blob.data)       AS stored,
  CASE blob.codec WHEN 0 THEN 'raw' WHEN 1 THEN 'zstd' WHEN 2 THEN 'delta' ELSE blob.codec END AS codec,
  blob.depth
FROM artifact
JOIN snapshot ON snapshot.id = snapshot_id
JOIN name ON name.id = name_id
JOIN name AS media ON media.id = media_id
LEFT JOIN blob ON blob.id = blob_id
WHERE forgotten_us IS NULL
ORDER BY snapshot.created_us, snapshot.id, name.text;

CREATE VIEW v_tag AS
-- Each tag, how many snapshots carry it, and the newest of them.
SELECT
  tag.name,
  count(*) AS snapshots,
  (SELECT s.version FROM snapshot_tag AS t JOIN snapshot AS s ON s.id = t.snapshot_id
    WHERE t.tag_id = tag.id AND s.forgotten_us IS NULL
    ORDER BY t.created_us DESC, t.snapshot_id DESC LIMIT 1) AS newest
FROM tag
JOIN snapshot_tag ON tag_id = tag.id
JOIN snapshot ON snapshot.id = snapshot_id AND forgotten_us IS NULL
GROUP BY tag.id
ORDER BY tag.name;

CREATE VIEW v_event AS
-- The log of changes, oldest first.
SELECT
  event.seq,
  strftime('%Y-%m-%dT%H:%M:%S', (at_us - ((at_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((at_us % 1000000) + 1000000) % 1000000) AS at,
  CASE event.kind WHEN 0 THEN 'init' WHEN 1 THEN 'create' WHEN 2 THEN 'tag' WHEN 3 THEN 'untag' ELSE event.kind END AS kind,
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
  (SELECT sum(length(data)) FROM blob
    WHERE id IN (SELECT a.blob_id FROM artifact AS a WHERE a.name_id = name.id)) AS stored
FROM artifact
JOIN snapshot ON snapshot.id = snapshot_id AND forgotten_us IS NULL
JOIN name ON name.id = name_id
JOIN blob ON blob.id = blob_id
GROUP BY name.id
ORDER BY stored DESC;
