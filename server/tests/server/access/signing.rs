//! An issuer of tokens for the tests. It writes them by hand, also those that no honest one would.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const SECRET: &[u8] = b"a secret of the tests, 32 bytes or more";

/// Made for these tests alone: `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER`.
const RSA: &[u8] = include_bytes!("rsa-for-tests.der");

/// The keys of an issuer, one for each algorithm.
pub(super) struct Issuer {
    rsa: RsaKeyPair,
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

pub(super) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// `header.claims.signature`, with whatever signs.
pub(super) fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", base64(signature))
}

pub(super) fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// A token signed with the shared secret.
pub(super) fn hs256(claims: &Value) -> String {
    token(&json!({ "alg": "HS256", "typ": "JWT" }), claims, |message| hmac(SECRET, message))
}

impl Issuer {
    pub(super) fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self {
            rsa: RsaKeyPair::from_der(RSA).unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
        }
    }

    pub(super) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match algorithm {
            "HS256" => hmac(SECRET, message),
            "RS256" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            "ES256" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            other => panic!("{other}"),
        }
    }

    pub(super) fn token(&self, algorithm: &str, id: Option<&str>, claims: &Value) -> String {
        let mut header = json!({ "alg": algorithm, "typ": "JWT" });
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        token(&header, claims, |message| self.sign(algorithm, message))
    }

    /// The public keys as a JSON Web Key Set, named after their algorithms.
    pub(super) fn set(&self) -> Value {
        let rsa = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let point = &self.ec.public_key().as_ref()[1..];
        json!({ "keys": [
            { "kty": "RSA", "kid": "RS256", "use": "sig", "n": base64(rsa.n), "e": base64(rsa.e) },
            { "kty": "EC", "kid": "ES256", "crv": "P-256", "x": base64(&point[..32]), "y": base64(&point[32..]) },
            { "kty": "OKP", "kid": "EdDSA", "alg": "EdDSA", "crv": "Ed25519", "x": base64(self.ed.public_key()) },
            { "kty": "oct", "kid": "HS256", "k": base64(SECRET) },
            { "kty": "AKP", "kid": "later", "alg": "ML-DSA-44", "pub": "AA" },
            { "kty": "RSA", "kid": "for-encryption", "use": "enc", "n": "AQAB", "e": "AQAB" },
        ] })
    }

    pub(super) fn rsa_der(&self) -> &[u8] {
        self.rsa.public().as_ref()
    }

    /// The public keys in PEM: RSA, P-256 and Ed25519.
    pub(super) fn pems(&self) -> [(&'static str, String); 3] {
        let pem = |label: &str, der: &[u8]| {
            let text = base64::prelude::BASE64_STANDARD.encode(der);
            let lines: Vec<_> =
                text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
        };
        // RFC 8410 and RFC 5480: what stands before the key itself.
        let ed =
            [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0".as_slice(), self.ed.public_key().as_ref()]
                .concat();
        let ec = [
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\0".as_slice(),
            self.ec.public_key().as_ref(),
        ]
        .concat();
        [
            ("RS256", pem("RSA PUBLIC KEY", self.rsa_der())),
            ("ES256", pem("PUBLIC KEY", &ec)),
            ("EdDSA", pem("PUBLIC KEY", &ed)),
        ]
    }
}
