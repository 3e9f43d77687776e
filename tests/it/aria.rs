//! Accessibility trees as YAML, of any tree and of none.

use proptest::prelude::*;
use serde_json::{Value, json};
use tintype::format::aria::{self, AxDocument};

/// JSON of any shape, with the names that a tree has.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("nodes"),
        Just("nodeId"),
        Just("childIds"),
        Just("role"),
        Just("name"),
        Just("value"),
        Just("ignored"),
        Just("properties"),
        Just("sources"),
        Just("StaticText"),
        Just("link"),
        Just("row"),
        Just("table"),
        Just("textbox"),
        Just("Iframe"),
        Just("1"),
        Just("2"),
        Just("backendDOMNodeId"),
        Just("level"),
        Just("checked"),
        Just("url"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|all| all
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// Trees whose nodes are of the right shape, and hold each other in any way.
fn any_tree() -> impl Strategy<Value = Value> {
    let role = prop_oneof![
        Just("RootWebArea"),
        Just("generic"),
        Just("StaticText"),
        Just("link"),
        Just("row"),
        Just("table"),
        Just("textbox"),
        Just("Iframe"),
        Just("heading"),
        Just("none"),
        Just("x y\n"),
    ];
    let node = (role, any::<String>(), prop::collection::vec(0..12_u8, 0..4), any::<bool>());
    prop::collection::vec(node, 0..12).prop_map(|nodes| {
        let nodes = nodes.into_iter().enumerate().map(|(at, (role, name, children, ignored))| {
            json!({
                "nodeId": at.to_string(),
                "ignored": ignored,
                "role": { "value": role },
                "name": { "value": name },
                "value": { "value": name },
                "childIds": children.iter().map(u8::to_string).collect::<Vec<_>>(),
                "backendDOMNodeId": at,
                "properties": [{ "name": "url", "value": { "value": name } }],
            })
        });
        json!({ "nodes": nodes.collect::<Vec<_>>() })
    })
}

proptest! {
    #[test]
    fn no_tree_does_harm_and_each_line_of_it_is_a_line(trees in prop::collection::vec(prop_oneof![any_json(), any_tree()], 0..3)) {
        let documents: Vec<AxDocument> = trees.into_iter().map(|tree| AxDocument {
            tree,
            url: "http://a.example/b".to_owned(),
            frames: (0..12).map(|owner| (owner, owner as usize % 3)).collect(),
            masked: [3, 4].into(),
            all_masked: false,
        }).collect();
        let snapshot = aria::snapshot(&documents);
        prop_assert_eq!(&snapshot, &aria::snapshot(&documents));
        prop_assert!(snapshot.yaml.lines().all(|line| line.trim_start_matches(' ').starts_with("- ")), "{}", snapshot.yaml);
        prop_assert!(snapshot.yaml.is_empty() || snapshot.yaml.ends_with('\n'));
    }
}

#[test]
fn a_tree_as_deep_or_as_large_as_a_page_can_make_it_is_cut_and_says_so() {
    let deep: Vec<Value> = (0..20_000)
        .map(|at| {
            json!({
                "nodeId": at.to_string(),
                "role": { "value": if at % 3 == 0 { "generic" } else { "list" } },
                "childIds": [(at + 1).to_string()],
            })
        })
        .collect();
    let wide: Vec<Value> = (0..60_000)
        .map(|at| {
            let children: Vec<String> =
                if at == 0 { (1..60_000).map(|at| at.to_string()).collect() } else { Vec::new() };
            json!({
                "nodeId": at.to_string(),
                "role": { "value": if at == 0 { "list" } else { "listitem" } },
                "name": { "value": "n".repeat(100) },
                "childIds": children,
            })
        })
        .collect();
    for nodes in [deep, wide] {
        let document = AxDocument { tree: json!({ "nodes": nodes }), ..AxDocument::default() };
        let snapshot = aria::snapshot(&[document]);
        assert!(snapshot.truncated);
        assert!(
            (1_000..=4 * 1024 * 1024).contains(&snapshot.yaml.len()),
            "{}",
            snapshot.yaml.len()
        );
    }
}
