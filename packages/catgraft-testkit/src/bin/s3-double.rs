//! An S3 double as a process of its own, so that any client can be pointed at it. Objects live in its memory and end
//! with it.

use std::{net::SocketAddr, process::ExitCode};

use catgraft_testkit::s3::{S3Double, S3Options};
use clap::Parser;

/// An S3 server that keeps objects in memory, for tests.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 takes any that is free.
    #[arg(long, default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The one bucket there is.
    #[arg(long, default_value = "catgraft")]
    bucket: String,
    /// The access key that clients must sign with.
    #[arg(long, default_value = "double")]
    access_key: String,
    /// The secret that belongs to the access key.
    #[arg(long, default_value = "double-secret")]
    secret_key: String,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program tells its user where it listens, or why not")]
async fn main() -> ExitCode {
    let Arguments { listen, bucket, access_key, secret_key } = Arguments::parse();
    let double = match S3Double::start_with(S3Options { listen, bucket, access_key, secret_key }).await {
        Ok(double) => double,
        Err(error) => {
            eprintln!("s3-double: cannot listen on {listen}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", double.url());
    match tokio::signal::ctrl_c().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s3-double: cannot wait for a signal: {error}");
            ExitCode::FAILURE
        }
    }
}
