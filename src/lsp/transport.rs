//! Messages over a stream: a header with the length, then JSON.
//!
//! What is not a message must not end the conversation, so this reader goes on after it: bad JSON in a whole frame is answered and
//! passed over, and what is no header is passed over up to the next one. The kinds of messages are those of `lsp-server`, whose own
//! reader ends at the first mistake.

use lsp_server::{Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};
use std::io::{self, BufRead, Read as _, Write};

/// Longest body that is read, in bytes. A document is at most 8 MiB, and JSON may write each character as six.
const LONGEST: u64 = 64 << 20;
/// Longest body that is passed over. A length beyond it is no length: waiting for its end would be waiting for ever.
const LONGEST_SKIPPED: u64 = 1 << 30;
/// Longest line of a header, in bytes.
const LONGEST_LINE: u64 = 4 << 10;

/// What came in.
#[derive(Debug)]
pub enum Incoming {
    Message(Message),
    /// Something that is no message; the answer to it.
    Malformed {
        id: Value,
        code: lsp_server::ErrorCode,
        message: String,
    },
}

/// The next message; `None` at the end of the stream.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length: Option<u64> = None;
    let mut garbage = false;
    loop {
        let mut line = Vec::new();
        let read = from.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let mut line = line.trim_end_matches(['\r', '\n']);
        // Behind a body that was not read as one, the next header stands on the same line.
        if length.is_none()
            && let Some((_, after)) = line.rsplit_once("Content-Length:").filter(|(before, _)| !before.is_empty())
            && !after.trim().is_empty()
            && after.trim().bytes().all(|byte| byte.is_ascii_digit())
        {
            line = &line[line.len() - after.len() - "Content-Length:".len()..];
        }
        if line.is_empty() {
            match length {
                Some(length) => return body(from, length),
                // Without a length, whatever the header says.
                None if garbage => return Ok(Some(malformed("expected a header with `Content-Length`"))),
                None => continue,
            }
        }
        match line.split_once(':') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("content-length") => match value.trim().parse() {
                Ok(number) if number > LONGEST_SKIPPED => {
                    return Ok(Some(malformed("`Content-Length` is more than any message has")));
                }
                Ok(number) => length = Some(number),
                Err(_) => return Ok(Some(malformed("`Content-Length` is not a number"))),
            },
            Some((name, _)) if name.trim().eq_ignore_ascii_case("content-type") => garbage |= length.is_none(),
            _ => garbage = true,
        }
    }
}

fn body(from: &mut impl BufRead, length: u64) -> io::Result<Option<Incoming>> {
    let mut rest = from.take(length);
    if length > LONGEST {
        // Passed over, so that what comes after it is understood.
        io::copy(&mut rest, &mut io::sink())?;
        return Ok(Some(malformed("the message is too large")));
    }
    let mut bytes = Vec::new();
    rest.read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice::<Value>(&bytes) {
        Ok(value) => message(value),
        Err(error) => malformed(&format!("the message is not JSON: {error}")),
    }))
}

fn malformed(message: &str) -> Incoming {
    Incoming::Malformed { id: Value::Null, code: lsp_server::ErrorCode::ParseError, message: message.to_owned() }
}

fn message(mut value: Value) -> Incoming {
    let invalid = |id: Value, message: &str| Incoming::Malformed {
        id,
        code: lsp_server::ErrorCode::InvalidRequest,
        message: message.to_owned(),
    };
    let Some(object) = value.as_object_mut() else { return invalid(Value::Null, "a message is a JSON object") };
    let id = object.remove("id");
    let params = object.remove("params").unwrap_or(Value::Null);
    match (object.remove("method"), id) {
        (Some(Value::String(method)), None) => Incoming::Message(Message::Notification(Notification { method, params })),
        (Some(Value::String(method)), Some(id)) => match serde_json::from_value::<RequestId>(id.clone()) {
            Ok(id) => Incoming::Message(Message::Request(Request { id, method, params })),
            Err(_) => {
                let echo = if id.is_number() || id.is_string() { id } else { Value::Null };
                invalid(echo, "`id` must be a text or a whole number of 32 bits")
            }
        },
        (Some(_), _) => invalid(Value::Null, "`method` must be a text"),
        // An answer to something we asked; its content does not matter to us.
        (None, Some(id)) if object.contains_key("result") || object.contains_key("error") => {
            match serde_json::from_value::<RequestId>(id) {
                Ok(id) => Incoming::Message(Message::Response(Response { id, response_result: Ok(Value::Null) })),
                Err(_) => invalid(Value::Null, "an answer to nothing"),
            }
        }
        (None, _) => invalid(Value::Null, "a message has a `method`"),
    }
}

/// Writes one message.
pub fn write(to: &mut impl Write, message: &Value) -> io::Result<()> {
    let text = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

pub fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

pub fn request(id: i32, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

pub fn answer(id: &RequestId, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

pub fn error(id: Value, code: lsp_server::ErrorCode, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code as i32, "message": message}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<String> {
        let mut from = io::BufReader::new(bytes);
        let mut found = Vec::new();
        while let Some(incoming) = read(&mut from).expect("memory") {
            found.push(match incoming {
                Incoming::Message(Message::Request(request)) => format!("request {} {}", request.id, request.method),
                Incoming::Message(Message::Notification(notification)) => format!("notification {}", notification.method),
                Incoming::Message(Message::Response(response)) => format!("response {}", response.id),
                Incoming::Malformed { id, message, .. } => format!("malformed {id}: {message}"),
            });
        }
        found
    }

    fn framed(text: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    }

    #[test]
    fn messages_of_every_kind_are_read() {
        let stream = framed(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[]}"#)
            + &framed(r#"{"method":"b"}"#)
            + "content-type: application/json\ncontent-length: 22\n\n"
            + r#"{"id":"x","result":{}}"#;
        assert_eq!(all(stream.as_bytes()), ["request 1 a", "notification b", "response \"x\""]);
    }

    #[test]
    fn what_is_no_message_is_answered_and_the_next_one_is_read() {
        let deep = "[".repeat(10_000);
        let good = framed(r#"{"method":"next"}"#);
        for (bad, says) in [
            (framed("{"), "not JSON"),
            (framed(&deep), "not JSON"),
            (framed("[]"), "a JSON object"),
            (framed("{}"), "has a `method`"),
            (framed(r#"{"method":1,"id":1}"#), "must be a text"),
            (framed(r#"{"method":"a","id":99999999999}"#), "malformed 99999999999"),
            (framed(r#"{"method":"a","id":null}"#), "malformed null"),
            (framed(r#"{"method":"a","id":[1]}"#), "malformed null"),
            ("Content-Length: many\r\n\r\n".to_owned(), "not a number"),
            ("Content-Length: -1\r\n\r\n".to_owned(), "not a number"),
            ("hello\r\n\r\n".to_owned(), "Content-Length"),
            ("Content-Type: application/json\r\n\r\n".to_owned(), "Content-Length"),
            ("Content-Length: 100000000000000\r\n\r\n".to_owned(), "more than any message has"),
            ("Content-Length: 100000000000000\r\n\r\n{\"method\":\"lost\"}".to_owned(), "more than any message has"),
            ("Content-Length: -5\r\n\r\n{\"method\":\"lost\"}".to_owned(), "not a number"),
        ] {
            let found = all((bad.clone() + &good).as_bytes());
            assert!(found[0].contains(says), "{bad}: {found:?}");
            assert_eq!(found.last().map(String::as_str), Some("notification next"), "{bad}: {found:?}");
        }
    }

    #[test]
    fn a_stream_that_ends_early_ends() {
        for stream in ["", "Content-Le", "Content-Length: 10\r\n\r\n{}", "\r\n\r\n"] {
            assert!(all(stream.as_bytes()).is_empty(), "{stream:?}");
        }
    }

    #[test]
    fn a_message_that_is_too_large_is_passed_over() {
        let stream = format!(
            "Content-Length: {}\r\n\r\n{}{}",
            LONGEST + 1,
            " ".repeat(LONGEST as usize + 1),
            framed(r#"{"method":"next"}"#)
        );
        assert_eq!(all(stream.as_bytes()), ["malformed null: the message is too large", "notification next"]);
    }
}
