//! The values of settings that are more than a number or a path.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// An address to listen on. Names are not looked up: what a name stands for may change between two starts.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| "write an IP address and a port, as in 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// A host and a port to dial, such as `fedwit.example.org:8080`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address; one of IPv6 is in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("write HOST:PORT, as in fedwit.example.org:8080")?;
        let port = match port.parse() {
            Ok(0) | Err(_) => return Err(format!("`{port}` is no port from 1 to 65535")),
            Ok(port) => port,
        };
        if !is_host(host) {
            return Err(format!("`{host}` is no host: write a name, an IPv4 address or an IPv6 address in brackets"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    !host.is_empty() && host.len() <= 253 && host.chars().all(plain)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What is logged, checked when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter(String);

impl Filter {
    pub(crate) fn to_env_filter(&self) -> EnvFilter {
        // It was parsed before, and strictly.
        EnvFilter::builder().parse_lossy(&self.0)
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A bare word is a target to tracing, so a misspelt level would silence everything else. Spans' fields, in
        // brackets, may hold commas.
        if !text.contains('[') {
            for part in text.split(',').map(str::trim) {
                let is_level = !part.is_empty() && part.parse::<LevelFilter>().is_ok();
                if !is_level && !part.contains('=') {
                    return Err(format!("`{part}` is no level: off, error, warn, info, debug and trace are"));
                }
            }
        }
        EnvFilter::builder().parse(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn addresses_to_dial_are_a_host_and_a_port() {
        for good in ["fedwit.example.org:443", "10.0.0.7:8080", "[2001:db8::1]:8080", "my_host-1:1"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["fedwit.example.org", ":80", "a:0", "a:65536", "http://a:80", "::1:80", "[a]:80", "a b:80", "a/b:1"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_level_is_no_target() {
        for good in ["info", "OFF", "warn,fedwit_store=debug", "fedwit[round{id=1}]=trace,info"] {
            assert_eq!(good.parse::<Filter>().unwrap().to_string(), good);
        }
        for (bad, named) in [("inof", "`inof`"), ("info,debgu", "`debgu`"), ("fedwit=loud", "filter"), ("", "``")] {
            let error = bad.parse::<Filter>().unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
