//! Fingerprints of the code that makes states.

/// Tells apart the code that made a snapshot from the code that wants to use it: of the aggregate's name, the version of its
/// schema, its code where that can be looked at, and the upcasters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of some texts in order. FNV-1a, 64 bits (draft-eastlake-fnv): it has to notice change, not malice.
    #[must_use]
    pub fn of(texts: &[&str]) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for text in texts {
            // 0xff is in no UTF-8 text: it keeps "ab", "c" apart from "a", "bc"
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Self(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_texts_apart() {
        let texts: [&[&str]; 7] =
            [&[], &[""], &["ab", "c"], &["a", "bc"], &["abc"], &["abc", ""], &["", "abc"]];
        for (at, one) in texts.iter().enumerate() {
            assert_eq!(Fingerprint::of(one), Fingerprint::of(one));
            for other in &texts[at + 1..] {
                assert_ne!(Fingerprint::of(one), Fingerprint::of(other), "{one:?} {other:?}");
            }
        }
    }
}
