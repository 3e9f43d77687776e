//! The tree of places: what is counted in each is what can be found there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tintype::store::PlaceSummary;
use tintype::{Context, Draft, Pattern, Query, Repository, Snapshot, Status};

/// What is counted in a place, by looking at each snapshot of it.
fn naive(repo: &Repository, pattern: &Pattern) -> Vec<(String, u64, u64, u64, String, String)> {
    // The oldest first, so that the last one is the newest, ties by insertion.
    let query = Query::context(pattern.clone()).limit(1_000).oldest_first();
    let mut places: BTreeMap<Vec<String>, Vec<Snapshot>> = BTreeMap::new();
    for snapshot in repo.find(&query).unwrap() {
        let [site, module, component, _, function] = snapshot.context.parts().clone();
        let parts = [site, module, component, function];
        for depth in 1..=parts.len() {
            places.entry(parts[..depth].to_vec()).or_default().push(snapshot.clone());
        }
    }
    let of = |snapshots: &[Snapshot], is: &dyn Fn(Status) -> bool| {
        snapshots.iter().filter(|one| is(one.status)).count() as u64
    };
    let told = |(parts, snapshots): (Vec<String>, Vec<Snapshot>)| {
        let failed = of(&snapshots, &|status| status == Status::Failed);
        let whole = of(&snapshots, &|status| status == Status::Complete);
        let count = snapshots.len() as u64;
        (
            parts.join("/"),
            count,
            failed,
            count - failed - whole,
            snapshots[0].created_at.to_string(),
            snapshots[snapshots.len() - 1].version.to_string(),
        )
    };
    places.into_iter().map(told).collect()
}

fn told(place: &PlaceSummary) -> (String, u64, u64, u64, String, String) {
    assert_eq!(usize::from(place.level), place.place.parts().len());
    assert!(place.oldest_at <= place.newest_at);
    (
        place.place.parts().join("/"),
        place.snapshots,
        place.failed,
        place.incomplete,
        place.oldest_at.to_string(),
        place.newest.to_string(),
    )
}

/// Words for the parts of a context, few enough that places are shared.
fn part() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("-"), Just("ä ö")]
}

fn snapshots() -> impl Strategy<Value = Vec<(Context, usize, u8, bool)>> {
    let parts = (part(), part(), part(), part(), part());
    let context =
        parts.prop_map(|(a, b, c, d, e)| [a, b, c, d, e].join("/").parse::<Context>().unwrap());
    prop::collection::vec((context, 0..4_usize, 1..4_u8, prop::bool::weighted(0.2)), 0..25)
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let part = || prop_oneof![3 => Just("*"), 1 => Just("a"), 1 => Just("-"), 1 => Just("c")];
    prop::collection::vec(part(), 1..=5).prop_map(|parts| parts.join("/").parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_place_counts_what_can_be_found_in_it(made in snapshots(), pattern in pattern()) {
        let repo = Repository::in_memory().unwrap();
        for (n, (context, status, day, forgotten)) in made.into_iter().enumerate() {
            let draft = Draft::text(format!("{n}"))
                .context(context)
                .status(Status::ALL[status])
                .at(format!("2026-01-0{day}").parse().unwrap());
            let version = repo.create(draft).unwrap();
            if forgotten {
                repo.forget(&version).unwrap();
            }
        }
        let places = repo.places(&pattern).unwrap();
        let found: Vec<_> = places.iter().map(told).collect();
        prop_assert_eq!(found, naive(&repo, &pattern));
    }
}
