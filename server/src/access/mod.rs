//! Who may talk to the server, and what it may do: whoever shows a bearer token (RFC 6750) that the server knows, or one that
//! somebody has signed whom it trusts.

mod claims;
mod key;
mod pass;
mod published;
mod rates;
mod signatures;
mod token;
mod verifier;

pub use key::{Key, KeyError, MAX_KEYS, MIN_SECRET};
pub use published::{KEYS_AGE, KEYS_PAUSE, KeysAddressError, PublishedKeys};
pub use token::{NotAToken, Token};
pub use verifier::{LEEWAY, Verifier};

pub(crate) use pass::Pass;
pub(crate) use rates::Rates;

use crate::refusal::Refusal;
use axum::http::{HeaderMap, header::AUTHORIZATION};
use std::sync::Arc;
use verifier::BadToken;

/// Who may use the logs.
#[derive(Clone, Debug)]
pub enum Access {
    /// Whoever holds one of these tokens. They allow everything.
    Tokens(Vec<Token>),
    /// Whoever holds one of these tokens, and whoever holds one that was signed for him, and allows what it says.
    Signed(Vec<Token>, Arc<Verifier>),
    /// Everybody who reaches the server.
    Open,
}

impl Access {
    /// What the bearer of the token in the `Authorization` header may do.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Pass, Refusal> {
        let (tokens, verifier) = match self {
            Self::Open => return Ok(Pass::default()),
            Self::Tokens(tokens) => (tokens, None),
            Self::Signed(tokens, verifier) => (tokens, Some(verifier)),
        };
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
        if Token::is_among(tokens, shown) {
            return Ok(Pass { holder: pass::digest(b"token", shown), ..Pass::default() });
        }
        let pass = match verifier {
            Some(verifier) => verifier.check(shown).await,
            None => Err(BadToken::Unknown),
        };
        pass.map_err(|error| Refusal::unauthorized(&error.to_string(), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admits(access: &Access, authorization: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.parse().unwrap());
        }
        access.admit(&headers).await.is_ok()
    }

    #[tokio::test]
    async fn only_a_known_token_is_admitted() {
        let access = Access::Tokens(["one", "two"].map(|token| Token::parse(token).unwrap()).to_vec());
        for good in ["Bearer one", "bearer two", "BEARER  one "] {
            assert!(admits(&access, Some(good)).await, "{good:?}");
        }
        for bad in ["", "one", "Bearer", "Bearer ", "Bearer on", "Bearer onet", "Basic one", "Bearer one two"]
        {
            assert!(!admits(&access, Some(bad)).await, "{bad:?}");
        }
        assert!(!admits(&access, None).await);
        assert!(admits(&Access::Open, None).await);
        assert!(!admits(&Access::Tokens(Vec::new()), Some("Bearer ")).await);
    }
}
