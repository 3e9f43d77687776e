//! Bodies put into a HAR: what other tools read has them inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::CREATOR;

/// What is said of a body that was not asked for.
const NOT_TAKEN: &str = "its body was not taken";

/// Puts the bodies that entries name (`_artifact`) into their places: text as it is, anything
/// else in base64. An entry without a body says so, unless it says why already.
///
/// `body` gives the content of an artifact, or says in words why there is none. Gives `None` where
/// the content is no HAR that this program made: nothing is known of such a one's bodies.
pub fn inlined<E>(
    har: &[u8],
    mut body: impl FnMut(&str) -> Result<Result<Vec<u8>, String>, E>,
) -> Result<Option<Value>, E> {
    let Ok(mut har) = serde_json::from_slice::<Value>(har) else { return Ok(None) };
    if har["log"]["creator"]["name"] != CREATOR {
        return Ok(None);
    }
    let entries = har.pointer_mut("/log/entries").and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        let content = entry.pointer_mut("/response/content").and_then(Value::as_object_mut);
        let Some(content) = content else { continue };
        if let Some(name) = content.remove("_artifact") {
            match body(name.as_str().unwrap_or_default())? {
                Ok(bytes) => match String::from_utf8(bytes) {
                    Ok(text) => {
                        content.insert("text".into(), json!(text));
                    }
                    Err(binary) => {
                        let text = STANDARD.encode(binary.as_bytes());
                        content.insert("text".into(), json!(text));
                        content.insert("encoding".into(), json!("base64"));
                    }
                },
                Err(why) => {
                    content.insert("comment".into(), json!(why));
                }
            }
        } else if !content.contains_key("text") && !content.contains_key("comment") {
            content.insert("comment".into(), json!(NOT_TAKEN));
        }
    }
    Ok(Some(har))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_into_their_places_and_what_has_none_says_so() {
        let entry = |content: Value| json!({ "response": { "content": content } });
        let entries = [
            entry(json!({ "size": 3, "_artifact": "body-001.json" })),
            entry(json!({ "size": 3, "_artifact": "body-002.bin" })),
            entry(json!({ "size": 3, "_artifact": "body-003.txt" })),
            entry(json!({ "size": 3, "comment": "too large" })),
            entry(json!({ "size": 0, "text": "" })),
            entry(json!({ "size": 9 })),
            json!({}),
        ];
        let har = json!({ "log": { "creator": { "name": CREATOR }, "entries": entries } });
        let bodies = |name: &str| match name {
            "body-001.json" => Ok(Ok(b"{}".to_vec())),
            "body-002.bin" => Ok(Ok(vec![0, 255])),
            "body-003.txt" => Ok(Err("withheld".to_owned())),
            _ => Err(name.to_owned()),
        };
        let inlined = inlined(har.to_string().as_bytes(), bodies).unwrap().unwrap();
        let contents: Vec<&Value> = inlined["log"]["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["response"]["content"])
            .collect();
        assert_eq!(contents[0], &json!({ "size": 3, "text": "{}" }));
        assert_eq!(contents[1], &json!({ "size": 3, "text": "AP8=", "encoding": "base64" }));
        assert_eq!(contents[2], &json!({ "size": 3, "comment": "withheld" }));
        assert_eq!(contents[3], &json!({ "size": 3, "comment": "too large" }));
        assert_eq!(contents[4], &json!({ "size": 0, "text": "" }));
        assert_eq!(contents[5], &json!({ "size": 9, "comment": NOT_TAKEN }));
    }

    #[test]
    fn a_har_of_another_tool_is_left_alone_and_an_error_of_the_store_is_one() {
        let none = |_: &str| Ok::<_, String>(Ok(Vec::new()));
        for other in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"log": {"entries": [{"response": {"content": {"_artifact": "x"}}}]}}"#,
        ] {
            assert_eq!(inlined(other.as_bytes(), none), Ok(None));
        }
        let har = json!({ "log": { "creator": { "name": CREATOR },
            "entries": [{ "response": { "content": { "_artifact": "x" } } }] } });
        let damaged = |_: &str| Err("damaged".to_owned());
        assert_eq!(inlined(har.to_string().as_bytes(), damaged), Err("damaged".to_owned()));
    }
}
