//! Records, the event log and blobs.
