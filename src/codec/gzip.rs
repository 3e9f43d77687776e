//! What was compressed with gzip, taken apart (RFC 1952). Nothing is written in this form.

use std::fmt;
use std::io::Read;

use flate2::read::MultiGzDecoder;

/// Why something compressed with gzip was not taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GzipError {
    /// It holds more than was to be taken.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is damaged, or no gzip.
    Damaged(String),
}

impl fmt::Display for GzipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GzipError::TooLarge { limit } => {
                write!(f, "what it holds in gzip is more than {limit} bytes")
            }
            GzipError::Damaged(why) => write!(f, "what it holds in gzip is damaged: {why}"),
        }
    }
}

impl std::error::Error for GzipError {}

/// Takes apart what was compressed, one part or several, of at most `limit` bytes. The checksum at
/// the end of each part is compared.
pub fn decode(compressed: &[u8], limit: u64) -> Result<Vec<u8>, GzipError> {
    let mut content = Vec::new();
    MultiGzDecoder::new(compressed)
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| GzipError::Damaged(error.to_string()))?;
    match content.len() as u64 > limit {
        true => Err(GzipError::TooLarge { limit }),
        false => Ok(content),
    }
}

/// The first `limit` bytes of what was compressed, as far as its beginning holds them.
pub fn head(compressed: &[u8], limit: usize) -> Vec<u8> {
    let mut decoder = MultiGzDecoder::new(compressed);
    let mut content = vec![0; limit];
    let mut filled = 0;
    while filled < limit {
        match decoder.read(&mut content[filled..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    content.truncate(filled);
    content
}
