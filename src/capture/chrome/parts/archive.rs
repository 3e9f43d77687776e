//! The page in one file: as MHTML, and printed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::subject::Subject;
use super::{frames, mask};
use crate::capture::chrome::cdp::PAGE;
use crate::capture::chrome::world::member;
use crate::capture::{Fault, Taken};
use crate::model::config::CaptureConfig;

/// The largest MHTML that is kept, in bytes.
const MHTML_BYTES_MAX: usize = 128 * 1024 * 1024;
/// The largest PDF that is read, in bytes, and how much of it is read at once.
const PDF_BYTES_MAX: usize = 128 * 1024 * 1024;
const PDF_PIECE_BYTES: usize = 4 * 1024 * 1024;

/// Takes the page with its styles, pictures and frames as MHTML. It holds no script.
pub(super) fn mhtml(page: &mut Subject<'_>) -> Result<Taken, Fault> {
    wake_frames(page)?;
    let answer = page.call(PAGE, "Page.captureSnapshot", json!({ "format": "mhtml" }))?;
    match member(answer, "data") {
        Value::String(text) if text.is_empty() => Err(Fault::Empty),
        Value::String(text) if text.len() > MHTML_BYTES_MAX => Err(Fault::TooLarge {
            what: "the MHTML in bytes",
            size: text.len() as u64,
            limit: MHTML_BYTES_MAX as u64,
        }),
        Value::String(text) => Ok(Taken::Content(text.into_bytes())),
        _ => Err(Fault::Unfit("no MHTML".to_owned())),
    }
}

/// Takes the page as it is printed, masked as pictures are.
pub(super) fn pdf(page: &mut Subject<'_>, config: &CaptureConfig) -> Result<Taken, Fault> {
    wake_frames(page)?;
    mask::masked(page, config, |page| print(page).map(Taken::Content))
}

fn print(page: &mut Subject<'_>) -> Result<Vec<u8>, Fault> {
    let asked = json!({
        "printBackground": true,
        "preferCSSPageSize": true,
        "transferMode": "ReturnAsStream",
    });
    let stream = member(page.call(PAGE, "Page.printToPDF", asked)?, "stream");
    let read = read_all(page, &stream);
    page.cdp.send(PAGE, "IO.close", json!({ "handle": stream }))?;
    let pdf = read?;
    match pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF") {
        true => Ok(pdf),
        false if pdf.is_empty() => Err(Fault::Empty),
        false => Err(Fault::Unfit("something that is no PDF".to_owned())),
    }
}

fn read_all(page: &mut Subject<'_>, stream: &Value) -> Result<Vec<u8>, Fault> {
    let mut all = Vec::new();
    loop {
        let asked = json!({ "handle": stream, "size": PDF_PIECE_BYTES });
        let piece = page.call(PAGE, "IO.read", asked)?;
        let data = piece["data"].as_str().unwrap_or_default();
        match piece["base64Encoded"] == true {
            true => all.extend(STANDARD.decode(data).map_err(|why| {
                Fault::Unfit(format!("a piece of a PDF that is no base64: {why}"))
            })?),
            false => all.extend_from_slice(data.as_bytes()),
        }
        if all.len() > PDF_BYTES_MAX {
            let (size, limit) = (all.len() as u64, PDF_BYTES_MAX as u64);
            return Err(Fault::TooLarge { what: "the PDF in bytes", size, limit });
        }
        // An empty piece is the end too, where the browser would go on for ever.
        if piece["eof"] != false || data.is_empty() {
            return Ok(all);
        }
    }
}

/// Sees that no frame hangs in a script: both kinds wait for each frame, however long that takes.
fn wake_frames(page: &mut Subject<'_>) -> Result<(), Fault> {
    frames::list(page, frames::Order::Any, frames::FRAMES_MAX).map(drop)
}
