//! What browsers tell, as text.

use proptest::prelude::*;
use serde_json::json;
use tintype::format::protocol::read;

/// What escapes of half surrogate pairs are made of.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![Just(b'\\'), Just(b'u'), Just(b'd'), Just(b'8'), Just(b'"'), Just(b'0')]
}

proptest! {
    #[test]
    fn what_is_json_is_read_as_it_is(
        text in ".*",
        units in proptest::collection::vec(any::<u16>(), 0..8),
    ) {
        let plain = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(read(&plain).unwrap(), json!(text));
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let read = read(&format!("\"{escaped}\"")).unwrap();
        prop_assert_eq!(read, json!(String::from_utf16_lossy(&units)));
    }

    #[test]
    fn no_text_does_harm(text in ".*", bytes in proptest::collection::vec(byte(), 0..40)) {
        let _ = read(&text);
        let _ = read(std::str::from_utf8(&bytes).unwrap());
    }
}
