//! The one HTTP client: made when it is first needed, shared by reading, generating and publishing.
//!
//! It never follows a redirect by itself (every hop has its own robots.txt and its own turn), never keeps more of a body than
//! asked for, and turns every way a connection can fail into [`Trouble`] with a next step.

use super::clock::SystemClock;
use super::pace::Paces;
use super::trouble::{Patience, Trouble, retry_after, wish};
use crate::base::Rng;
use crate::base::files::size;
use crate::runtime::Clock;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How patient and how polite the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSettings {
    pub connect_timeout: Duration,
    /// For one attempt to read a page, from the first byte sent to the last byte read.
    pub page_timeout: Duration,
    /// Between the end of one request to a host and the beginning of the next; robots.txt may ask for more.
    pub gap: Duration,
    /// Whether `HTTP_PROXY` and its relatives count.
    pub proxy: bool,
    pub patience: Patience,
}

impl Default for WebSettings {
    fn default() -> WebSettings {
        WebSettings {
            connect_timeout: Duration::from_secs(10),
            page_timeout: Duration::from_secs(30),
            gap: Duration::from_secs(1),
            proxy: true,
            patience: Patience::default(),
        }
    }
}

/// The client and its settings.
pub struct Web {
    pub settings: WebSettings,
    pub clock: Arc<dyn Clock>,
    /// The time outside: over a recording the cycle's time stands still long ago, and servers refuse tokens and signatures of then.
    pub wall: Arc<dyn Clock>,
    /// What providers and channels of this workflow are asked at once and in a while.
    pub paces: Arc<Paces>,
    client: OnceLock<Result<Client, String>>,
    rng: Mutex<Rng>,
}

impl Web {
    pub fn new(settings: WebSettings, clock: Arc<dyn Clock>) -> Web {
        // Jitter exists so that two processes differ, so its seed is the one thing here that comes from the clock.
        let seed = clock.now().0 as u64 ^ u64::from(std::process::id()).rotate_left(32);
        Web {
            settings,
            paces: Arc::new(Paces::new(Arc::new(SystemClock))),
            wall: clock.clone(),
            clock,
            client: OnceLock::new(),
            rng: Mutex::new(Rng::new(seed)),
        }
    }

    /// With another time for what is checked outside.
    pub fn with_wall(self, wall: Arc<dyn Clock>) -> Web {
        Web { wall, ..self }
    }

    /// Sharing what is counted with other worlds of the same workflow.
    pub fn with_paces(self, paces: Arc<Paces>) -> Web {
        Web { paces, ..self }
    }

    /// The client, made on first use: loading the machine's certificates takes longer than many a workflow without a URL.
    pub fn client(&self) -> Result<&Client, Trouble> {
        self.client.get_or_init(|| build(&self.settings)).as_ref().map_err(|reason| {
            Trouble::permanent(
                format!("cannot set up HTTP: {reason}"),
                "check the proxy variables (`HTTPS_PROXY`, `HTTP_PROXY`) and the installed certificates",
            )
        })
    }

    /// The pause before the next attempt, or `None` when it is time to give up; `retries` where the door has its own number.
    pub fn pause(&self, attempts: u32, trouble: &Trouble, retries: Option<u32>) -> Option<Duration> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = self.settings.patience;
        Patience { retries: retries.unwrap_or(patience.retries), ..patience }.pause(attempts, trouble, &mut rng)
    }

    /// Sends a request; what went wrong on the way is told with the host's name, never with the whole address: its query and
    /// path may hold a key.
    pub async fn send(&self, request: RequestBuilder, host: &str, timeout: Duration) -> Result<Response, SendError> {
        request.timeout(timeout).send().await.map_err(|error| SendError {
            // Before there is a connection nothing can have been sent.
            sent: !(error.is_connect() || error.is_builder() || error.is_dns()),
            trouble: explain(&error, host, timeout),
        })
    }

    /// Trouble for a status that may be better later, with the server's wish.
    pub fn overloaded(&self, host: &str, status: StatusCode, headers: &HeaderMap) -> Trouble {
        // Some model servers say it in milliseconds.
        let millis = header(headers, HeaderName::from_static("retry-after-ms")).and_then(|text| text.trim().parse().ok());
        let wait = millis
            .map(Duration::from_millis)
            .or_else(|| header(headers, reqwest::header::RETRY_AFTER).and_then(|text| retry_after(&text, self.wall.now())));
        let help = match status {
            StatusCode::TOO_MANY_REQUESTS => "ask less often: make `every` longer, or lower the cap of this step",
            _ => "nothing is wrong on this side: run again later, and tell the people of that server if it stays so",
        };
        Trouble { wait, ..Trouble::passing(format!("`{host}` answered {}{}", status_name(status), wish(wait)), help) }
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A request that got no answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SendError {
    /// Whether the other side may have seen the request.
    pub sent: bool,
    pub trouble: Trouble,
}

fn build(settings: &WebSettings) -> Result<Client, String> {
    // Fails only when another part of the process was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        let builder = Client::builder()
            .user_agent(user_agent())
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30));
        if settings.proxy { builder } else { builder.no_proxy() }
    };
    // A machine without certificates can still talk to a model or a receiver on itself; https then fails with its own help.
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).map_err(|error| error.without_url().to_string())
}

/// How we introduce ourselves; robots.txt rules for `loopctl` are ours.
pub fn user_agent() -> String {
    let about = match env!("CARGO_PKG_HOMEPAGE") {
        "" => "reads for its user; in robots.txt: loopctl",
        homepage => homepage,
    };
    format!("loopctl/{} (+{about})", env!("CARGO_PKG_VERSION"))
}

/// `429 Too Many Requests`
pub fn status_name(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Whether a status may be better later (RFC 9110: 408, 425, 429 and the 5xx family without "not implemented").
pub fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429) || (status.is_server_error() && !matches!(status.as_u16(), 501 | 505))
}

pub fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// `example.com` or `127.0.0.1:8080`: what a person calls the other side.
pub fn host_name(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => url.as_str().to_owned(),
    }
}

/// Reads an http or https address.
pub fn parse_url(text: &str) -> Result<Url, Trouble> {
    let help = "write an address that begins with `https://` or `http://`; a local file is named with `path`";
    let url = Url::parse(text).map_err(|error| Trouble::permanent(format!("`{text}` is not an address: {error}"), help))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(Trouble::permanent(format!("an address with `{scheme}:` cannot be read"), help)),
    }
}

/// Whether a redirect may lead from one address to another. What a stranger's page says must not make us ask this machine or
/// its network; someone who names such an address in a workflow may. Names are not resolved here, only addresses are judged.
pub fn may_lead(from: &Url, to: &Url) -> bool {
    is_inside(from) || !is_inside(to)
}

/// Whether others on the way could read what is sent there: no encryption, and not on this machine or its own network. A name without
/// a dot is one of a network of containers.
pub fn is_open_line(url: &Url) -> bool {
    url.scheme() == "http" && !is_inside(url) && url.host_str().is_some_and(|host| host.contains('.'))
}

/// Loopback, private, link-local and the like.
fn is_inside(url: &Url) -> bool {
    let inside_v4 = |ip: Ipv4Addr| {
        let [a, b, ..] = ip.octets();
        // 100.64.0.0/10 is shared behind carriers (RFC 6598).
        ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || (a == 100 && (64..128).contains(&b))
    };
    // An IPv6 address stands in brackets.
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => inside_v4(ip),
        Ok(IpAddr::V6(ip)) => {
            let mapped = ip.to_ipv4_mapped().is_some_and(inside_v4);
            mapped || ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The address without user name, password and fragment: what may be written down.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url.to_string()
}

/// Reads a body, at most `max` bytes after decompression.
pub async fn read_body(response: &mut Response, max: u64, host: &str, timeout: Duration) -> Result<Vec<u8>, Trouble> {
    let too_large = || {
        Trouble::permanent(
            format!("the answer of `{host}` is larger than {}", size(max)),
            "ask for less (a narrower address, fewer rows), or raise the step's size limit if it has one",
        )
    };
    if response.content_length().is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(body),
            Ok(Some(chunk)) if (body.len() + chunk.len()) as u64 > max => return Err(too_large()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(error) if error.is_timeout() => return Err(explain(&error, host, timeout)),
            Err(_) => {
                return Err(Trouble::passing(
                    format!("the connection to `{host}` broke after {} bytes of the answer", body.len()),
                    "run again later; nothing was kept of the half answer",
                ));
            }
        }
    }
}

fn explain(error: &reqwest::Error, host: &str, timeout: Duration) -> Trouble {
    let seconds = timeout.as_secs_f64();
    if let Some(reason) = tls_reason(error) {
        return Trouble::permanent(
            format!("no safe connection to `{host}`: {reason}"),
            "install the certificates of this machine (`ca-certificates`), or ask the people of that server to renew theirs",
        );
    }
    if error.is_builder() {
        return Trouble::permanent(
            format!("the request to `{host}` cannot be written"),
            "check the address and the key for odd characters",
        );
    }
    if error.is_connect() || error.is_dns() {
        let (reason, help) = match io_kind(error) {
            _ if error.is_timeout() => ("no connection in time", "check the network, the proxy and the spelling of the address"),
            Some(io::ErrorKind::ConnectionRefused) => {
                ("connection refused", "check that a server is running there and that the port is right")
            }
            Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => {
                ("the network is unreachable", "check the network connection")
            }
            _ if error.is_dns() => {
                ("its name cannot be resolved", "check the spelling of the address and the network connection")
            }
            _ => ("the connection failed", "check the network, the proxy and the spelling of the address"),
        };
        return Trouble::passing(format!("cannot reach `{host}`: {reason}"), help);
    }
    if error.is_timeout() {
        return Trouble::passing(
            format!("`{host}` did not answer within {seconds} s"),
            "run again later; if it is always slow, raise the time-out where the connector has one",
        );
    }
    Trouble::passing(
        format!("the connection to `{host}` broke before it answered"),
        "run again later, and check the network if it stays so",
    )
}

/// The errors inside an error, and those inside I/O errors, which do not count as sources.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    })
}

fn tls_reason(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(|cause| match cause {
        rustls::Error::InvalidCertificate(reason) => format!("its certificate is not valid ({reason})"),
        other => super::trouble::excerpt(&other.to_string(), 120),
    })
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_read() {
        assert!(parse_url("https://example.com/feed.xml").is_ok());
        for text in ["ftp://example.com/x", "file:///etc/passwd", "feed.xml", "", "http://"] {
            let trouble = parse_url(text).unwrap_err();
            assert!(trouble.help.contains("`https://`"), "{text}: {trouble:?}");
        }
    }

    #[test]
    fn names_and_passwords_are_not_shown() {
        let url = Url::parse("https://ann:pw@example.com:8443/a?b=1#c").unwrap();
        assert_eq!(shown(&url), "https://example.com:8443/a?b=1");
        assert_eq!(host_name(&url), "example.com:8443");
    }

    #[test]
    fn a_strangers_page_does_not_lead_inside() {
        let url = |text: &str| Url::parse(text).unwrap();
        let (outside, inside) = (url("https://example.com/"), url("http://127.0.0.1:11434/"));
        for place in [
            "http://127.0.0.1/",
            "http://localhost:8080/",
            "http://x.localhost/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://169.254.169.254/latest",
            "http://[::1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0/",
            "http://2130706433/",
            "http://100.64.0.1/",
        ] {
            assert!(!may_lead(&outside, &url(place)), "{place}");
            assert!(may_lead(&inside, &url(place)), "{place}");
        }
        for place in ["https://example.org/", "http://8.8.8.8/", "http://[2606:4700::1111]/", "https://localhost.example/"] {
            assert!(may_lead(&outside, &url(place)), "{place}");
        }
    }

    #[test]
    fn some_statuses_may_pass_and_others_stay() {
        let passing = |code: u16| may_pass(StatusCode::from_u16(code).unwrap());
        assert!([408, 425, 429, 500, 502, 503, 504, 529].into_iter().all(passing));
        assert!(![200, 400, 404, 422, 501, 505].into_iter().any(passing));
    }

    #[test]
    fn the_agent_says_who_it_is() {
        assert!(user_agent().starts_with("loopctl/") && user_agent().contains("(+"));
    }
}
