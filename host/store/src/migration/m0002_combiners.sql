-- Nothing for clients that were never placed: those that were seen by a server of one combiner.
ALTER TABLE clients ADD COLUMN combiner TEXT;
CREATE INDEX clients_by_combiner ON clients (combiner);
