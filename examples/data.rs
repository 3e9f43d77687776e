//! Versions of data: store, tag, go back, compare.
//!
//! Run it with `cargo run --example data`.

use serde_json::json;
use tintype::ops::compare::compare;
use tintype::{Context, Draft, Query, Repository};

pub(crate) fn main() -> tintype::Result<()> {
    // A store that is gone at the end. One that stays is made with Repository::init("prices.db"),
    // and opened again with Repository::open("prices.db").
    let repo = Repository::temporary()?;

    // Where the data belongs: a site, a module, a component.
    let feed: Context = "shop.example/prices/feed".parse()?;

    // Each version is durable when `create` returns it.
    let monday = json!({"kettle": 24.5, "toaster": 31});
    let monday = repo.create(Draft::json(&monday)?.context(feed.clone()).tag("good")?)?;
    let tuesday = json!({"kettle": 22.0, "toaster": 31, "mug": 6});
    let tuesday = repo.create(Draft::json(&tuesday)?.context(feed).describe("a sale"))?;

    // What is there, the newest first.
    for snapshot in repo.find(&Query::context("shop.example/*/feed".parse()?).limit(10))? {
        let what = snapshot.description.as_deref().unwrap_or("-");
        println!("{} {} {what}", snapshot.version, snapshot.created_at);
    }

    // Go back: the newest version with a tag, byte for byte.
    let good = repo.resolve(&"latest:good".parse()?)?;
    assert_eq!(good, monday);
    println!("good: {}", String::from_utf8_lossy(&repo.content(&good, "data")?));

    // Compare two versions; the result can be written as JSON.
    let compared = compare(&repo, &monday, &tuesday, None)?;
    println!("{}", json!(compared.artifacts[0].content));

    // Several changes, all or none.
    repo.write(|tx| {
        tx.untag(&monday, &"good".parse()?)?;
        tx.tag(&tuesday, &"good".parse()?)
    })?;
    repo.close()
}
