//! Ports for servers that are processes of their own.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng as _;

/// Below the ports that Linux hands out by itself (`net.ipv4.ip_local_port_range`, from 32768), so that nobody who
/// binds port 0 or connects takes this one while its server is being started again.
const PORTS: std::ops::Range<u16> = 12_000..20_000;

/// A port of 127.0.0.1 that nobody listens on, and that stays the caller's as far as chance goes.
pub fn free_port() -> u16 {
    let mut rng = rand::rng();
    loop {
        let port = rng.random_range(PORTS);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
