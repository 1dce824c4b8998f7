//! The load generator's half of FEDn's protocol, from the same file as the server's half.

use std::io;

const FOLDER: &str = "../host/api/proto";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={FOLDER}");
    let descriptors = protox::compile(["fedn.proto"], [FOLDER]).map_err(io::Error::other)?;
    // What is uploaded is shared by many clients, and never copied for one of them.
    tonic_prost_build::configure().build_server(false).bytes(".").compile_fds(descriptors)
}
