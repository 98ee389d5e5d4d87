//! The arguments that say who may use the logs.

use super::ArgsError;
use clap::Parser;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tidelog_server::{Access, Key, PublishedKeys, Token, Verifier};

/// Who may use the logs.
#[derive(Parser)]
pub(crate) struct AccessArgs {
    /// Bearer token that clients show, and that allows everything; may be given several times. Other users of this machine can
    /// read arguments: prefer the environment, TIDELOG_TOKENS="ONE TWO"
    #[arg(long = "token", value_name = "TOKEN")]
    tokens: Vec<String>,

    /// Serve everybody, without a token
    #[arg(long, conflicts_with_all = ["tokens", "jwt_keys", "jwt_keys_url", "jwt_issuer", "jwt_audience"])]
    no_auth: bool,

    /// File with a key that signs tokens (JWT), which say what they allow: a public key in PEM (RS256, ES256, EdDSA) or a JSON
    /// Web Key Set; may be given several times. A secret for HS256 is given in the environment, TIDELOG_JWT_SECRET
    #[arg(long = "jwt-key", value_name = "FILE")]
    jwt_keys: Vec<PathBuf>,

    /// Address of the keys that sign tokens, as a JSON Web Key Set: https://…, or http://… on this machine. They are fetched when a token
    /// names one that is not known, at most once a minute, and every ten minutes
    #[arg(long, value_name = "URL")]
    jwt_keys_url: Option<String>,

    /// Take only signed tokens of this issuer (claim iss)
    #[arg(long, value_name = "ISSUER")]
    jwt_issuer: Option<String>,

    /// Take only signed tokens that are meant for this audience (claim aud); without it, only those without an audience
    #[arg(long, value_name = "AUDIENCE")]
    jwt_audience: Option<String>,
}

impl AccessArgs {
    /// Who may use the logs. The environment is read only if no token stands in the arguments.
    pub(crate) fn access(&self) -> Result<Access, ArgsError> {
        if self.no_auth {
            return Ok(Access::Open);
        }
        let environment = std::env::var("TIDELOG_TOKENS").unwrap_or_default();
        let tokens: Vec<&str> = match self.tokens.as_slice() {
            [] => environment.split([' ', ',', '\n', '\t']).filter(|token| !token.is_empty()).collect(),
            given => given.iter().map(String::as_str).collect(),
        };
        let tokens: Vec<_> = tokens.into_iter().map(Token::parse).collect::<Result<_, _>>()?;
        let keys = self.keys()?;
        match (tokens.is_empty(), keys.is_empty() && self.jwt_keys_url.is_none()) {
            (true, true) => Err(ArgsError::NoToken),
            (false, true) if self.jwt_issuer.is_some() || self.jwt_audience.is_some() => {
                Err(ArgsError::NoKey)
            }
            (false, true) => Ok(Access::Tokens(tokens)),
            (_, false) => Ok(Access::Signed(tokens, Arc::new(self.verifier(keys)?))),
        }
    }

    fn keys(&self) -> Result<Vec<Key>, ArgsError> {
        let mut keys = Vec::new();
        if let Ok(secret) = std::env::var("TIDELOG_JWT_SECRET") {
            keys.push(Key::secret(secret.as_bytes()).map_err(|error| ArgsError::Secret(error.to_string()))?);
        }
        for file in &self.jwt_keys {
            keys.extend(read(file).map_err(|reason| ArgsError::Key { file: file.clone(), reason })?);
        }
        Ok(keys)
    }

    fn verifier(&self, keys: Vec<Key>) -> Result<Verifier, ArgsError> {
        let mut verifier = Verifier::new(keys);
        if let Some(issuer) = &self.jwt_issuer {
            verifier = verifier.issued_by(issuer);
        }
        if let Some(audience) = &self.jwt_audience {
            verifier = verifier.meant_for(audience);
        }
        if let Some(url) = &self.jwt_keys_url {
            verifier = verifier.and_published(PublishedKeys::at(url)?);
        }
        Ok(verifier)
    }
}

fn read(file: &Path) -> Result<Vec<Key>, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let keys = if text.trim_start().starts_with('{') {
        Key::set(text.as_bytes())
    } else {
        Key::pem(&text).map(|key| vec![key])
    };
    keys.map_err(|error| error.to_string())
}
