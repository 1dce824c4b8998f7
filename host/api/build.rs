//! What is made before the crate is compiled: the code of FEDn's protocol, and the GraphiQL page.

#[path = "build/graphiql.rs"]
mod graphiql;

use std::error::Error;
use std::io;

const FOLDER: &str = "proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FOLDER}");
    let descriptors = protox::compile(["fedn.proto"], [FOLDER]).map_err(io::Error::other)?;
    // Models pass through in pieces that are shared, not copied.
    tonic_prost_build::configure().build_client(false).bytes(".").compile_fds(descriptors)?;
    graphiql::embed()
}
