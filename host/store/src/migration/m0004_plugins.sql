-- Components that were installed. A component's file is the blob of its digest, and kept by its row.
CREATE TABLE plugins (
    number        INTEGER PRIMARY KEY AUTOINCREMENT,
    digest        TEXT    NOT NULL UNIQUE,
    world         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    summary       TEXT    NOT NULL,
    mergeable     INTEGER NOT NULL,
    config_schema TEXT    NOT NULL,
    wanted        TEXT    NOT NULL,
    granted       TEXT    NOT NULL,
    size_bytes    INTEGER NOT NULL,
    source        TEXT    NOT NULL,
    signature     TEXT,
    signed_by     TEXT,
    enabled       INTEGER NOT NULL,
    problem       TEXT,
    installed_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX plugins_by_name ON plugins (world, name);
CREATE UNIQUE INDEX one_enabled_plugin ON plugins (world, name) WHERE enabled;

-- All that keeps a blob.
DROP VIEW blob_references;
CREATE VIEW blob_references (blob, holder) AS
    SELECT blob, 'upload' FROM uploads WHERE used_by IS NULL
    UNION ALL
    SELECT blob, 'model' FROM models
    UNION ALL
    SELECT blob, 'package' FROM packages
    UNION ALL
    SELECT digest, 'plugin' FROM plugins
    UNION ALL
    SELECT state_blob, 'state' FROM sessions WHERE state_blob IS NOT NULL
    UNION ALL
    SELECT blob, 'update' FROM participations WHERE blob IS NOT NULL;
