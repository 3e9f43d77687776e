//! CSS selectors, shortened.

use proptest::prelude::*;
use tintype::format::selector::shortened;

proptest! {
    #[test]
    fn any_text_is_shortened_to_ever_less_of_itself(text in any::<String>()) {
        let all = shortened(&text);
        prop_assert_eq!(&all[0], text.trim());
        prop_assert!(all.len() <= 64);
        prop_assert!(!text.contains(',') && all.windows(2).all(|two| two[0].starts_with(two[1].as_str())) || text.contains(','));
        prop_assert!(all[1..].iter().all(|one| !one.is_empty()));
    }

    #[test]
    fn a_selector_is_cut_at_its_combinators_and_nowhere_else(
        compounds in prop::collection::vec(prop_oneof![
            "[a-z]{1,8}", "\\.[a-z]{1,5}", "#[a-z]{1,5}", "[a-z]{1,4}\\[t=\"[ >,+~a-z]{0,9}\"\\]",
            ":is\\([a-z]{1,3} > [a-z]{1,3}, [.][a-z]{1,3}\\)", "a\\\\[ >,+]b", "li:nth-child\\(2n \\+ 1\\)",
        ], 1..6),
        combinators in prop::collection::vec(prop_oneof![Just(" "), Just(" > "), Just("+"), Just(" ~"), Just("\n"), Just(" /* , > */ ")], 6),
    ) {
        let mut wanted = vec![compounds[0].clone()];
        for (compound, combinator) in compounds[1..].iter().zip(&combinators) {
            wanted.push(format!("{}{combinator}{compound}", wanted[wanted.len() - 1]));
        }
        wanted.reverse();
        prop_assert_eq!(shortened(&wanted[0]), wanted);
    }
}
