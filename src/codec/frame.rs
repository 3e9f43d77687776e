//! Frames: how content is kept.
//!
//! A frame is content as it is, one Zstandard frame (RFC 8878), or one Zstandard frame that needs
//! another content, its *base*, as a prefix. The last is what `zstd --patch-from=BASE` makes, so a
//! frame taken out of a file can be opened with `zstd -d --patch-from=BASE`. Frames carry no
//! checksum and no dictionary id of their own: the BLAKE3 hash of the content is its name.
//!
//! **Invariant:** decoding allocates what the recorded length says and nothing more; a frame that
//! yields more or less is an error.

use std::fmt;

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx};

use crate::model::id::BlobHash;

/// The compression level of frames written at once. Higher levels cost several times as much
/// and win little on deltas.
const LEVEL: i32 = 3;
/// One in two to this power of the base's positions is remembered for long matches. The usual 7
/// makes deltas of large documents some two percent larger.
const LDM_HASH_RATE_LOG: u32 = 6;
/// Windows larger than this are not used: 128 MiB, what every Zstandard decoder takes.
const WINDOW_LOG_MAX: u32 = 27;
/// The smallest window of the format.
const WINDOW_LOG_MIN: u32 = 10;
/// A delta of less than this share of the content is taken without trying what it would be whole.
const CLEARLY_SMALL: usize = 16;

/// How a frame is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// The content as it is: it does not get smaller.
    Raw,
    /// A Zstandard frame.
    Zstd,
    /// A Zstandard frame with the base as prefix.
    Delta,
}

impl Codec {
    /// All of them, in the order of their codes in the file.
    pub const ALL: [Codec; 3] = [Codec::Raw, Codec::Zstd, Codec::Delta];
}

/// Content as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How it is coded.
    pub codec: Codec,
    /// The bytes that are kept.
    pub data: Vec<u8>,
}

/// Why a frame could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// The BLAKE3 hash of content.
pub fn hash(content: &[u8]) -> BlobHash {
    BlobHash(*blake3::hash(content).as_bytes())
}

/// Takes content bit by bit and gives its BLAKE3 hash.
#[derive(Debug, Clone, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// No content yet.
    pub fn new() -> Self {
        Hasher::default()
    }

    /// Adds what comes next.
    pub fn update(&mut self, content: &[u8]) -> &mut Self {
        self.0.update(content);
        self
    }

    /// The hash of the content so far: what [`hash`] gives of all of it at once.
    pub fn hash(&self) -> BlobHash {
        BlobHash(*self.0.finalize().as_bytes())
    }
}

/// Encodes content, as a delta on `base` where one is given and that is smaller.
pub fn encode(content: &[u8], base: Option<&[u8]>) -> Frame {
    let delta = base.and_then(|base| compress(content, Some(base)));
    if let Some(delta) = &delta
        && delta.len() <= content.len() / CLEARLY_SMALL
    {
        return Frame { codec: Codec::Delta, data: delta.clone() };
    }
    let whole = compress(content, None).filter(|whole| whole.len() < content.len());
    let whole = match whole {
        Some(data) => Frame { codec: Codec::Zstd, data },
        None => Frame { codec: Codec::Raw, data: content.to_vec() },
    };
    match delta {
        // Reading a delta costs more than reading a whole; it has to win something.
        Some(data) if data.len() < whole.data.len() / 4 * 3 => Frame { codec: Codec::Delta, data },
        _ => whole,
    }
}

fn compress(content: &[u8], base: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut context = CCtx::try_create()?;
    let reach = content.len() + base.map_or(0, <[u8]>::len);
    let window = reach.next_power_of_two().trailing_zeros();
    let parameters = [
        CParameter::CompressionLevel(LEVEL),
        CParameter::WindowLog(window.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX)),
        CParameter::EnableLongDistanceMatching(base.is_some()),
        CParameter::LdmHashRateLog(LDM_HASH_RATE_LOG),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ];
    for parameter in parameters {
        context.set_parameter(parameter).ok()?;
    }
    if let Some(base) = base {
        context.ref_prefix(base).ok()?;
    }
    let mut data = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    context.compress2(&mut data, content).ok()?;
    data.shrink_to_fit();
    Some(data)
}

/// Decodes a frame to exactly `bytes` bytes.
///
/// `base` is the content of the frame's base, needed by [`Codec::Delta`] and ignored by the
/// others. That the result is what was encoded is for its hash to say.
pub fn decode(
    codec: Codec,
    data: &[u8],
    base: Option<&[u8]>,
    bytes: usize,
) -> Result<Vec<u8>, DecodeError> {
    let wrong_length =
        |found: usize| Err(DecodeError(format!("yields {found} bytes instead of {bytes}")));
    let mut context = match codec {
        Codec::Raw if data.len() == bytes => return Ok(data.to_vec()),
        Codec::Raw => return wrong_length(data.len()),
        Codec::Zstd | Codec::Delta => {
            DCtx::try_create().ok_or_else(|| DecodeError("no memory for a decoder".into()))?
        }
    };
    let fail = |code| DecodeError(format!("can't be decoded: {}", zstd_safe::get_error_name(code)));
    if codec == Codec::Delta {
        let base = base.ok_or_else(|| DecodeError("lacks its base".into()))?;
        context.ref_prefix(base).map_err(fail)?;
    }
    let mut content = Vec::new();
    content
        .try_reserve_exact(bytes)
        .map_err(|_| DecodeError(format!("no memory for {bytes} bytes")))?;
    context.decompress(&mut content, data).map_err(fail)?;
    if content.len() != bytes {
        return wrong_length(content.len());
    }
    Ok(content)
}
