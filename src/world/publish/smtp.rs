//! The `smtp` channel: each piece as one letter, handed to a mail server.
//!
//! A server says neither which letters it has, nor does it mind two with one `Message-ID`. So the conversation is held command by
//! command: until the text is on its way nothing was sent and it may be tried again; from then on, without the server's answer, the
//! letter is in doubt and a person looks for its `Message-ID`. A refusal is a refusal at any time: then the server has not taken it.

use super::Channel;
use super::letter::{self, Envelope};
use super::readers;
use crate::model::{self, Config, Scalar, SecretRef};
use crate::step::{Audience, Publish, Published, Reach, Reply};
use crate::world::disk::DiskFiles;
use crate::world::generate::Replying;
use crate::world::people_key::PeopleKey;
use crate::world::secrets::{Secret, Secrets};
use crate::world::tries::Door;
use crate::world::trouble::{Trouble, excerpt};
use crate::world::web::Web;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// RFC 5321 advises minutes for a server that thinks; people wait for this one.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How the line to the server is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    /// It begins open and is closed before anything is said.
    Upgraded,
    Implicit,
    /// Only to a server on this machine or behind a tunnel.
    None,
}

/// A mail server that takes letters.
pub struct Smtp {
    name: String,
    config: Config,
    files: DiskFiles,
    host: String,
    port: u16,
    tls: Tls,
    user: Option<SecretRef>,
    password: Option<SecretRef>,
    timeout: Duration,
    door: Door,
    web: Arc<Web>,
    secrets: Secrets,
}

/// What is read at the moment it is used.
type Login = (Secret, Secret);

impl Smtp {
    pub fn new(channel: &model::Channel, files: DiskFiles, web: Arc<Web>, secrets: Secrets) -> Smtp {
        let config = &channel.config;
        let tls = match config.text("tls") {
            Some("implicit") => Tls::Implicit,
            Some("none") => Tls::None,
            _ => Tls::Upgraded,
        };
        let usual = match tls {
            Tls::Upgraded => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        };
        let secret = |name: &str| config.value(name).and_then(Scalar::secret).cloned();
        let port = config.child("server").and_then(|server| server.prop("port")?.integer());
        Smtp {
            name: channel.name.clone(),
            host: config.text("server").unwrap_or_default().to_owned(),
            port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(usual),
            tls,
            user: secret("user"),
            password: secret("password"),
            timeout: TIMEOUT,
            door: Door::new("channel", &channel.name, config, TIMEOUT, web.clone()),
            config: config.clone(),
            files,
            web,
            secrets,
        }
    }

    async fn run(&self, request: &Publish) -> Reply {
        if request.update {
            return Trouble::permanent(
                "a letter that is out cannot be changed, so the new text was not sent",
                "write to those who have it by hand, or let the next piece on the topic go out as a new one",
            )
            .into_reply(0);
        }
        self.door.ask(Reply::Published, |_| self.attempt(request)).await
    }

    async fn attempt(&self, request: &Publish) -> Result<Published, Trouble> {
        let (envelope, people) = self.addressed(request)?;
        let letter = letter::write(&envelope, request, self.web.wall.now())?;
        let login = self.login()?;
        let bytes = letter.formatted();
        let mut line = self.said(self.open(login.as_ref()), login.as_ref()).await?;
        let mut options = Vec::new();
        let everybody = letter.envelope().to().iter().chain(letter.envelope().from());
        if everybody.into_iter().any(|address| {
            let address: &str = address.as_ref();
            !address.is_ascii()
        }) {
            options.push(MailParameter::SmtpUtfEight);
        }
        if !bytes.is_ascii() && line.server_info().supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        self.said(line.command(Mail::new(letter.envelope().from().cloned(), options)), login.as_ref()).await?;
        let (mut taken, mut refused) = (0, None);
        for to in letter.envelope().to() {
            // One of many on a list is left out, whatever is wrong with their mailbox. Else one address that is refused stops the
            // letter for all, before anybody has it.
            let rcpt = async {
                match line.command(Rcpt::new(to.clone(), Vec::new())).await {
                    Err(error) if error.is_permanent() && self.config.has("audience") => Ok(Some(error)),
                    answer => answer.map(|_| None),
                }
            };
            match self.said(rcpt, login.as_ref()).await? {
                None => taken += 1,
                error => refused = error,
            }
        }
        if let (0, Some(error)) = (taken, refused) {
            return Err(self.refused(&error, login.as_ref()));
        }
        self.said(line.command(Data), login.as_ref()).await?;
        // From here on the server may have it.
        let id = envelope.message_id(&request.key);
        match tokio::time::timeout(self.timeout, line.message(&bytes)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.status().is_some() => return Err(self.refused(&error, login.as_ref())),
            Ok(Err(error)) => return Err(self.doubt(&format!("the line to `{}` broke ({error})", self.host), &id)),
            Err(_) => return Err(self.doubt(&format!("`{}` said nothing for {} s", self.host, self.timeout.as_secs()), &id)),
        }
        // It has the letter; how it says goodbye changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(2), line.quit()).await;
        let reach = people.map(|of| Reach { people: taken, of, left_out: Vec::new() });
        Ok(Published { location: format!("mid:{id}"), version: None, at: request.at, reach })
    }

    /// The envelope with everybody who is on a list, and how many people that are; `None` without a list.
    fn addressed(&self, request: &Publish) -> Result<(Envelope, Option<u32>), Trouble> {
        let mut envelope = self.envelope()?;
        if let Some(people) = &request.people {
            let key = PeopleKey::of(&self.web.paces)?;
            let gets = |mailbox: &Mailbox| people.has(key.person(mailbox.email.as_ref()));
            envelope.to.retain(gets);
            envelope.bcc.retain(gets);
        }
        if envelope.to.is_empty() && envelope.bcc.is_empty() {
            return Err(Trouble::permanent(
                format!("nobody is left on the lists of channel `{}`", self.name),
                "look at `audience` and `except`: whoever was to get it is not on the list any more",
            ));
        }
        let counts = request.people.is_some() || self.config.has("audience");
        let people = (envelope.to.len() + envelope.bcc.len()) as u32;
        Ok((envelope, counts.then_some(people)))
    }

    /// From whom and to whom, with the lists as they are now.
    fn envelope(&self) -> Result<Envelope, Trouble> {
        let mut envelope = Envelope::read(&self.name, &self.config)?;
        let except = readers::excepted(&self.config, &self.files)?;
        let listed = readers::listed(&self.name, &self.config, &self.files)?;
        let named: BTreeSet<String> = envelope.to.iter().chain(&envelope.bcc).map(plain).collect();
        envelope.bcc.extend(listed.into_iter().filter(|mailbox| !named.contains(&plain(mailbox))));
        envelope.to.retain(|mailbox| !except.contains(&plain(mailbox)));
        envelope.bcc.retain(|mailbox| !except.contains(&plain(mailbox)));
        Ok(envelope)
    }

    fn readers(&self) -> Result<Audience, Trouble> {
        let (envelope, key) = (self.envelope()?, PeopleKey::of(&self.web.paces)?);
        let people = readers::digests(envelope.to.iter().chain(&envelope.bcc), &key);
        if people.is_empty() {
            return Err(Trouble::permanent(
                format!("nobody is on the lists of channel `{}`", self.name),
                "look at `audience` and `except`",
            ));
        }
        Ok(Audience { people, key: key.name(), at: self.web.wall.now() })
    }

    fn login(&self) -> Result<Option<Login>, Trouble> {
        let (Some(user), Some(password)) = (&self.user, &self.password) else { return Ok(None) };
        let here = matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "::1");
        if self.tls == Tls::None && !here {
            return Err(Trouble::permanent(
                format!("channel `{}` would send its password over an open line", self.name),
                "write `tls \"starttls\"` or `tls \"implicit\"`",
            ));
        }
        Ok(Some((self.secrets.read(user)?, self.secrets.read(password)?)))
    }

    /// A line to the server, private and signed in as the channel says.
    async fn open(&self, login: Option<&Login>) -> Result<AsyncSmtpConnection, Error> {
        let us = ClientId::default();
        let tls = match self.tls {
            Tls::None => None,
            Tls::Upgraded | Tls::Implicit => Some(TlsParameters::new(self.host.clone())?),
        };
        let (implicit, starting) = if self.tls == Tls::Implicit { (tls, None) } else { (None, tls) };
        let server = (self.host.as_str(), self.port);
        let mut line = AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &us, implicit, None).await?;
        if let Some(tls) = starting {
            line.starttls(tls, &us).await?;
        }
        if let Some((user, password)) = login {
            let login = Credentials::new(user.expose().to_owned(), password.expose().to_owned());
            line.auth(&[Mechanism::Plain, Mechanism::Login], &login).await?;
        }
        Ok(line)
    }

    /// Something that is said before the letter: whatever goes wrong, nothing was sent.
    async fn said<T>(&self, what: impl Future<Output = Result<T, Error>>, login: Option<&Login>) -> Result<T, Trouble> {
        match tokio::time::timeout(self.timeout, what).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.refused(&error, login)),
            Err(_) => Err(Trouble::passing(
                format!("`{}` said nothing for {} s", self.host, self.timeout.as_secs()),
                format!("check `server` and `tls` of channel `{}`, or run again later", self.name),
            )),
        }
    }

    fn refused(&self, error: &Error, login: Option<&Login>) -> Trouble {
        let mut words = with_causes(error);
        for secret in login.into_iter().flat_map(|(user, password)| [user, password]) {
            words = secret.strike_out(&words);
        }
        let words = excerpt(&words, 200);
        let (host, port, name) = (&self.host, self.port, &self.name);
        let code = error.status().map(|code| code.to_string());
        match code.as_deref() {
            // RFC 4954: the login was wrong, or one is wanted.
            Some("530" | "534" | "535" | "538") => Trouble::permanent(
                format!("`{host}` does not let us in: {words}"),
                format!("check `user` and `password` of channel `{name}`"),
            ),
            Some(code) if code.starts_with('4') => Trouble::passing(
                format!("`{host}` asks to come later: {words}"),
                "nothing is wrong on this side: run again later, and tell the people of that server if it stays so",
            ),
            Some(_) => Trouble::permanent(
                format!("`{host}` refused the letter: {words}"),
                format!("read the server's words; the channel is `{name}`"),
            ),
            None if error.is_tls() || error.is_client() => Trouble::permanent(
                format!("no private line to `{host}` port {port}: {words}"),
                format!("check `tls` of channel `{name}`: `implicit` is usual on port 465, `starttls` on 587"),
            ),
            None => Trouble::passing(
                format!("cannot talk to `{host}` port {port}: {words}"),
                format!("check `server` of channel `{name}` and the network"),
            ),
        }
    }

    fn doubt(&self, what: &str, id: &str) -> Trouble {
        Trouble::in_doubt(
            format!("{what}, so the letter may or may not have gone out"),
            format!(
                "look for `Message-ID: <{id}>` in a mailbox that gets it or in the server's log, then tell what you found there"
            ),
        )
    }
}

/// An address as lists are compared by.
fn plain(mailbox: &Mailbox) -> String {
    mailbox.email.to_string().to_lowercase()
}

/// The error with what is behind it: alone it often says only "Connection error".
fn with_causes(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let said = next.to_string();
        if !words.contains(&said) {
            words.push_str(&format!(": {said}"));
        }
        cause = next.source();
    }
    words
}

impl Channel for Smtp {
    fn publish<'a>(&'a self, request: &'a Publish) -> Replying<'a> {
        Box::pin(self.run(request))
    }

    fn audience<'a>(&'a self) -> Replying<'a> {
        Box::pin(async move {
            match self.readers() {
                Ok(audience) => Reply::Audience(audience),
                Err(trouble) => trouble.into_reply(1),
            }
        })
    }

    /// A mail server has no way back: always in doubt.
    fn placed<'a>(&'a self, key: &'a str) -> Replying<'a> {
        Box::pin(async move {
            match Envelope::read(&self.name, &self.config) {
                Ok(envelope) => {
                    self.doubt("a mail server cannot say which letters it has", &envelope.message_id(key)).into_reply(1)
                }
                Err(trouble) => trouble.into_reply(1),
            }
        })
    }
}
