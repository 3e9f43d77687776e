//! The examples do what they say.

use tintype::Repository;

#[path = "../../examples/data.rs"]
mod data;
#[cfg(feature = "chrome")]
#[allow(dead_code, reason = "its main is not run here, but what that runs")]
#[path = "../../examples/last_good.rs"]
mod last_good;
#[allow(dead_code, reason = "its main is not run here, but what that runs")]
#[path = "../../examples/old_folder.rs"]
mod old_folder;
#[cfg(feature = "chrome")]
#[path = "../../examples/pages.rs"]
mod pages;

#[test]
fn data_goes_back_and_is_compared() {
    data::main().unwrap();
}

#[cfg(feature = "chrome")]
#[test]
fn two_states_of_a_page_are_captured_and_compared() {
    pages::main().unwrap();
}

#[test]
fn an_old_folder_is_taken_in_with_proof() {
    let (repo, folder) = (Repository::temporary().unwrap(), tempfile::tempdir().unwrap());
    old_folder::make_old(folder.path()).unwrap();
    let mut told = Vec::new();
    old_folder::take_in(&repo, folder.path(), &mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    for line in [
        "run 1: 3 files: 2 imported, 0 there already, 1 kept as bytes, 0 failed",
        "run 2: 3 files: 0 imported, 3 there already, 0 kept as bytes, 0 failed",
        "proof: all is there; 3 files,",
        "hashes: 1 agree, 0 differ, 0 can't be checked",
        " 2026-01-29T10:37:28.500000Z ",
    ] {
        assert!(told.contains(line), "{line} is not in:\n{told}");
    }
}

#[cfg(feature = "chrome")]
#[test]
fn at_three_in_the_morning_the_last_good_page_is_found() {
    let repo = Repository::temporary().unwrap();
    last_good::scrape(&repo).unwrap();
    let mut told = Vec::new();
    last_good::answer(&repo, &mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    for line in [
        "shop.example/products/page/-/price: selector_failure of #kettle .price\n  3 times since ",
        "  #kettle finds 1\n",
        "  #kettle .price finds 0\n",
        "    -<b class=\"price\">24.50</b>",
        "    +<b class=\"amount\">24.50 EUR</b>",
        "    view.png: ",
    ] {
        assert!(told.contains(line), "{line} is not in:\n{told}");
    }
}
