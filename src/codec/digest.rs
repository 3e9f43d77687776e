//! Digests of what is known about things: 16 bytes of BLAKE3 over fields in a stated order.
//!
//! Each field is written with its kind and length, so that no two lists of fields have the same
//! bytes: a text or bytes as `1`, its length, itself; a number as `2` and eight bytes; nothing as
//! `0`. Lengths and numbers are 64 bits, little end first.

/// A digest: the first 16 bytes of a BLAKE3 hash.
pub type Digest = [u8; 16];

/// Makes a key for one purpose out of what is known about a thing; `purpose` says in words what for,
/// so that no two purposes have the same key (BLAKE3, `derive_key`).
pub fn derived_key(purpose: &str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(purpose, material)
}

/// A digest of bytes that only who has the key can make (BLAKE3, `keyed_hash`).
pub fn keyed(key: &[u8; 32], bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(&blake3::keyed_hash(key, bytes).as_bytes()[..16]);
    digest
}

/// Takes fields and makes a [`Digest`] of them.
#[derive(Default)]
pub struct Fields(blake3::Hasher);

impl Fields {
    /// No field yet.
    pub fn new() -> Self {
        Fields::default()
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&[1]).update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a text, or that there is none.
    pub fn text_or_none(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.none(),
        }
    }

    /// Adds a number.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(&[2]).update(&number.to_le_bytes());
        self
    }

    /// Adds a number, or that there is none.
    pub fn number_or_none(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.number(number),
            None => self.none(),
        }
    }

    fn none(&mut self) -> &mut Self {
        self.0.update(&[0]);
        self
    }

    /// The digest of the fields so far.
    pub fn digest(&self) -> Digest {
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        digest
    }
}
