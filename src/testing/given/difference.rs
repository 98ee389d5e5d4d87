//! What is expected and what is there, line by line.

use serde::Serialize;
use std::fmt::Debug;

/// Panics with the difference if two values have not the same JSON.
#[track_caller]
pub(super) fn same_json<E: Serialize + ?Sized, A: Serialize + ?Sized>(what: &str, expected: &E, actual: &A) {
    let text = |value: serde_json::Result<serde_json::Value>| {
        format!("{:#}", value.expect("what is compared can be written as JSON"))
    };
    let (expected, actual) = (text(serde_json::to_value(expected)), text(serde_json::to_value(actual)));
    assert!(expected == actual, "{what} differ:\n{}", difference(&expected, &actual));
}

/// Panics with the difference if two values are not equal.
#[track_caller]
pub(super) fn same<T: PartialEq + Debug>(what: &str, expected: &T, actual: &T) {
    let shown = || difference(&format!("{expected:#?}"), &format!("{actual:#?}"));
    assert!(expected == actual, "{what} differ:\n{}", shown());
}

/// Both texts as one: lines of both, of `expected` alone (`-`), and of `actual` alone (`+`).
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    // common[i][j]: how many lines old[i..] and new[j..] have in common, in order
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let mut lines = vec!["- expected".to_owned(), "+ actual".to_owned()];
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(format!("  {}", old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn lines_that_differ_are_marked() {
        let shown = difference("a\nb\nc\nd", "a\nx\nc\nd\ne");
        assert_eq!(shown, "- expected\n+ actual\n  a\n- b\n+ x\n  c\n  d\n+ e");
        assert_eq!(difference("", "a"), "- expected\n+ actual\n+ a");
        assert_eq!(difference("a", ""), "- expected\n+ actual\n- a");
    }
}
