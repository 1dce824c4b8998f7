//! Who signed a component.
//!
//! A signature is ed25519 (RFC 8032) over a context string and the SHA-256 of the component's file. It lies beside the
//! file and not in it, so that a component has one digest, signed or not, and any toolchain's files can be signed. Keys
//! are PEM files as OpenSSL writes them (PKCS #8 and `SubjectPublicKeyInfo`, RFC 8410).

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use fedwit_domain::Digest;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// What is signed before the digest: a signature for anything else is none for a plugin.
const CONTEXT: &[u8] = b"fedwit plugin signature v1\0";

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A key to sign with.
pub struct SecretKey(SigningKey);

/// A signature: 128 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(ed25519_dalek::Signature);

/// The keys that plugins have to be signed with.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys {
    keys: Vec<PublicKey>,
    required: bool,
}

/// A file is no key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("this is no ed25519 key in PEM: {0}")]
pub struct KeyError(String);

/// Why a component is not taken for a signed one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SignatureError {
    /// There has to be one.
    #[error("the component is not signed, and this server takes only signed ones")]
    Missing,
    /// It is no signature at all.
    #[error("{0:.40?} is no signature: 128 hexadecimal digits are")]
    Malformed(String),
    /// It is of another file, or made with another key.
    #[error("the signature is not one of this component by a key that this server trusts")]
    Untrusted,
}

impl PublicKey {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// [`KeyError`] if it is no public key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_pem(pem).map(Self).map_err(|error| KeyError(error.to_string()))
    }

    /// Whether a component was signed with the key's other half.
    #[must_use]
    pub fn verifies(&self, component: &Digest, signature: &Signature) -> bool {
        self.0.verify_strict(&message(component), &signature.0).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl SecretKey {
    /// A key of these bytes, which have to be random and secret.
    #[must_use]
    pub fn from_random(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// [`KeyError`] if it is no secret key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|error| KeyError(error.to_string()))
    }

    /// The key as a PEM file.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be written.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|error| KeyError(error.to_string()))?;
        Ok(String::clone(&pem))
    }

    /// The other half as a PEM file.
    ///
    /// # Errors
    /// [`KeyError`] if it cannot be written.
    pub fn public_pem(&self) -> Result<String, KeyError> {
        self.0.verifying_key().to_public_key_pem(LineEnding::LF).map_err(|error| KeyError(error.to_string()))
    }

    /// The other half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a component.
    #[must_use]
    pub fn sign(&self, component: &Digest) -> Signature {
        Signature(self.0.sign(&message(component)))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0.to_bytes()))
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| SignatureError::Malformed(text.to_owned()))?;
        Ok(Self(ed25519_dalek::Signature::from_bytes(&bytes)))
    }
}

impl TrustedKeys {
    /// These keys; if signatures are required, nothing is installed without one.
    #[must_use]
    pub fn new(keys: Vec<PublicKey>, required: bool) -> Self {
        Self { keys, required }
    }

    /// The signature and the key that it was made with. Without any keys nothing can be checked, and what comes counts
    /// as not signed.
    ///
    /// # Errors
    /// [`SignatureError`] if one has to be there and is not, or if one is there and not good.
    pub fn check(
        &self,
        component: &Digest,
        signature: Option<&str>,
    ) -> Result<Option<(Signature, PublicKey)>, SignatureError> {
        let Some(signature) = signature.filter(|_| self.required || !self.keys.is_empty()) else {
            return if self.required { Err(SignatureError::Missing) } else { Ok(None) };
        };
        let signature: Signature = signature.parse()?;
        let key = self.keys.iter().find(|key| key.verifies(component, &signature));
        let key = key.ok_or(SignatureError::Untrusted)?;
        Ok(Some((signature, key.clone())))
    }
}

/// What a component is addressed by, and what is signed.
#[must_use]
pub fn component_digest(component: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(component).into())
}

fn message(component: &Digest) -> Vec<u8> {
    [CONTEXT, component.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_random(&[seed; 32])
    }

    fn component(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    #[test]
    fn a_signature_is_good_for_one_component_and_one_key() {
        let trusted = TrustedKeys::new(vec![key(1).public(), key(2).public()], true);
        let signature = key(2).sign(&component(7)).to_string();
        let (_, by) = trusted.check(&component(7), Some(&signature)).unwrap().unwrap();
        assert_eq!(by, key(2).public());
        assert_eq!(trusted.check(&component(8), Some(&signature)), Err(SignatureError::Untrusted));
        let stranger = key(3).sign(&component(7)).to_string();
        assert_eq!(trusted.check(&component(7), Some(&stranger)), Err(SignatureError::Untrusted));
        assert_eq!(trusted.check(&component(7), None), Err(SignatureError::Missing));
    }

    #[test]
    fn each_changed_digit_makes_it_none() {
        let trusted = TrustedKeys::new(vec![key(1).public()], false);
        let good = key(1).sign(&component(1)).to_string();
        for index in 0..good.len() {
            let digit = if &good[index..=index] == "0" { "1" } else { "0" };
            let bad = format!("{}{digit}{}", &good[..index], &good[index + 1..]);
            assert_eq!(trusted.check(&component(1), Some(&bad)), Err(SignatureError::Untrusted), "digit {index}");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused_even_where_none_is_needed() {
        let trusted = TrustedKeys::new(vec![key(1).public()], false);
        assert_eq!(trusted.check(&component(1), None), Ok(None));
        for bad in ["", "zz", &"0".repeat(126), &"0".repeat(130), &"é".repeat(64)] {
            assert!(matches!(trusted.check(&component(1), Some(bad)), Err(SignatureError::Malformed(_))), "{bad}");
        }
        // Nobody's keys are known: nothing is signed.
        assert_eq!(TrustedKeys::default().check(&component(1), Some("zz")), Ok(None));
        assert!(TrustedKeys::new(Vec::new(), true).check(&component(1), Some("zz")).is_err());
    }

    #[test]
    fn a_signature_for_something_else_is_none() {
        // The same key signs the bare digest, as another program might.
        let signature = Signature(key(1).0.sign(component(1).as_bytes()));
        assert!(!key(1).public().verifies(&component(1), &signature));
    }

    #[test]
    fn keys_are_files() {
        let (secret, public) = (key(5).to_pem().unwrap(), key(5).public_pem().unwrap());
        assert!(secret.starts_with("-----BEGIN PRIVATE KEY-----") && public.starts_with("-----BEGIN PUBLIC KEY-----"));
        assert_eq!(SecretKey::from_pem(&secret).unwrap().public(), PublicKey::from_pem(&public).unwrap());
        assert!(PublicKey::from_pem(&secret).is_err() && SecretKey::from_pem(&public).is_err());
        assert!(PublicKey::from_pem("").is_err());
    }

    /// Written by `openssl genpkey -algorithm ed25519`, with its other half by `openssl pkey -pubout`.
    #[test]
    fn keys_of_openssl_are_read() {
        let secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
                      -----END PRIVATE KEY-----\n";
        assert_eq!(SecretKey::from_pem(secret).unwrap().public(), key(7).public());
    }
}
