//! Keys that follow from the operator's secret, one for each purpose.

use std::fmt;

use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _};
use fedwit_plugin::Error;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::SECRET;

/// Bytes of the secret.
const SECRET_BYTES: usize = 32;
/// Bytes of what tells two secrets apart.
pub(crate) const ID_BYTES: usize = 8;
/// Bytes of a salt.
pub(crate) const SALT_BYTES: usize = 32;

/// What is encrypted with, never the secret itself.
pub(crate) struct Keys {
    id: [u8; ID_BYTES],
    salts: [u8; 32],
    blobs: [u8; 32],
}

/// A salt in the making.
pub(crate) struct Salting(Hmac<Sha256>);

impl Keys {
    /// Takes a secret: 32 bytes, or 64 hexadecimal digits, which may end in a line break.
    pub(crate) fn of(secret: &[u8]) -> Result<Self, Error> {
        let secret = parse(secret).ok_or_else(|| {
            let given = secret.len();
            Error::Failed(format!(
                "the secret `{SECRET}` is no key: 32 bytes or 64 hexadecimal digits are, and it has {given} bytes"
            ))
        })?;
        let [id, salts, blobs] =
            ["id", "salt", "blob"].map(|purpose| hmac(&secret, format!("fedwit encrypted 1 {purpose}").as_bytes()));
        let mut short = [0; ID_BYTES];
        short.copy_from_slice(&id[..ID_BYTES]);
        Ok(Self { id: short, salts, blobs })
    }

    /// Tells whether two secrets are the same, and nothing else about them.
    pub(crate) fn id(&self) -> [u8; ID_BYTES] {
        self.id
    }

    /// Begins a salt.
    pub(crate) fn salting(&self) -> Salting {
        Salting(new(&self.salts))
    }

    /// What the blob of a salt is encrypted with.
    pub(crate) fn cipher(&self, salt: &[u8; SALT_BYTES]) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&Key::from(hmac(&self.blobs, salt)))
    }
}

impl Salting {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; SALT_BYTES] {
        self.0.finalize().into_bytes().into()
    }
}

/// Says that there are keys, and not which.
impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys")
    }
}

fn hmac(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut mac = new(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn new(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC takes a key of any length.
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("a key of 32 bytes"))
}

fn parse(secret: &[u8]) -> Option<[u8; SECRET_BYTES]> {
    if let Ok(secret) = secret.try_into() {
        return Some(secret);
    }
    let text = std::str::from_utf8(secret).ok()?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != SECRET_BYTES || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; SECRET_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? * 16 + low?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn a_secret_is_bytes_or_digits() {
        let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 7).unwrap());
        let digits = hex::encode(bytes);
        let id = Keys::of(&bytes).unwrap().id();
        for same in [digits.clone(), digits.to_uppercase(), format!("{digits}\n"), format!("{digits}\r\n")] {
            assert_eq!(Keys::of(same.as_bytes()).unwrap().id(), id, "{same:?}");
        }
        for bad in ["", "short", &digits[1..], &format!("{digits}0"), &format!("{digits}\n\n"), &"g".repeat(64)] {
            let Err(Error::Failed(why)) = Keys::of(bad.as_bytes()) else { panic!("{bad:?} is taken") };
            assert!(why.contains("`storage-key`") && (bad.is_empty() || !why.contains(bad)), "{why}");
        }
        assert!(Keys::of(&[0; 31]).is_err() && Keys::of(&[0; 33]).is_err());
    }

    #[test]
    fn other_secrets_have_other_ids_and_none_is_shown() {
        let keys = Keys::of(&[7; 32]).unwrap();
        assert_ne!(keys.id(), Keys::of(&[8; 32]).unwrap().id());
        assert_eq!(format!("{keys:?}"), "Keys");
    }
}
