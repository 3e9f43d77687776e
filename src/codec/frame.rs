//! Frames: how content is kept.
//!
//! A frame is content as it is, one Zstandard frame (RFC 8878), or one Zstandard frame that needs
//! another content, its *base*, as a prefix. The last is what `zstd --patch-from=BASE` makes, so a
//! frame taken out of a file can be opened with `zstd -d --patch-from=BASE`. Frames carry no
//! checksum and no dictionary id of their own: the BLAKE3 hash of the content is its name.
//!
//! A PNG can be kept in another [`Form`], [opened](crate::codec::png): then the two kinds of
//! Zstandard frame hold that, with the length of the opened form before them, as a number of seven
//! bits a byte, the lowest first, the highest bit set in all bytes but the last. The base is an
//! opened form as well.
//!
//! **Invariant:** decoding allocates what the recorded length says and nothing more; a frame that
//! yields more or less is an error. The length that stands before an opened form is compared with
//! [`OPENED_BYTES_MAX`] first.

use zstd::zstd_safe::{self, CCtx, CParameter, DCtx};

use crate::codec::png::{self, OPENED_BYTES_MAX};
use crate::codec::{DecodeError, packed, patch, varint};
use crate::model::id::BlobHash;

/// How a frame is made: a compression level, and how what the content shares with its base is found.
#[derive(Clone, Copy)]
struct Tuning {
    level: i32,
    /// Whether long matches are looked for in all of the base.
    far: bool,
    /// Two to this power positions are remembered, where it is not what the level says.
    hash_log: Option<u32>,
}

impl Tuning {
    const fn at(level: i32) -> Self {
        Tuning { level, far: true, hash_log: None }
    }
}

/// Frames written at once. Higher levels cost several times as much and win little on deltas.
const USUAL: Tuning = Tuning::at(3);
/// What is written in bulk, of which there is so much that it is waited for. With fewer positions than
/// these, those at the beginning of the base are forgotten before the content is looked at, and
/// documents come out whole.
const QUICK: Tuning = Tuning { level: 1, far: false, hash_log: Some(17) };
/// Pictures written at once: entropy coding and hardly more, which wins as much on them as [`USUAL`]
/// at a quarter of the cost.
const PACKED: Tuning = Tuning::at(-1);
/// Deltas on pictures written at once. What they have in common is long.
const PACKED_DELTA: Tuning = Tuning::at(1);
/// Frames written when there is time. Levels above want a memory that grows with the base, and win
/// half a percent.
const COLD: Tuning = Tuning::at(19);
/// One in two to this power of the base's positions is remembered for long matches. The usual 7
/// makes deltas of large documents some two percent larger.
const LDM_HASH_RATE_LOG: u32 = 6;
/// Windows larger than this are not used: 128 MiB, what every Zstandard decoder takes.
const WINDOW_LOG_MAX: u32 = 27;
/// The smallest window of the format.
const WINDOW_LOG_MIN: u32 = 10;
/// A delta of less than this share of the content is taken without trying what it would be whole.
const CLEARLY_SMALL: usize = 16;

/// What a content is while it is encoded and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The content itself.
    Restored,
    /// The opened form of a PNG.
    Opened,
}

/// How a frame is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// The content as it is: it does not get smaller.
    Raw,
    /// A Zstandard frame.
    Zstd,
    /// A Zstandard frame with the base as prefix.
    Delta,
    /// The length of a PNG's opened form and a Zstandard frame of it.
    Opened,
    /// The same, with the base's opened form as prefix. The base is coded in one of these two ways.
    OpenedDelta,
}

impl Codec {
    /// All of them, in the order of their codes in the file.
    pub const ALL: [Codec; 5] =
        [Codec::Raw, Codec::Zstd, Codec::Delta, Codec::Opened, Codec::OpenedDelta];

    /// The form that [`decode`] gives.
    pub fn form(self) -> Form {
        match self {
            Codec::Raw | Codec::Zstd | Codec::Delta => Form::Restored,
            Codec::Opened | Codec::OpenedDelta => Form::Opened,
        }
    }

    /// The form that [`decode`] needs the base in; nothing where it needs no base.
    pub fn base_form(self) -> Option<Form> {
        match self {
            Codec::Raw | Codec::Zstd | Codec::Opened => None,
            Codec::Delta => Some(Form::Restored),
            Codec::OpenedDelta => Some(Form::Opened),
        }
    }
}

/// Content as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How it is coded.
    pub codec: Codec,
    /// The bytes that are kept.
    pub data: Vec<u8>,
}

impl Frame {
    /// Whether it decodes, on this base, to exactly this content: what is asked of each frame before
    /// it takes the place of the content.
    pub fn gives(&self, content: &[u8], base: Option<&[u8]>) -> bool {
        if self.codec == Codec::Raw {
            return self.data == content;
        }
        decode(self.codec, &self.data, base, content.len())
            .and_then(|decoded| restore(self.codec, decoded, content.len()))
            .is_ok_and(|decoded| decoded == content)
    }
}

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

/// How hard it is tried to make a frame small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// As it can be done while somebody waits.
    #[default]
    Usual,
    /// At a third of the cost, and a tenth where the content is its base but in a few places.
    /// Documents become up to 7 % larger, deltas on them up to a quarter; pictures are kept as they
    /// are, which is some 3 % more.
    Quick,
}

/// Encodes content, as a delta on `base` where one is given and that is smaller.
pub fn encode(content: &[u8], base: Option<&[u8]>) -> Frame {
    encode_with(Effort::Usual, content, base)
}

/// Encodes content as [`encode`] does, with this effort. Reading it costs the same.
pub fn encode_with(effort: Effort, content: &[u8], base: Option<&[u8]>) -> Frame {
    match (effort, packed::is_packed(content)) {
        (Effort::Usual, true) => encode_at(Some(PACKED), PACKED_DELTA, content, base),
        (Effort::Quick, true) => encode_at(None, PACKED_DELTA, content, base),
        (Effort::Usual, false) => encode_at(Some(USUAL), USUAL, content, base),
        (Effort::Quick, false) => match base.and_then(|base| patch::patch(content, base)) {
            Some(data) => Frame { codec: Codec::Delta, data },
            None => encode_at(Some(QUICK), QUICK, content, base),
        },
    }
}

/// Encodes content as [`encode`] does, at some fifty times the cost, a twelfth to a sixth
/// smaller. Reading it costs no more.
pub fn encode_cold(content: &[u8], base: Option<&[u8]>) -> Frame {
    encode_at(Some(COLD), COLD, content, base)
}

/// Encodes content, whole and as a delta with these tunings; whole it is kept as it is where there is
/// none for that.
fn encode_at(whole: Option<Tuning>, delta: Tuning, content: &[u8], base: Option<&[u8]>) -> Frame {
    let base = base
        .filter(|base| !packed::is_packed(content) || packed::begins_or_ends_alike(content, base));
    let delta = base.and_then(|base| compress(delta, content, Some(base), Vec::new()));
    if let Some(delta) = &delta
        && delta.len() <= content.len() / CLEARLY_SMALL
    {
        return Frame { codec: Codec::Delta, data: delta.clone() };
    }
    let whole = whole
        .and_then(|whole| compress(whole, content, None, Vec::new()))
        .filter(|whole| whole.len() < content.len());
    let whole = match whole {
        Some(data) => Frame { codec: Codec::Zstd, data },
        None => Frame { codec: Codec::Raw, data: content.to_vec() },
    };
    match delta {
        Some(data) if wins(&data, &whole.data) => Frame { codec: Codec::Delta, data },
        _ => whole,
    }
}

/// Encodes the opened form of a PNG of `bytes` bytes, as a delta on the opened form `base` where
/// one is given and that is smaller; nothing where the PNG itself is no larger, or the form is
/// larger than any that is opened. Takes a second for
/// 20 MB, and some 150 MB of memory.
pub fn encode_opened(opened: &[u8], base: Option<&[u8]>, bytes: usize) -> Option<Frame> {
    if opened.len() > OPENED_BYTES_MAX {
        return None;
    }
    let compress = |base| {
        let mut head = Vec::new();
        varint::put(&mut head, opened.len() as u64);
        compress(COLD, opened, base, head).filter(|data| data.len() < bytes)
    };
    let delta = base.and_then(|base| compress(Some(base)));
    if let Some(delta) = &delta
        && delta.len() <= bytes / CLEARLY_SMALL
    {
        return Some(Frame { codec: Codec::OpenedDelta, data: delta.clone() });
    }
    match (delta, compress(None)) {
        (Some(data), Some(whole)) if !wins(&data, &whole) => {
            Some(Frame { codec: Codec::Opened, data: whole })
        }
        (Some(data), _) => Some(Frame { codec: Codec::OpenedDelta, data }),
        (None, Some(data)) => Some(Frame { codec: Codec::Opened, data }),
        (None, None) => None,
    }
}

/// Whether a delta is taken. Reading it costs more than reading a whole; it has to win something.
fn wins(delta: &[u8], whole: &[u8]) -> bool {
    delta.len() < whole.len() / 4 * 3
}

/// Adds a Zstandard frame of the content to `head`.
fn compress(tuning: Tuning, content: &[u8], base: Option<&[u8]>, head: Vec<u8>) -> Option<Vec<u8>> {
    let mut context = CCtx::try_create()?;
    let reach = content.len() + base.map_or(0, <[u8]>::len);
    let window = reach.next_power_of_two().trailing_zeros();
    let parameters = [
        CParameter::CompressionLevel(tuning.level),
        CParameter::WindowLog(window.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX)),
        CParameter::EnableLongDistanceMatching(base.is_some() && tuning.far),
        CParameter::LdmHashRateLog(LDM_HASH_RATE_LOG),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ];
    let parameters = parameters.into_iter().chain(tuning.hash_log.map(CParameter::HashLog));
    for parameter in parameters {
        context.set_parameter(parameter).ok()?;
    }
    if let Some(base) = base {
        context.ref_prefix(base).ok()?;
    }
    let mut data = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    context.compress2(&mut data, content).ok()?;
    data.splice(..0, head);
    data.shrink_to_fit();
    Some(data)
}

/// Decodes a frame to its codec's [form](Codec::form): exactly `bytes` bytes of content, or the
/// opened form of a content of so many bytes.
///
/// `base` is the base of the frame in the form that its codec [needs](Codec::base_form), and
/// ignored by those that need none. That the result is what was encoded is for its hash to say,
/// once it is [restored](restore).
pub fn decode(
    codec: Codec,
    data: &[u8],
    base: Option<&[u8]>,
    bytes: usize,
) -> Result<Vec<u8>, DecodeError> {
    let base = match codec.base_form() {
        Some(_) => Some(base.ok_or_else(|| DecodeError("lacks its base".into()))?),
        None => None,
    };
    match codec {
        Codec::Raw if data.len() == bytes => Ok(data.to_vec()),
        Codec::Raw => Err(wrong_length(data.len(), bytes)),
        Codec::Zstd | Codec::Delta => decompress(data, base, bytes),
        Codec::Opened | Codec::OpenedDelta => {
            let (opened_bytes, frame) = opened_head(data)?;
            decompress(frame, base, opened_bytes)
        }
    }
}

/// Turns what [`decode`] gave for a frame of this codec into the content, of exactly `bytes` bytes.
pub fn restore(codec: Codec, decoded: Vec<u8>, bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let content = match codec.form() {
        Form::Restored => decoded,
        Form::Opened => png::close(&decoded)?,
    };
    match content.len() == bytes {
        true => Ok(content),
        false => Err(wrong_length(content.len(), bytes)),
    }
}

/// How many bytes [`decode`] gives for a frame, without decoding it: what it adds to the cost of
/// reading a chain. `bytes` is the length of the content.
pub fn decoded_bytes(codec: Codec, data: &[u8], bytes: usize) -> Result<usize, DecodeError> {
    match codec.form() {
        Form::Restored => Ok(bytes),
        Form::Opened => opened_head(data).map(|(opened_bytes, _)| opened_bytes),
    }
}

/// The length of an opened form and the Zstandard frame after it.
fn opened_head(mut data: &[u8]) -> Result<(usize, &[u8]), DecodeError> {
    let opened_bytes = varint::take(&mut data)
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes <= OPENED_BYTES_MAX)
        .ok_or_else(|| DecodeError("has an impossible opened length".into()))?;
    Ok((opened_bytes, data))
}

fn decompress(data: &[u8], base: Option<&[u8]>, bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let fail = |code| DecodeError(format!("can't be decoded: {}", zstd_safe::get_error_name(code)));
    let mut context =
        DCtx::try_create().ok_or_else(|| DecodeError("no memory for a decoder".into()))?;
    if let Some(base) = base {
        context.ref_prefix(base).map_err(fail)?;
    }
    let mut content = Vec::new();
    content
        .try_reserve_exact(bytes)
        .map_err(|_| DecodeError(format!("no memory for {bytes} bytes")))?;
    context.decompress(&mut content, data).map_err(fail)?;
    match content.len() == bytes {
        true => Ok(content),
        false => Err(wrong_length(content.len(), bytes)),
    }
}

fn wrong_length(found: usize, bytes: usize) -> DecodeError {
    DecodeError(format!("yields {found} bytes instead of {bytes}"))
}
