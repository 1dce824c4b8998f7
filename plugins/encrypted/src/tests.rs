#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use fedwit_plugin::config;
use fedwit_plugin::testing::{blob, bytes, grant, grant_secret};

use super::*;
use crate::header::{HEADER_BYTES, TAG_BYTES};
use crate::seal::CHUNK;

const KEY: &str = "blobs/ab/abc";
const OTHER: &str = "blobs/ab/abd";

fn opened() -> Encrypted {
    opened_with(&std::array::from_fn::<u8, 32, _>(|index| u8::try_from(index).unwrap()))
}

fn opened_with(secret: &[u8]) -> Encrypted {
    grant(&Encrypted::permissions());
    grant_secret(SECRET, secret);
    Encrypted::open(config::parse("").unwrap()).unwrap()
}

/// Bytes that do not repeat chunk by chunk.
fn content(length: u64) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(index) >> 3).to_le_bytes()[0]).collect()
}

fn chunk() -> u64 {
    u64::from(CHUNK)
}

/// What lies at rest.
fn sealed(key: &str) -> Vec<u8> {
    bytes(&store::get(&at(key)).unwrap().unwrap()).to_vec()
}

fn got(adapter: &mut Encrypted, key: &str) -> Vec<u8> {
    bytes(&adapter.get(key).unwrap().unwrap()).to_vec()
}

/// The error that comes instead of a blob whose file was replaced.
#[track_caller]
fn refused(adapter: &mut Encrypted, file: &[u8], said: &str) {
    store::put(&at(KEY), &blob(file)).unwrap();
    match adapter.get(KEY) {
        Err(Error::Failed(why)) => {
            assert!(why.contains(said) && why.contains(KEY), "no `{said}` in: {why}");
        }
        other => panic!("instead of `{said}`: {other:?}"),
    }
}

/// Where the sealed chunk of a number lies, in a blob of full chunks.
fn place(number: u64) -> std::ops::Range<usize> {
    let sealed = chunk() + TAG_BYTES;
    let first = HEADER_BYTES as u64 + number * sealed;
    usize::try_from(first).unwrap()..usize::try_from(first + sealed).unwrap()
}

#[test]
fn what_was_put_is_what_is_got() {
    let mut adapter = opened();
    for length in [0, 1, 1000, chunk() - 1, chunk(), chunk() + 1, 2 * chunk(), 3 * chunk() + 17] {
        let content = content(length);
        adapter.put(KEY, &blob(&content)).unwrap();
        assert_eq!(got(&mut adapter, KEY), content, "{length} bytes");
        let chunks = length.div_ceil(chunk()).max(1);
        assert_eq!(sealed(KEY).len() as u64, HEADER_BYTES as u64 + length + chunks * TAG_BYTES);
    }
    assert_eq!(adapter.keys("blobs/", None, 10).unwrap(), [KEY]);
    adapter.remove(KEY).unwrap();
    assert!(adapter.get(KEY).unwrap().is_none());
}

/// The numbers are from Python's `hmac` and the ChaCha20-Poly1305 of its package `cryptography`.
#[test]
fn it_is_what_another_implementation_writes() {
    use sha2::Digest as _;

    let mut adapter = opened();
    adapter.put(KEY, &blob(b"weights")).unwrap();
    assert_eq!(hex::encode(sealed(KEY)), SEALED);
    adapter.put(KEY, &blob(&content(2 * chunk() + 5))).unwrap();
    assert_eq!(hex::encode(sha2::Sha256::digest(sealed(KEY))), SEALED_LONG);
}

const SEALED: &str = "666564776974454201000000000010000700000000000000bf328033f972cd84e5e3c4ac7f21a608640e914443a9701a6ace1e48bd4a531b18a5743dbabd3f39cd76ae5f54f9a9c22344cf1ea65681f551e0bd525cd162";
const SEALED_LONG: &str = "128f76ae8baa3438f7c490712bfbccb79a86f454631658b0c476862a922efd97";

#[test]
fn no_bit_can_be_changed() {
    let mut adapter = opened();
    adapter.put(KEY, &blob(b"weights")).unwrap();
    let file = sealed(KEY);
    for index in 0..file.len() {
        for bit in 0..8 {
            let mut changed = file.clone();
            changed[index] ^= 1 << bit;
            refused(&mut adapter, &changed, "damaged");
        }
    }
    refused(&mut adapter, b"weights", "cut short");
    refused(&mut adapter, &[b'x'; 200], "not written by this adapter");
    store::put(&at(KEY), &blob(&file)).unwrap();
    assert_eq!(got(&mut adapter, KEY), b"weights", "it is open still");
}

#[test]
fn chunks_stay_in_their_places() {
    let mut adapter = opened();
    adapter.put(KEY, &blob(&content(3 * chunk()))).unwrap();
    let file = sealed(KEY);
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let mut swapped = file.clone();
        swapped[place(one)].copy_from_slice(&file[place(other)]);
        swapped[place(other)].copy_from_slice(&file[place(one)]);
        refused(&mut adapter, &swapped, "damaged, out of its place");
        let mut repeated = file.clone();
        repeated[place(other)].copy_from_slice(&file[place(one)]);
        refused(&mut adapter, &repeated, "damaged, out of its place");
    }
}

#[test]
fn none_is_dropped_or_added() {
    let mut adapter = opened();
    adapter.put(KEY, &blob(&content(3 * chunk()))).unwrap();
    let file = sealed(KEY);
    let two = place(1).end;
    for cut in [two, two + 5, file.len() - 1, file.len() - 16, HEADER_BYTES, HEADER_BYTES - 1, 1, 0] {
        refused(&mut adapter, &file[..cut], "cut short");
    }
    refused(&mut adapter, &[&file[..], b"x"].concat(), "something was added");
    refused(&mut adapter, &[&file[..], &file[place(2)]].concat(), "something was added");
    // With a header that agrees, what it had said is not what was authenticated.
    for (length, file) in [(2 * chunk(), file[..two].to_vec()), (4 * chunk(), [&file[..], &file[place(2)]].concat())] {
        let mut agreeing = file;
        agreeing[16..24].copy_from_slice(&length.to_le_bytes());
        refused(&mut adapter, &agreeing, "damaged, out of its place");
    }
}

/// A header can say anything, and nothing is read or allocated on its word.
#[test]
fn a_header_that_lies_is_an_error() {
    let mut adapter = opened();
    adapter.put(KEY, &blob(b"weights")).unwrap();
    let file = sealed(KEY);
    for (place, number, said) in [
        (8, 2, "version 2"),
        (12, 0, "0 bytes"),
        (12, u64::from(u32::MAX), "4294967295 bytes"),
        (12, 1, "cut short"),
        (16, 8, "cut short"),
        (16, 6, "something was added"),
        (16, u64::MAX, "18446744073709551615 bytes"),
    ] {
        let mut lying = file.clone();
        let bytes = if place == 16 { 8 } else { 4 };
        lying[place..place + bytes].copy_from_slice(&number.to_le_bytes()[..bytes]);
        refused(&mut adapter, &lying, said);
    }
}

#[test]
fn a_blob_of_another_key_is_none_of_this_one() {
    let mut adapter = opened();
    adapter.put(OTHER, &blob(b"weights")).unwrap();
    let others = sealed(OTHER);
    refused(&mut adapter, &others, "of another blob");
    // Nor do chunks of another blob fit, of the same place and length.
    adapter.put(KEY, &blob(b"weights")).unwrap();
    let own = sealed(KEY);
    refused(&mut adapter, &[&own[..HEADER_BYTES], &others[HEADER_BYTES..]].concat(), "of another blob");
}

#[test]
fn under_another_secret_nothing_is_read() {
    opened().put(KEY, &blob(b"weights")).unwrap();
    let file = sealed(KEY);
    let mut other = opened_with(&[7; 32]);
    refused(&mut other, &file, "another secret");
    // Not even if the secret's id is forged.
    let mut forged = file.clone();
    forged[24..32].copy_from_slice(&other.keys.id());
    refused(&mut other, &forged, "damaged");
    store::put(&at(KEY), &blob(&file)).unwrap();
    assert_eq!(got(&mut opened(), KEY), b"weights");
}

/// The same bytes under the same key give the same file; anything else has a salt, and so a key, of its own.
#[test]
fn no_two_blobs_are_encrypted_with_one_key() {
    let mut adapter = opened();
    let mut salts = std::collections::BTreeSet::new();
    for (key, content) in [(KEY, &b"weights"[..]), (OTHER, b"weights"), (KEY, b"weightz"), (KEY, b"weight"), (KEY, b"")]
    {
        adapter.put(key, &blob(content)).unwrap();
        let first = sealed(key);
        adapter.put(key, &blob(content)).unwrap();
        assert_eq!(sealed(key), first);
        assert!(salts.insert(first[32..64].to_vec()), "{key} {content:?}");
    }
    opened_with(&[7; 32]).put(KEY, &blob(b"weights")).unwrap();
    assert!(salts.insert(sealed(KEY)[32..64].to_vec()));
}

#[test]
fn without_a_key_it_does_not_open() {
    let open = || Encrypted::open(config::parse("").unwrap());
    assert!(matches!(open(), Err(Error::Failed(why)) if why.contains(SECRET)));
    grant_secret(SECRET, b"hunter2");
    let Err(Error::Failed(why)) = open() else { panic!("it opens with a secret that is no key") };
    assert!(why.contains("32 bytes") && !why.contains("hunter2"), "{why}");
    assert!(config::parse::<Config>(r#"{"key": "x"}"#).is_err());
}
