//! How deep brackets are nested in a query.

/// How deep brackets are nested, at most. Those in texts and comments do not count.
pub(super) fn depth(query: &str) -> usize {
    let mut rest = query.as_bytes();
    let (mut depth, mut deepest) = (0_usize, 0);
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'#' => after_comment(after),
            b'"' => match after.strip_prefix(b"\"\"") {
                Some(block) => after_block(block),
                None => after_text(after),
            },
            _ => after,
        };
        match byte {
            b'{' | b'[' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn after_comment(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    &bytes[end.unwrap_or(bytes.len())..]
}

/// A text ends with its line at the latest, where the parser refuses it.
fn after_text(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [] => return bytes,
            [b'"' | b'\n' | b'\r', rest @ ..] => return rest,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

fn after_block(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [] => return bytes,
            [b'"', b'"', b'"', rest @ ..] => return rest,
            [b'\\', b'"', b'"', b'"', rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_where_they_are_brackets() {
        for (query, expected) in [
            ("", 0),
            ("{ a }", 1),
            ("{ a(b: [{ c: 1 }]) { d } }", 4),
            ("}}}{", 1),
            ("{ a(b: \"{{{\") }", 2),
            ("{ a(b: \"\\\"{{{\") }", 2),
            ("{ a(b: \"\") { c { d } } }", 3),
            ("{ a(b: \"\"\"{ \" \\\"\"\" {{ \"\"\") }", 2),
            ("{ a # {{{ \" \n { b } }", 2),
            // What closes in a text closes nothing.
            ("[\"]\" [\"]\" [", 3),
            // The parser stops here, at the end of the line.
            ("{ a(b: \"\n [[[", 5),
        ] {
            assert_eq!(depth(query), expected, "{query}");
        }
    }
}
