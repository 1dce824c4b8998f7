CREATE TABLE metrics (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    client  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    value   REAL    NOT NULL,
    step    INTEGER,
    model   TEXT,
    round   TEXT,
    session TEXT,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX metrics_by_client ON metrics (client, key);
CREATE INDEX metrics_by_session ON metrics (session) WHERE session IS NOT NULL;

CREATE TABLE attributes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX attributes_by_client ON attributes (client, key);

-- The last row of each client and key in `attributes`, which outlives it.
CREATE TABLE current_attributes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    value  TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    UNIQUE (client, key)
) STRICT;

CREATE TABLE statuses (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    client      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    level       TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    data        TEXT    NOT NULL,
    correlation TEXT    NOT NULL,
    session     TEXT,
    extra       TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX statuses_by_client ON statuses (client);
CREATE INDEX statuses_by_session ON statuses (session) WHERE session IS NOT NULL;

CREATE TABLE loads (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    client   TEXT    NOT NULL,
    readings TEXT    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX loads_by_client ON loads (client);
