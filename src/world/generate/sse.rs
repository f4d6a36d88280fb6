//! Server-sent events, as far as model servers use them (WHATWG HTML, section 9.2): bytes in, the data of each event out.

/// Puts events together from pieces of a stream that may be cut anywhere.
#[derive(Default)]
pub struct Events {
    line: Vec<u8>,
    data: String,
    has_data: bool,
}

impl Events {
    /// Takes the next bytes; answers with the data of every event that they complete. Comments and other fields are dropped.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' => {
                    if self.line.last() == Some(&b'\r') {
                        self.line.pop();
                    }
                    let line = std::mem::take(&mut self.line);
                    self.line_ended(&line, &mut complete);
                }
                other => self.line.push(*other),
            }
        }
        complete
    }

    /// The last event, when the stream ends without the empty line behind it.
    pub fn finish(mut self) -> Option<String> {
        let mut complete = Vec::new();
        let line = std::mem::take(&mut self.line);
        self.line_ended(&line, &mut complete);
        self.line_ended(b"", &mut complete);
        complete.pop()
    }

    fn line_ended(&mut self, line: &[u8], complete: &mut Vec<String>) {
        if line.is_empty() {
            if self.has_data {
                complete.push(std::mem::take(&mut self.data));
                self.has_data = false;
            }
            return;
        }
        let text = String::from_utf8_lossy(line);
        if let Some(value) = text.strip_prefix("data:") {
            if self.has_data {
                self.data.push('\n');
            }
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.has_data = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_the_stream_is_cut() {
        let stream = ": ping\nevent: delta\ndata: {\"a\":\ndata: 1}\r\n\r\ndata: second é\n\n\n\ndata:[DONE]\n\n".as_bytes();
        for size in 1..stream.len() {
            let mut events = Events::default();
            let heard: Vec<String> = stream.chunks(size).flat_map(|piece| events.feed(piece)).collect();
            assert_eq!(heard, ["{\"a\":\n1}", "second é", "[DONE]"], "in pieces of {size}");
            assert_eq!(events.finish(), None);
        }
    }

    #[test]
    fn an_event_that_was_not_closed_is_heard_at_the_end() {
        let mut events = Events::default();
        assert!(events.feed(b"data: last").is_empty());
        assert_eq!(events.finish().as_deref(), Some("last"));
        assert_eq!(Events::default().finish(), None);
    }
}
