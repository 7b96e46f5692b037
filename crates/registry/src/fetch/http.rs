//! Sources `https` and `hf`: a download that resumes, goes nowhere but to https, and takes no more than was pinned.

use std::sync::Arc;
use std::time::Duration;

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::Error;
use crate::fetch::FetchOptions;
use crate::store::Landing;

const HUB: &str = "https://huggingface.co";
const REDIRECTS_MAX: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait before the first new attempt; each further one waits one more of these.
const PAUSE: Duration = Duration::from_millis(500);

/// Downloads `url` into `landing`, taking up again where a broken connection stopped.
pub(super) fn fetch(
    landing: &mut Landing,
    url: &str,
    token: Option<&str>,
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let agent = agent(options, landing.what())?;
    let mut failures = 0u32;
    while landing.missing() > 0 {
        let before = landing.done();
        let reason = match attempt(&agent, landing, url, token, options, progress)? {
            Outcome::Whole => return Ok(()),
            Outcome::Broken(reason) => reason,
        };
        // Only attempts that brought nothing count: a slow line that breaks often still ends.
        failures = if landing.done() > before { 0 } else { failures.saturating_add(1) };
        if failures >= options.attempts_max {
            return Err(Error::source(
                landing.what(),
                format!(
                    "{url}: {reason}; {} bytes are kept, the next fetch goes on from there",
                    landing.done()
                ),
            ));
        }
        std::thread::sleep(PAUSE.saturating_mul(failures.saturating_add(1)));
    }
    Ok(())
}

enum Outcome {
    Whole,
    Broken(String),
}

fn attempt(
    agent: &Agent,
    landing: &mut Landing,
    url: &str,
    token: Option<&str>,
    options: &FetchOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Outcome, Error> {
    let from = landing.done();
    let mut response = match request(agent, landing.what(), url, token, from, options)? {
        Ok(response) => response,
        Err(reason) => return Ok(Outcome::Broken(reason)),
    };
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let (start, total) = content_range(&response).ok_or_else(|| {
                Error::source(landing.what(), format!("{url}: a partial answer without its range"))
            })?;
            landing.offered(total)?;
            if start != from {
                return Err(Error::source(
                    landing.what(),
                    format!("{url}: asked from byte {from}, got from {start}"),
                ));
            }
        }
        StatusCode::OK => {
            if let Some(total) = number(&response, CONTENT_LENGTH) {
                landing.offered(total)?;
            }
            // The server does not resume: the whole file comes.
            landing.restart()?;
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            landing.restart()?;
            return Ok(Outcome::Broken("the server cannot go on from there".to_owned()));
        }
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            return Ok(Outcome::Broken(format!("the server answers {status}")));
        }
        status => return Err(Error::source(landing.what(), format!("{url}: the server answers {status}"))),
    }
    let mut reader = response.body_mut().with_config().limit(u64::MAX).reader();
    Ok(match landing.copy(&mut reader, progress)? {
        Ok(()) if landing.missing() == 0 => Outcome::Whole,
        Ok(()) => Outcome::Broken("the answer ended early".to_owned()),
        Err(error) => Outcome::Broken(error.to_string()),
    })
}

/// Sends the request and follows redirects itself: only to permitted addresses, and with the token only on the host it
/// is for. The inner error is one that another attempt may mend.
fn request(
    agent: &Agent,
    what: &str,
    url: &str,
    token: Option<&str>,
    from: u64,
    options: &FetchOptions,
) -> Result<Result<Response<Body>, String>, Error> {
    let parse = |url: &str| {
        url.parse::<Uri>().map_err(|error| Error::source(what, format!("{url}: not an address: {error}")))
    };
    let first = parse(url)?;
    let mut here = first.clone();
    for _ in 0..=REDIRECTS_MAX {
        permitted(&here, options).map_err(|reason| Error::source(what, format!("{here}: {reason}")))?;
        let mut request = agent.get(&here);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = token.filter(|_| here.authority() == first.authority()) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        if !redirect {
            return Ok(Ok(response));
        }
        let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
        let target = target.ok_or_else(|| Error::source(what, format!("{here}: a redirect to nowhere")))?;
        here = if target.starts_with('/') && !target.starts_with("//") {
            let scheme = here.scheme_str().unwrap_or("https");
            let authority = here.authority().map(|authority| authority.as_str()).unwrap_or_default();
            parse(&format!("{scheme}://{authority}{target}"))?
        } else {
            parse(target)?
        };
    }
    Err(Error::source(what, format!("{url}: more than {REDIRECTS_MAX} redirects")))
}

/// https everywhere; in tests also plain HTTP to this machine.
fn permitted(url: &Uri, options: &FetchOptions) -> Result<(), &'static str> {
    let loopback = || {
        let host = url.host().unwrap_or_default();
        host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    match url.scheme_str() {
        Some("https") if url.host().is_some_and(|host| !host.is_empty()) => Ok(()),
        Some("http") if options.loopback_http && loopback() => Ok(()),
        _ => Err("only https addresses are fetched from"),
    }
}

fn number(response: &Response<Body>, name: ureq::http::HeaderName) -> Option<u64> {
    response.headers().get(name)?.to_str().ok()?.trim().parse().ok()
}

/// First byte and whole size, from `bytes 5-9/10`.
fn content_range(response: &Response<Body>) -> Option<(u64, u64)> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (span, total) = range.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()?))
}

/// Trusts the certificate authorities of the operating system, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name: a
/// mirror inside an organisation has its own authority, and no list is built in that would age.
fn agent(options: &FetchOptions, what: &str) -> Result<Agent, Error> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() && !options.loopback_http {
        return Err(Error::source(
            what,
            "no certificate authorities on this machine: install them (Debian: ca-certificates), or name a file with \
             SSL_CERT_FILE",
        ));
    }
    let certificates: Vec<_> =
        found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .https_only(!options.loopback_http)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT))
        .user_agent(concat!("proeftuin/", env!("CARGO_PKG_VERSION")));
    let config = if options.loopback_http { config.proxy(None) } else { config };
    Ok(Agent::new_with_config(config.build()))
}

/// The address of a file in a repository at a commit, and the user's token if there is one.
///
/// hf-hub knows where the user's token lies. Its transfer is not used: version 0.5 sets no limit on size, names files
/// after what the server says, and follows redirects to plain HTTP; 1.0 needs 236 crates, cmake and aws-lc.
pub(super) fn hub_address(
    repository: &str,
    revision: &str,
    path: &str,
    options: &FetchOptions,
) -> (String, Option<String>) {
    let endpoint = options.hf_endpoint.as_deref().unwrap_or(HUB).trim_end_matches('/');
    let url = format!("{endpoint}/{repository}/resolve/{revision}/{path}");
    let token = options.hf_token.clone().or_else(|| hf_hub::Cache::from_env().token());
    (url, token)
}
