-- What chose who is asked, and what single clients were told besides: both only in sessions that have a client selector.
ALTER TABLE rounds ADD COLUMN selector_name TEXT;
ALTER TABLE rounds ADD COLUMN selector_version TEXT;
ALTER TABLE rounds ADD COLUMN selector_digest TEXT;
ALTER TABLE participations ADD COLUMN settings TEXT;
