//! Pickles: what CPython 3.11 wrote, what is in them, and what nobody wrote.
//!
//! `data/pickles.jsonl` has a line for each value and protocol: the pickle, and what `json.dumps` gave
//! for the value.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::pickle::{Node, Pickle};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn written() -> &'static [(String, Vec<u8>, String)] {
    static WRITTEN: OnceLock<Vec<(String, Vec<u8>, String)>> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let lines = include_str!("../data/pickles.jsonl").lines();
        lines
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let word = |name: &str| line[name].as_str().unwrap().to_owned();
                let name = format!("{} {}", word("name"), line["protocol"]);
                (name, bytes(&word("hex")), word("json"))
            })
            .collect()
    })
}

fn tagged(hex: &str) -> Value {
    serde_json::from_str(&Pickle::read(&bytes(hex)).unwrap().tagged()).unwrap()
}

#[test]
fn what_json_can_hold_is_the_text_that_python_dumps() {
    for (name, pickle, json) in written() {
        let read = Pickle::read(pickle).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(read.json().as_deref(), Some(json.as_str()), "{name}");
        assert_eq!(read.length(), pickle.len());
    }
}

#[test]
fn what_json_cannot_hold_is_told_and_has_no_json() {
    for (hex, wanted) in [
        ("2849310a2849320a7470300a7470310a2e", json!({"$tuple": [1, {"$tuple": [2]}]})),
        ("80049509000000000000004b014b02859486942e", json!({"$tuple": [1, {"$tuple": [2]}]})),
        ("80049507000000000000008f94284b01902e", json!({"$set": [1]})),
        ("8004950600000000000000284b0291942e", json!({"$frozenset": [2]})),
        ("8004950600000000000000430200ff942e", json!({"$bytes": "00ff"})),
        ("8005950d000000000000009602000000000000006162942e", json!({"$bytearray": "6162"})),
        (
            "80049512000000000000007d94284b018c0161948c022478944b02752e",
            json!({"$dict": [[1, "a"], ["$x", 2]]}),
        ),
        (
            "8004952a000000000000008c086461746574696d65948c086461746574696d65949394430a07ea011d062b290a\
             e57a94859452942e",
            json!({"$object": {"by": {"$global": "datetime datetime"},
                "arguments": {"$tuple": [{"$bytes": "07ea011d062b290ae57a"}]}}}),
        ),
        (
            "63646563696d616c0a446563696d616c0a70300a2856312e31300a70310a7470320a5270330a2e",
            json!({"$object": {"by": {"$global": "decimal Decimal"}, "arguments": {"$tuple": ["1.10"]}}}),
        ),
        (
            "80049530000000000000008c0b636f6c6c656374696f6e73948c0b4f72646572656444696374949394295294288c\
             0162944b018c0161944b02752e",
            json!({"$object": {"by": {"$global": "collections OrderedDict"}, "arguments": {"$tuple": []},
                "entries": [["b", 1], ["a", 2]]}}),
        ),
        ("80049506000000000000005d946800612e", json!([{"$cycle": 0}])),
    ] {
        assert_eq!(tagged(hex), wanted);
        assert_eq!(Pickle::read(&bytes(hex)).unwrap().json(), None, "{wanted}");
    }
}

#[test]
fn nothing_is_ever_run() {
    // os.system('touch /tmp/tintype-was-here')
    let pickle = b"cos\nsystem\n(S'touch /tmp/tintype-was-here'\ntR.";
    let read = Pickle::read(pickle).unwrap();
    let Node::Made(made) = read.node(read.root()) else { panic!("{read:?}") };
    let system = Node::Global { module: "os".into(), name: "system".into() };
    assert_eq!(read.node(made.by), &system);
    assert!(!std::path::Path::new("/tmp/tintype-was-here").exists());
}

#[test]
fn a_dict_is_asked_by_name_and_the_last_of_a_name_counts() {
    // {'a': 1, 'b': 2}, and 'a' set to 3 after that.
    let read =
        Pickle::read(b"\x80\x02}(X\x01\0\0\0aK\x01X\x01\0\0\0bK\x02X\x01\0\0\0aK\x03u.").unwrap();
    let value = |name| read.get(read.root(), name).map(|id| read.json_of(id).unwrap());
    assert_eq!(
        (value("a").as_deref(), value("b").as_deref(), value("c")),
        (Some("3"), Some("2"), None)
    );
    assert_eq!(read.json().as_deref(), Some(r#"{"a": 3, "b": 2}"#));
}

#[test]
fn what_is_shared_a_billion_times_is_rendered_as_far_as_there_is_room() {
    // A list of ten times the list before, twelve times over.
    let mut pickle = b"\x80\x04]\x94".to_vec();
    for level in 0..12_u8 {
        pickle.extend([b']', 0x94, b'(']);
        pickle.extend([b'h', level].repeat(10));
        pickle.push(b'e');
    }
    pickle.push(b'.');
    let read = Pickle::read(&pickle).unwrap();
    assert_eq!(read.json(), None);
    assert!(read.tagged().contains("$omitted"));
}

#[test]
fn a_pickle_a_million_deep_is_read_and_rendered_to_its_limit() {
    let deep = [b"(".repeat(1_000_000), b"l".repeat(1_000_000), b".".to_vec()].concat();
    let read = Pickle::read(&deep).unwrap();
    assert_eq!(read.json(), None);
    assert!(read.tagged().contains("$omitted"));
}

#[test]
fn what_is_no_pickle_says_what_is_wrong_and_where() {
    for (bytes, told) in [
        (&b""[..], "it ends in the middle, at byte 0"),
        (b"\x80\x04", "it ends in the middle, at byte 2"),
        (b"\x80\x09.", "a protocol that is not known, at byte 0"),
        (b".", "nothing on the stack, at byte 0"),
        (b"(.", "nothing on the stack, at byte 1"),
        (b"N\xff.", "an instruction that is not known, at byte 1"),
        (b"h\x05.", "something that was not remembered, at byte 0"),
        (b"NNs.", "nothing on the stack, at byte 2"),
        (b"NNa.", "something to append to what holds nothing, at byte 2"),
        (b"NNb.", "a state for what takes none, at byte 2"),
        (b"(Nd.", "a name without a value, at byte 2"),
        (b"B\xff\xff\xff\xff.", "it ends in the middle, at byte 0"),
        (b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "it ends in the middle, at byte 0"),
        (b"\x8b\xff\xff\xff\x7f.", "it ends in the middle, at byte 0"),
        (b"I\n.", "a number that is none, at byte 0"),
        (b"Snone\n.", "a text without its quotes, at byte 0"),
        (b"{\"a\": 1}", "an instruction that is not known, at byte 0"),
    ] {
        let why = Pickle::read(bytes).map(|read| read.tagged()).unwrap_err().to_string();
        assert_eq!(why, format!("no pickle: {told}"), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(read) = Pickle::read(&bytes) {
            let _ = (read.json(), read.tagged());
        }
    }

    #[test]
    fn a_pickle_with_a_wrong_byte_does_no_harm(which in 0..44_usize, at in any::<prop::sample::Index>(), byte: u8) {
        let all = written();
        let mut pickle = all[which % all.len()].1.clone();
        let at = at.index(pickle.len());
        pickle[at] = byte;
        if let Ok(read) = Pickle::read(&pickle) {
            let _ = (read.json(), read.tagged());
        }
    }

    #[test]
    fn a_part_of_a_pickle_is_none(which in 0..44_usize, at in any::<prop::sample::Index>()) {
        let all = written();
        let pickle = &all[which % all.len()].1;
        let cut = &pickle[..at.index(pickle.len())];
        prop_assert!(Pickle::read(cut).is_err());
    }
}
