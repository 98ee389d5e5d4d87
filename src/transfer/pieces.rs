//! Cutting text into the JSON objects that it holds, whether they stand on lines or in an array, however it arrives.

use super::{ImportError, MAX_PIECE};

/// Takes text in parts and gives whole objects.
#[derive(Default)]
pub(crate) struct Pieces {
    text: String,
    /// How far the text has been looked at.
    at: usize,
    /// Where the object that is open began.
    start: usize,
    depth: u32,
    in_string: bool,
    is_escaped: bool,
    /// How many objects have been given.
    pub(crate) count: u64,
}

impl Pieces {
    /// Adds a part of the text.
    pub(crate) fn add(&mut self, part: &str) {
        self.text.push_str(part);
    }

    /// The next whole object, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<String>, ImportError> {
        let unreadable = |item, reason: String| Err(ImportError::Unreadable { item, reason });
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            self.at += 1;
            if self.in_string {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'{' | b'[' if self.depth > 0 => self.depth += 1,
                b'{' => {
                    (self.start, self.depth) = (self.at - 1, 1);
                }
                b'"' if self.depth > 0 => self.in_string = true,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' if self.depth == 1 => {
                    let piece = self.text[self.start..self.at].to_owned();
                    self.text.drain(..self.at);
                    (self.at, self.start, self.depth) = (0, 0, 0);
                    self.count += 1;
                    return Ok(Some(piece));
                }
                _ if self.depth > 0 => {}
                // what stands between objects: the array around them, commas, white space, a byte order mark
                b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' | 0xef | 0xbb | 0xbf => {}
                _ => {
                    let shown: String = self.text.chars().skip_while(|it| *it <= ' ').take(32).collect();
                    return unreadable(self.count + 1, format!("{shown:?} begins no JSON object"));
                }
            }
        }
        if self.text.len() - self.start > MAX_PIECE {
            return unreadable(self.count + 1, format!("it is over the limit of {MAX_PIECE} bytes"));
        }
        if self.depth == 0 {
            self.text.clear();
            self.at = 0;
        }
        Ok(None)
    }

    /// Whether an object has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(parts: &[&str]) -> Result<Vec<String>, ImportError> {
        let (mut pieces, mut found) = (Pieces::default(), Vec::new());
        for part in parts {
            pieces.add(part);
            while let Some(piece) = pieces.next()? {
                found.push(piece);
            }
        }
        Ok(found)
    }

    #[test]
    fn objects_are_found_on_lines_and_in_arrays_however_the_text_is_cut() {
        let objects = [r#"{"a":"}]\"\\"}"#, r#"{"b":[{"c":{}}],"é":"[{"}"#, "{}"];
        let texts = [
            objects.join("\n"),
            format!("[{}]", objects.join(",\n  ")),
            format!("\u{feff}{}\r\n", objects.join("\r\n")),
        ];
        for text in texts {
            assert_eq!(all(&[&text]).unwrap(), objects);
            let letters: Vec<String> = text.chars().map(String::from).collect();
            assert_eq!(all(&letters.iter().map(String::as_str).collect::<Vec<_>>()).unwrap(), objects);
        }
    }

    #[test]
    fn what_is_no_object_is_refused_by_its_number() {
        let error = all(&["{}\nhello"]).unwrap_err();
        assert_eq!(error.to_string(), "item 2 can't be imported: \"hello\" begins no JSON object");
    }
}
