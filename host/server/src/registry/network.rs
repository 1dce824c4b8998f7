//! Hosts, and which addresses belong to everybody's network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A host, with its port if it has one of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(String);

impl Host {
    /// Whether a reference means this one.
    pub(super) fn is(&self, registry: &str) -> bool {
        self.0.eq_ignore_ascii_case(registry)
    }

    /// Whether a URL leads to this one.
    pub(super) fn is_of(&self, url: &Url) -> bool {
        authority(url).is_some_and(|authority| self.is(&authority))
    }

    /// Whether it is this machine, by its own word: a name that is looked up may stand for anything.
    pub(super) fn is_loopback(registry: &str) -> bool {
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
        let plain = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
        let is_host = !host.is_empty() && host.len() <= 253 && host.chars().all(plain);
        let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        if is_host && is_port {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("`{text}` is no host: write a name or an IPv4 address, and a port if there is one: HOST:PORT"))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What stands before the path of a URL; without the port where it is the usual one.
fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Whether a URL names an address that is not everybody's. One that names a host is looked at by [`PublicOnly`].
pub(super) fn is_inside(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
    literal.is_ok_and(|address| !is_public(address))
}

/// Finds hosts' addresses, and keeps to those that are everybody's. It is the connection's own resolver, so that a name
/// cannot stand for one address when it is looked at and for another when it is used.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} has no public address", name.as_str()).into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries leave the rest).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || shared
        || protocols
        || benchmarks
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, high, low] = address.segments();
    // What translators make of an IPv4 address (RFC 6052) is as public as that is.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [(w, x), (y, z)] = [high, low].map(|half| (half.to_be_bytes()[0], half.to_be_bytes()[1]));
        return is_public_v4(Ipv4Addr::new(w, x, y, z));
    }
    let unicast = a & 0xe000 == 0x2000;
    let protocols = a == 0x2001 && b < 0x200;
    let documentation = (a == 0x2001 && b == 0xdb8) || (a == 0x3fff && b < 0x1000);
    let six_to_four = a == 0x2002;
    unicast && !protocols && !documentation && !six_to_four
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn what_is_not_everybodys_is_not_public() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.170",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "::127.0.0.1",
            "fec0::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
            let shown = if inside.contains(':') { format!("[{inside}]") } else { inside.to_owned() };
            assert!(is_inside(&format!("https://{shown}/x").parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "140.82.112.33", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
        // However an address is written.
        for odd in ["https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0/"] {
            assert!(is_inside(&odd.parse().unwrap()), "{odd}");
        }
    }

    #[test]
    fn this_machine_is_told_by_its_own_name_alone() {
        for here in ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "127.0.0.9"] {
            assert!(Host::is_loopback(here), "{here}");
        }
        for elsewhere in ["localhost.example", "example:5000", "10.0.0.1", "127.0.0.1.example"] {
            assert!(!Host::is_loopback(elsewhere), "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_connected_to() {
        let client = reqwest::Client::builder().no_proxy().dns_resolver(PublicOnly).build().unwrap();
        let error = client.get("http://localhost:1/").send().await.unwrap_err();
        let chain = super::super::wire::chain(&error);
        assert!(chain.contains("no public address"), "{chain}");
    }
}
