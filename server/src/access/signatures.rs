//! The signatures of tokens, checked by the same library that the database connection is encrypted with (`ring`), so that the
//! server needs no other cryptography.

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
};
use ring::{hmac, signature as schemes};
use signature::{Error, Verifier};

/// Whoever embeds the server may have chosen another library for the process already: then that one stays.
pub(super) fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: no_signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    let _ = PROVIDER.install_default();
}

/// The server makes no tokens.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let scheme: Option<&'static dyn schemes::VerificationAlgorithm> = match algorithm {
        Algorithm::HS256 => None,
        Algorithm::RS256 => Some(&schemes::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::ES256 => Some(&schemes::ECDSA_P256_SHA256_FIXED),
        Algorithm::EdDSA => Some(&schemes::ED25519),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    // A key of one family must never be taken for one of another: with a public key as a secret, anybody could sign.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Signature { algorithm: *algorithm, scheme, key: key.try_get_as_bytes()?.into() }))
}

struct Signature {
    algorithm: Algorithm,
    /// None where the key is a shared secret.
    scheme: Option<&'static dyn schemes::VerificationAlgorithm>,
    key: Box<[u8]>,
}

impl Verifier<Vec<u8>> for Signature {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let matches = match self.scheme {
            None => hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), message, signature),
            Some(scheme) => schemes::UnparsedPublicKey::new(scheme, &self.key).verify(message, signature),
        };
        matches.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Signature {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
