//! Signed tokens (JWT, RFC 7519): whether one is genuine, in force and meant for this server.

use super::{
    claims::Claims,
    key::Key,
    pass::{Pass, digest},
    published::PublishedKeys,
    signatures,
};
use jsonwebtoken::{Algorithm, Header, TokenData, Validation, decode, decode_header, errors::ErrorKind};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;

/// How far the clocks of issuer and server may differ.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// The longest token that is looked at, in bytes.
const MAX_LENGTH: usize = 16 << 10;

/// Checks signed tokens.
#[derive(Clone, Debug)]
pub struct Verifier {
    keys: Vec<Key>,
    published: Option<Arc<PublishedKeys>>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Verifier {
    /// Takes tokens that are signed with one of these keys.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        signatures::install();
        Self { keys, published: None, issuer: None, audience: None }
    }

    /// Takes also those that are signed with a key that is published.
    #[must_use]
    pub fn and_published(self, keys: PublishedKeys) -> Self {
        Self { published: Some(Arc::new(keys)), ..self }
    }

    /// Takes only tokens whose `iss` is this.
    #[must_use]
    pub fn issued_by(self, issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Takes only tokens whose `aud` is this, or holds it. Without it, a token that has an audience is refused: it is meant for
    /// somebody else (RFC 7519, section 4.1.3).
    #[must_use]
    pub fn meant_for(self, audience: impl Into<String>) -> Self {
        Self { audience: Some(audience.into()), ..self }
    }

    /// What the token allows.
    pub(super) async fn check(&self, token: &[u8]) -> Result<Pass, BadToken> {
        if token.len() > MAX_LENGTH {
            return Err(BadToken::TooLong(token.len()));
        }
        let header = decode_header(token).map_err(|_| BadToken::Unknown)?;
        // What a token insists on being understood (RFC 7515, section 4.1.11) is not, here.
        if header.crit.is_some() {
            return Err(BadToken::Unknown);
        }
        let Header { kid, alg, .. } = header;
        let mut published: Arc<[Key]> = Arc::default();
        if let Some(keys) = &self.published {
            keys.look_after();
            let is_known = |key: &Key| key.is_named(kid.as_deref()) && key.may_be(None, alg);
            if alg != Algorithm::HS256 && !self.keys.iter().chain(&*keys.known()).any(is_known) {
                keys.renew().await;
            }
            published = keys.known();
        }
        let mut refused = BadToken::Unknown;
        let keys = self.keys.iter().chain(&*published);
        for key in keys.filter(|key| key.may_be(kid.as_deref(), alg)) {
            match self.check_with(key, token) {
                Err(BadToken::Unknown) => {}
                Err(other) => refused = other,
                genuine => return genuine,
            }
        }
        Err(refused)
    }

    fn check_with(&self, key: &Key, token: &[u8]) -> Result<Pass, BadToken> {
        let TokenData { claims, .. } = decode::<Claims>(token, &key.key, &self.validation(key))?;
        let left = claims.exp + LEEWAY.as_secs_f64() - seconds_since_1970();
        // More than a year is as good as for ever.
        let left = Duration::from_secs_f64(left.clamp(0.0, 366.0 * 86_400.0));
        let pass = claims.pass().map_err(|error| BadToken::Claim(error.to_string()))?;
        let holder = match &pass.subject {
            Some(subject) => digest(b"subject", subject.as_bytes()),
            None => digest(b"token", token),
        };
        Ok(Pass { holder, until: Some(Instant::now() + left), ..pass })
    }

    fn validation(&self, key: &Key) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Why a token is not taken, in words that say nothing of the keys.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadToken {
    /// Nobody whom the server knows has signed it.
    #[error("the server does not know this token")]
    Unknown,
    #[error("a token of {0} bytes is over the limit of {MAX_LENGTH}")]
    TooLong(usize),
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    Early,
    #[error("the token is of another issuer")]
    Issuer,
    #[error("the token is meant for another audience")]
    Audience,
    #[error("the token is genuine, but {0}")]
    Claim(String),
}

impl From<jsonwebtoken::errors::Error> for BadToken {
    fn from(error: jsonwebtoken::errors::Error) -> Self {
        match error.kind() {
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::Early,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::MissingRequiredClaim(claim) => Self::Claim(format!("it has no claim {claim}")),
            ErrorKind::InvalidClaimFormat(claim) => Self::Claim(format!("its claim {claim} is none")),
            ErrorKind::Json(error) => Self::Claim(format!("its claims are not what they should be: {error}")),
            _ => Self::Unknown,
        }
    }
}
