//! MHTML: any bytes, and any bytes in the middle of a page.

use proptest::prelude::*;
use tintype::format::mhtml::{Mhtml, from_quoted_printable, to_quoted_printable};

const PAGE: &str = "From: <Saved by Blink>\r\nSnapshot-Content-Location: http://a/\r\n\
    Subject: A\r\n folded one\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\
    \ttype=\"text/html\";\r\n\tboundary=\"----B--x----\"\r\n\r\n\r\n------B--x----\r\n\
    Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\
    Content-Location: http://a/\r\n\r\n<p class=3D\"a\">caf=C3=A9 =\r\nand so on\r\n\r\n\
    ------B--x----\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    iVBORw0=\r\n\r\n------B--x------\r\n";

proptest! {
    #[test]
    fn quoted_printable_holds_any_bytes(bytes: Vec<u8>) {
        let text = to_quoted_printable(&bytes);
        prop_assert_eq!(from_quoted_printable(&text), bytes);
        prop_assert!(text.split(|byte| *byte == b'\n').all(|line| line.len() <= 77));
    }

    #[test]
    fn any_bytes_are_read_and_written_or_are_no_mhtml(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0..PAGE.len(),
        cut in 0..PAGE.len(),
    ) {
        from_quoted_printable(&bytes);
        let mut text = PAGE.as_bytes().to_vec();
        text.splice(at..at, bytes.iter().copied());
        text.truncate(cut + bytes.len());
        for text in [&text, &bytes] {
            if let Some(mut page) = Mhtml::parse(text) {
                prop_assert_eq!(&page.write(), text);
                for part in &mut page.parts {
                    part.set_content(&bytes);
                }
                page.write();
            }
        }
    }
}
