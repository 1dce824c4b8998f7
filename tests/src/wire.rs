//! FEDn's protocol, as a client speaks it: generated from `host/api/proto/fedn.proto`.
#![allow(missing_docs, unused_qualifications, clippy::doc_markdown, reason = "generated code")]

tonic::include_proto!("fedn");
