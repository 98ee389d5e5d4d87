//! Who may talk to the server: whoever holds one of its bearer tokens (RFC 6750).

use crate::refusal::Refusal;
use axum::http::{HeaderMap, header::AUTHORIZATION};
use std::fmt;
use subtle::ConstantTimeEq;

/// A secret that a client shows with each request. Its text never appears in messages.
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
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Who may use the logs.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever holds one of these tokens.
    Tokens(Vec<Token>),
    /// Everybody who reaches the server.
    Open,
}

impl Access {
    /// Checks the `Authorization` header.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Self::Tokens(tokens) = self else { return Ok(()) };
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            return Err(Refusal::unauthorized("the request has no Authorization header", false));
        };
        let shown = match authorization.as_bytes().split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
            _ => {
                return Err(Refusal::unauthorized(
                    "the Authorization header is not of the form Bearer TOKEN",
                    false,
                ));
            }
        };
        // Every token is compared, and each in constant time: the answer's delay says nothing about how much was right.
        let known =
            tokens.iter().fold(0, |known, Token(token)| known | token.as_bytes().ct_eq(shown).unwrap_u8());
        if known == 1 {
            Ok(())
        } else {
            Err(Refusal::unauthorized("the server does not know this token", true))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(access: &Access, authorization: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        access.admit(&headers).is_ok()
    }

    #[test]
    fn only_a_known_token_is_admitted() {
        let access = Access::Tokens(["one", "two"].map(|token| Token::parse(token).unwrap()).to_vec());
        for good in ["Bearer one", "bearer two", "BEARER  one "] {
            assert!(admits(&access, Some(good)), "{good:?}");
        }
        for bad in ["", "one", "Bearer", "Bearer ", "Bearer on", "Bearer onet", "Basic one", "Bearer one two"]
        {
            assert!(!admits(&access, Some(bad)), "{bad:?}");
        }
        assert!(!admits(&access, None));
        assert!(admits(&Access::Open, None));
        assert!(!admits(&Access::Tokens(Vec::new()), Some("Bearer ")));
    }

    #[test]
    fn a_token_has_a_form_and_does_not_show_itself() {
        for bad in ["", "a b", "ä", "a\n"] {
            assert_eq!(Token::parse(bad).unwrap_err(), NotAToken, "{bad:?}");
        }
        assert!(!format!("{:?}", Token::parse("secret").unwrap()).contains("secret"));
    }
}
