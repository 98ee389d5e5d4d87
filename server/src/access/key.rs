//! Keys that tokens are signed with, and the files that hold them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use std::fmt;

/// The least bytes of a shared secret: those of the hash (RFC 7518, section 3.2).
pub const MIN_SECRET: usize = 32;
/// The most keys of a set; further ones are refused.
pub const MAX_KEYS: usize = 64;

/// A key that signatures are checked with, for one algorithm alone: HS256, RS256, ES256 or EdDSA (Ed25519).
#[derive(Clone)]
pub struct Key {
    pub(super) id: Option<Box<str>>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// What was given is no key that the server can use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is too short.
    #[error("a secret of {0} bytes is too short: HS256 needs at least {MIN_SECRET} random bytes")]
    ShortSecret(usize),
    /// The PEM holds something else than a public key.
    #[error("not a public key in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA)")]
    Pem,
    /// The text is no JSON Web Key Set.
    #[error("not a JSON Web Key Set: {0}")]
    Set(serde_json::Error),
    /// The set has too many keys.
    #[error("a set of {0} keys is over the limit of {MAX_KEYS}")]
    TooMany(usize),
    /// The set has no key that the server can use.
    #[error("the set has no key for RS256, ES256 or EdDSA signatures, nor a secret for HS256")]
    Empty,
}

impl Key {
    /// A secret that the issuer of the tokens shares (HS256).
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        Ok(Self { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) })
    }

    /// A public key as PEM (`-----BEGIN PUBLIC KEY-----`).
    ///
    /// # Errors
    /// [`KeyError::Pem`].
    pub fn pem(pem: &str) -> Result<Self, KeyError> {
        if !pem.contains("PUBLIC KEY-----") {
            return Err(KeyError::Pem);
        }
        let pem = pem.as_bytes();
        let (algorithm, key) = match (DecodingKey::from_ed_pem(pem), DecodingKey::from_ec_pem(pem)) {
            (Ok(key), _) => (Algorithm::EdDSA, key),
            (_, Ok(key)) => (Algorithm::ES256, key),
            _ => (Algorithm::RS256, DecodingKey::from_rsa_pem(pem).map_err(|_| KeyError::Pem)?),
        };
        Ok(Self { id: None, algorithm, key })
    }

    /// The keys of a JSON Web Key Set (RFC 7517) that signatures can be checked with; others are left out.
    ///
    /// # Errors
    /// [`KeyError`] if it is no set, over [`MAX_KEYS`], or holds none of use.
    pub fn set(json: &[u8]) -> Result<Vec<Self>, KeyError> {
        let JwkSet { keys } = serde_json::from_slice(json).map_err(KeyError::Set)?;
        if keys.len() > MAX_KEYS {
            return Err(KeyError::TooMany(keys.len()));
        }
        let keys: Vec<_> = keys.iter().filter_map(Self::of).collect();
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(keys) }
    }

    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
            _ => return None,
        };
        let said = match jwk.common.key_algorithm {
            None => Some(algorithm),
            Some(KeyAlgorithm::RS256) => Some(Algorithm::RS256),
            Some(KeyAlgorithm::ES256) => Some(Algorithm::ES256),
            Some(KeyAlgorithm::EdDSA) => Some(Algorithm::EdDSA),
            Some(KeyAlgorithm::HS256) => Some(Algorithm::HS256),
            Some(_) => None,
        };
        let signs = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let key = match &jwk.algorithm {
            AlgorithmParameters::RSA(key) => DecodingKey::from_rsa_der(&pkcs1(&key.n, &key.e)?),
            _ => DecodingKey::from_jwk(jwk).ok()?,
        };
        let is_short =
            algorithm == Algorithm::HS256 && key.try_get_as_bytes().map_or(0, <[u8]>::len) < MIN_SECRET;
        let id = jwk.common.key_id.as_deref().map(Into::into);
        (signs && said == Some(algorithm) && !is_short).then_some(Self { id, algorithm, key })
    }

    pub(super) fn is_secret(&self) -> bool {
        self.algorithm == Algorithm::HS256
    }

    /// Whether this is the key that a token names, or it names none.
    pub(super) fn is_named(&self, id: Option<&str>) -> bool {
        id.is_none() || self.id.as_deref() == id
    }

    /// Whether a token that names this key, or none, may have been signed with it.
    pub(super) fn may_be(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        let same = match (&self.id, id) {
            (Some(mine), Some(id)) => **mine == *id,
            _ => true,
        };
        same && self.algorithm == algorithm
    }
}

/// An RSA public key as RFC 8017, appendix A.1.1, writes it, from the numbers of RFC 7518, section 6.3.1.
fn pkcs1(modulus: &str, exponent: &str) -> Option<Vec<u8>> {
    let mut numbers = Vec::new();
    for number in [modulus, exponent] {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(number).ok()?;
        // Positive, in the fewest bytes.
        bytes.drain(..bytes.iter().take_while(|byte| **byte == 0).count());
        if *bytes.first()? >= 0x80 {
            bytes.insert(0, 0);
        }
        numbers.extend(element(0x02, &bytes)?);
    }
    element(0x30, &numbers)
}

/// An element of DER: its tag, its length and its content, which is below 64 KiB.
fn element(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let length = match (high, low) {
        (0, 0..0x80) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    Some([&[tag], &*length, content].concat())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, {:?})", self.id, self.algorithm)
    }
}
