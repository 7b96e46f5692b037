//! Who is really asking, where a reverse proxy stands between.
//!
//! Anybody can write `X-Forwarded-For`, so it is believed of named proxies alone. Whoever says that a request was forwarded, and
//! is not named, is not taken for this machine: a proxy beside the server would otherwise open to the world what only this
//! machine may ask.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use axum::http::HeaderMap;
use gateway::Origin;
use thiserror::Error;

use super::Peer;

/// Headers that say that a request was forwarded; `Forwarded` is RFC 7239's, the others are custom.
const FORWARDED: [&str; 5] =
    ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"];

/// Proxies whose `X-Forwarded-For` is believed: an address, a network as `10.0.0.0/8`, or `unix` for whoever comes through a Unix
/// socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// Addresses that share their first bits.
    Network {
        /// Any of them.
        base: IpAddr,
        /// How many bits they share.
        bits: u8,
    },
    /// Whoever comes through a Unix socket.
    Unix,
}

/// Why a text names no [`Trusted`].
#[derive(Debug, Error)]
#[error("must be an address, a network such as 10.0.0.0/8, or unix")]
pub struct NotAProxy;

impl FromStr for Trusted {
    type Err = NotAProxy;

    fn from_str(text: &str) -> Result<Self, NotAProxy> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (base, bits) = text.split_once('/').map_or((text, None), |(base, bits)| (base, Some(bits)));
        let base: IpAddr = base.parse().map_err(|_| NotAProxy)?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| NotAProxy)?;
        if bits > most { Err(NotAProxy) } else { Ok(Self::Network { base, bits }) }
    }
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network { base, bits } => write!(f, "{base}/{bits}"),
            Self::Unix => f.write_str("unix"),
        }
    }
}

impl Trusted {
    fn holds(self, address: IpAddr) -> bool {
        let Self::Network { base, bits } = self else { return false };
        let differ = match (base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                u128::from(base.to_bits() ^ address.to_bits()).wrapping_shl(96)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => base.to_bits() ^ address.to_bits(),
            _ => return false,
        };
        differ.leading_zeros() >= u32::from(bits)
    }
}

/// Where a request came from.
pub(crate) fn origin(peer: Peer, headers: &HeaderMap, trusted: &[Trusted]) -> Origin {
    if !FORWARDED.iter().any(|name| headers.contains_key(*name)) {
        return Origin { loopback: peer.is_local() };
    }
    let known = match peer {
        Peer::Unix => trusted.contains(&Trusted::Unix),
        Peer::Port(address) => trusted.iter().any(|proxy| proxy.holds(address)),
    };
    let client = if known { client(headers, trusted) } else { None };
    Origin { loopback: client.is_some_and(|address| address.is_loopback()) }
}

/// The nearest address of the chain that is no trusted proxy; the farthest one where all are. `None` where the chain cannot be read.
fn client(headers: &HeaderMap, trusted: &[Trusted]) -> Option<IpAddr> {
    let lines: Option<Vec<&str>> =
        headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().ok()).collect();
    let chain = lines?.join(",");
    let mut farthest = None;
    for hop in chain.rsplit(',') {
        let address = hop.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !trusted.iter().any(|proxy| proxy.holds(address)) {
            return Some(address);
        }
        farthest = Some(address);
    }
    farthest
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: Peer = Peer::Port(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_forwarded_request_is_local_only_if_a_named_proxy_says_so() {
        let far = Peer::Port("203.0.113.9".parse().unwrap());
        let proxies: Vec<Trusted> = ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap()).into();
        let local = |peer, trusted: &[Trusted], lines: &[(&'static str, &str)]| {
            origin(peer, &headers(lines), trusted).loopback
        };
        assert!(local(LOCAL, &[], &[]) && local(Peer::Unix, &[], &[]));
        assert!(!local(far, &[], &[]));
        // Nobody is named: what says that it was forwarded is not local, and nobody becomes local by saying so.
        assert!(!local(LOCAL, &[], &[("x-forwarded-for", "127.0.0.1")]));
        assert!(!local(far, &proxies, &[("x-forwarded-for", "127.0.0.1")]));
        assert!(!local(LOCAL, &proxies, &[("forwarded", "for=127.0.0.1")]));
        // Named: the nearest that is no proxy counts; what a client put before it does not.
        assert!(local(LOCAL, &proxies, &[("x-forwarded-for", "127.0.0.1")]));
        assert!(!local(LOCAL, &proxies, &[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 10.1.2.3")]));
        assert!(!local(
            LOCAL,
            &proxies,
            &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.9")]
        ));
        assert!(!local(LOCAL, &proxies, &[("x-forwarded-for", "127.0.0.1, nonsense")]));
        assert!(!local(Peer::Unix, &proxies, &[("x-forwarded-for", "127.0.0.1")]));
        assert!(local(Peer::Unix, &[Trusted::Unix], &[("x-forwarded-for", "::1")]));
    }

    #[test]
    fn networks() {
        let holds = |network: &str, address: &str| {
            network.parse::<Trusted>().unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fdff::1") && !holds("fd00::/8", "fe00::1"));
        assert!(holds("192.0.2.1", "192.0.2.1") && !holds("192.0.2.1", "192.0.2.0"));
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy.example"] {
            assert!(text.parse::<Trusted>().is_err(), "{text}");
        }
    }
}
