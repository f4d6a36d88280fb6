//! Modules over every way that git knows to a repository: a file, `git://`, `http://`, `https://` and `ssh`, each against the real server
//! side of git on the loopback.

use super::place::{FIRST, Place, Ran};
use crate::skip;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOCK: &str = "workflows/loop.lock";

/// A bare repository `srv/voice.git` with two releases and a branch that is ahead of them. `None` without git.
fn upstream() -> Option<Place> {
    if Command::new("git").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip::skipped(Path::new("git"));
        return None;
    }
    let place = Place::new();
    place.write("work/module.kdl", "");
    git(&place, "work", "init --quiet --initial-branch=main");
    for (version, tag) in [("1.0.0", true), ("1.1.0", true), ("1.2.0", false)] {
        place.write("work/module.kdl", super::packages::voice(version));
        git(&place, "work", "add -A");
        git(&place, "work", &format!("commit --quiet -m {version}"));
        if tag {
            git(&place, "work", &format!("tag v{version}"));
        }
    }
    fs::create_dir_all(place.path("srv")).expect("ours");
    git(&place, "srv", "clone --quiet --bare ../work voice.git");
    Some(place)
}

fn git(place: &Place, folder: &str, words: &str) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
        .args(words.split_whitespace())
        .current_dir(place.path(folder))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", place.path(""))
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The newest tag, a named tag, a branch and a commit; then a machine that has the lock and nothing else.
fn everything_can_be_named(place: &Place, url: &str, settings: &[(&str, &Path)]) {
    let run = |words: &str| -> Ran {
        let mut command = place.command(words);
        command.envs(settings.iter().copied());
        Ran::of(&mut command)
    };
    let first = git(place, "work", "rev-parse v1.0.0");
    for (source, version, locked) in [
        (format!("{url}@^1"), "1.1.0", "tag=\"v1.1.0\"".to_owned()),
        (format!("{url} --tag v1.0.0"), "1.0.0", "tag=\"v1.0.0\"".to_owned()),
        (format!("{url} --branch main"), "1.2.0", "branch=\"main\"".to_owned()),
        (format!("{url} --rev {first}"), "1.0.0", format!("rev=\"{first}\"")),
    ] {
        run(&format!("add {source} --workflow {FIRST}")).exit(0).says(&format!("Added `acme/voice` {version}"));
        let lock = place.read(LOCK);
        assert!(lock.contains(&locked) && lock.contains(&format!("url=\"{url}\"")), "{lock}");
        run("remove voice").exit(0);
    }
    run(&format!("add {url}@=1.0.0 --workflow {FIRST}")).exit(0);
    place.edit(FIRST, "acme/voice@=1.0.0", "acme/voice@^1");
    run("update").exit(0).says("1.0.0 → 1.1.0");
    fs::remove_dir_all(place.path(".cache")).expect("it is there");
    place.run(&format!("validate {FIRST}")).exit(3).warns("loop::module-unavailable");
    run("update --locked").exit(0).says("fetched");
    run(&format!("add {url} --tag v9.9.9 --workflow {FIRST}")).exit(2);
    // From here on nobody is asked.
    place.run(&format!("validate {FIRST} --allow loop::unused-module")).exit(0);
}

#[test]
fn a_file_address() {
    let Some(place) = upstream() else { return };
    everything_can_be_named(&place, &format!("file://{}", place.path("srv/voice.git").display()), &[]);
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // After the end of the test nobody needs it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_daemon_of_git() {
    let Some(place) = upstream() else { return };
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    let exec = git(&place, "", "--exec-path");
    let daemon = PathBuf::from(exec).join("git-daemon");
    if !daemon.exists() {
        return skip::skipped(&daemon);
    }
    // The program itself and not through `git`, so that it is the one that ends.
    let child = Command::new(daemon)
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", place.path("srv").display()))
        .arg(place.path("srv"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let _running = Running(child);
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the daemon does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    everything_can_be_named(&place, &format!("git://127.0.0.1:{port}/voice.git"), &[]);
}

#[test]
fn a_web_server() {
    let Some(place) = upstream() else { return };
    let Some(address) = served(&place, None) else { return };
    everything_can_be_named(&place, &format!("http://{address}/voice.git"), &[]);
}

#[test]
fn a_web_server_that_proves_who_it_is() {
    let Some(place) = upstream() else { return };
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let Some(address) = served(&place, Some(&fixtures)) else { return };
    let url = format!("https://{address}/voice.git");
    // One that nobody vouches for is not believed.
    place.run(&format!("add {url} --workflow {FIRST}")).fails(2, "packages::unreachable-source");
    everything_can_be_named(&place, &url, &[("GIT_SSL_CAINFO", &fixtures.join("loopback.pem"))]);
}

#[test]
fn a_secure_shell() {
    let Some(place) = upstream() else { return };
    // In the place of `ssh`: what the other side would be asked to run, is run here.
    place.write("ssh", "#!/bin/sh\nfor last; do :; done\necho \"$*\" >> \"$HOME/ssh.log\"\nexec sh -c \"$last\"\n");
    let stub = place.path("ssh");
    fs::set_permissions(&stub, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let bare = place.path("srv/voice.git").display().to_string();
    let settings: [(&str, &Path); 2] = [("GIT_SSH_COMMAND", &stub), ("GIT_SSH_VARIANT", Path::new("ssh"))];
    everything_can_be_named(&place, &format!("ssh://git@example.com{bare}"), &settings);
    let asked = place.read("ssh.log");
    assert!(asked.contains("git@example.com") && asked.contains(&format!("git-upload-pack '{bare}'")), "{asked}");
    assert_eq!(asked.matches("git-receive-pack").count(), 0, "nothing is ever sent there");
    // As people write it.
    let mut command = place.command(&format!("add git@example.com:{bare}@^1 --workflow {FIRST}"));
    command.envs(settings);
    Ran::of(&mut command).exit(0);
}

/// Serves the folder `srv` with git's own program for the web, over TLS when there is a certificate.
fn served(place: &Place, tls: Option<&Path>) -> Option<String> {
    let backend = PathBuf::from(git(place, "", "--exec-path")).join("git-http-backend");
    if !backend.exists() {
        skip::skipped(&backend);
        return None;
    }
    let tls = tls.map(|folder| {
        use rustls::pki_types::pem::PemObject as _;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificate = CertificateDer::from_pem_file(folder.join("loopback.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(folder.join("loopback.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("ring knows them").with_no_client_auth().with_single_cert(vec![certificate], key);
        Arc::new(config.expect("they belong together"))
    });
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let root = place.path("srv");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (backend, root, tls) = (backend.clone(), root.clone(), tls.clone());
            // A client that goes away in the middle is its own affair.
            std::thread::spawn(move || match tls {
                None => drop(answer(stream, &backend, &root)),
                Some(config) => {
                    let connection = rustls::ServerConnection::new(config).expect("a configuration that works");
                    let mut stream = rustls::StreamOwned::new(connection, stream);
                    let _ = answer(&mut stream, &backend, &root);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            });
        }
    });
    Some(address)
}

/// One request: read, handed to git as a CGI program is, and answered.
fn answer(stream: impl Read + Write, backend: &Path, root: &Path) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let lines = head.iter().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let mut words = head.first().map_or("", String::as_str).split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if header("expect").is_some() {
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let mut child = Command::new(backend)
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", length.to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("it is piped");
    let sent = std::thread::spawn(move || stdin.write_all(&body));
    let output = child.wait_with_output()?;
    let _ = sent.join();
    let split = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.stdout.len());
    let (fields, rest) = output.stdout.split_at(split);
    let fields = String::from_utf8_lossy(fields);
    let status = fields.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let fields: String = fields.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let rest = rest.get(4..).unwrap_or_default();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n", rest.len());
    let stream = stream.get_mut();
    stream.write_all(head.as_bytes())?;
    stream.write_all(rest)?;
    stream.flush()
}
