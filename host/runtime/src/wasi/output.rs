//! From a stream of bytes to lines of the plugin's log.

/// Bytes of a line that has not ended yet; what is beyond them is dropped, as a log's lines are cut anyway.
const MOST: usize = 64 * 1024;

/// A line that has not ended yet.
#[derive(Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// Takes bytes in, and hands over each line that ends in them.
    pub(crate) fn write(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        let mut parts = bytes.split(|byte| *byte == b'\n');
        let first = parts.next().unwrap_or_default();
        self.push(first);
        for next in parts {
            self.end(&mut line);
            self.push(next);
        }
    }

    /// Hands over what has not ended, if there is anything.
    pub(crate) fn flush(&mut self, mut line: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.end(&mut line);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = MOST.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end(&mut self, line: &mut impl FnMut(&str)) {
        line(String::from_utf8_lossy(&self.line).trim_end_matches('\r'));
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut output, mut lines) = (Lines::default(), Vec::new());
        for piece in pieces {
            output.write(piece, |line| lines.push(line.to_owned()));
        }
        output.flush(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        assert_eq!(lines(&[b"a", b"b\nc", b"\r\n\nd"]), ["ab", "c", "", "d"]);
        assert!(lines(&[b"", b""]).is_empty());
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = vec![b'x'; MOST];
        assert_eq!(lines(&[&long, &long, b"\nnext"]).iter().map(String::len).collect::<Vec<_>>(), [MOST, 4]);
    }

    #[test]
    fn what_is_no_text_is_shown_as_such() {
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
    }
}
