//! Plain tokens: secrets that the server is started with.

use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// A secret that a client shows with each request, and that allows everything. Its text never appears in messages.
#[derive(Clone)]
pub struct Token(Box<str>);

/// The text can't be a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token is 1 to 4096 visible ASCII characters, without spaces")]
pub struct NotAToken;

impl Token {
    /// Checks a token.
    ///
    /// # Errors
    /// [`NotAToken`].
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.is_empty() || text.len() > 4096 || !visible { Err(NotAToken) } else { Ok(Self(text.into())) }
    }

    /// Whether one of the tokens is the one shown. Every token is compared, and each in constant time: the answer's delay says
    /// nothing about how much was right.
    pub(super) fn is_among(tokens: &[Self], shown: &[u8]) -> bool {
        let same = |known, Self(token): &Self| known | token.as_bytes().ct_eq(shown);
        tokens.iter().fold(Choice::from(0), same).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_form_and_does_not_show_itself() {
        for bad in ["", "a b", "ä", "a\n"] {
            assert_eq!(Token::parse(bad).unwrap_err(), NotAToken, "{bad:?}");
        }
        assert!(!format!("{:?}", Token::parse("secret").unwrap()).contains("secret"));
    }
}
