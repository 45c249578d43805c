//! Compiles the .proto files with protox, so that building needs no protoc on the machine.

use std::{error::Error, path::Path};

const FILES: [&str; 4] = [
    "graft/common/v1/common.proto",
    "graft/metastore/v1/metastore.proto",
    "graft/pagestore/v1/pagestore.proto",
    "catgraft/internal/v1/internal.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("proto");
    for file in FILES {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
    }
    let descriptors = protox::compile(FILES, [root])?;
    // `Bytes` fields are slices of the request body, not copies.
    prost_build::Config::new().bytes(["."]).include_file("all.rs").compile_fds(descriptors)?;
    Ok(())
}
