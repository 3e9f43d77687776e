//! What is public and what is private, against what the standard library knows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use tintype::capture::address::{AddressPolicy, Host, Reach, host_of, place_of, reach_of};

fn is_private(ip: impl Into<IpAddr>) -> bool {
    reach_of(ip.into()).is_private()
}

/// What std calls by name, of that which is not the Internet.
fn std_says_private(ip: Ipv4Addr) -> bool {
    ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || ip.is_unspecified()
}

/// Addresses around the edges of every range that is special, and anywhere.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let edges = [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [10, 0, 0, 0],
        [11, 0, 0, 0],
        [100, 64, 0, 0],
        [100, 128, 0, 0],
        [127, 0, 0, 0],
        [128, 0, 0, 0],
        [169, 254, 0, 0],
        [169, 255, 0, 0],
        [172, 16, 0, 0],
        [172, 32, 0, 0],
        [192, 0, 0, 0],
        [192, 0, 1, 0],
        [192, 0, 2, 0],
        [192, 0, 3, 0],
        [192, 88, 99, 0],
        [192, 88, 100, 0],
        [192, 168, 0, 0],
        [192, 169, 0, 0],
        [198, 18, 0, 0],
        [198, 20, 0, 0],
        [198, 51, 100, 0],
        [198, 51, 101, 0],
        [203, 0, 113, 0],
        [203, 0, 114, 0],
        [224, 0, 0, 0],
        [240, 0, 0, 0],
        [255, 255, 255, 255],
    ];
    let near = (prop::sample::select(edges.to_vec()), -3_i32..3).prop_map(|(edge, by)| {
        Ipv4Addr::from(u32::from(Ipv4Addr::from(edge)).wrapping_add_signed(by))
    });
    prop_oneof![near, any::<u32>().prop_map(Ipv4Addr::from)]
}

/// What is reserved beside what std names: the rest of the registry of IANA.
fn of_the_rest(ip: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], bits: u32| {
        (u32::from(ip) ^ u32::from(Ipv4Addr::from(network))) >> (32 - bits) == 0
    };
    within([0, 0, 0, 0], 8)
        || within([100, 64, 0, 0], 10)
        || within([192, 0, 0, 0], 24)
        || within([192, 88, 99, 0], 24)
        || within([198, 18, 0, 0], 15)
        || within([240, 0, 0, 0], 4)
}

/// The notations of a number that browsers take.
fn notations(ip: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = ip.octets();
    let (low2, low3) = (u32::from_be_bytes([0, 0, c, d]), u32::from_be_bytes([0, b, c, d]));
    let whole = u32::from(ip);
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{low2}"),
        format!("{a}.{low3}"),
        format!("{whole}"),
        format!("0x{whole:x}"),
        format!("0X{whole:X}"),
        format!("0{whole:o}"),
        format!("0x{a:x}.0{b:o}.{c}.0x{d:02X}"),
        format!("0{a:03o}.{b}.{low2}."),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn what_std_and_the_registry_call_special_is_private_and_nothing_else_is(ip in v4()) {
        prop_assert_eq!(is_private(ip), std_says_private(ip) || of_the_rest(ip), "{}", ip);
    }

    #[test]
    fn a_number_is_the_same_in_every_notation(ip in v4()) {
        for text in notations(ip) {
            prop_assert_eq!(host_of(&text), Host::Ip(ip.into()), "{}", text);
            let url = format!("http://{text}:8080/x");
            prop_assert_eq!(place_of(&url).unwrap().host, Host::Ip(ip.into()), "{}", url);
            prop_assert!(AddressPolicy::default().check(&url).is_ok());
        }
    }

    #[test]
    fn an_address_that_stands_for_another_reaches_as_far(ip in v4()) {
        let [a, b, c, d] = ip.octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let public_server = (0x0808, 0x0808);
        let mut standing = vec![
            ip.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 1, 2, 3, 4, 5),
            Ipv6Addr::new(0x2001, 0, public_server.0, public_server.1, 0, 0, !high, !low),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !public_server.0, !public_server.1),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        ];
        // :: and ::1 are themselves, and private all the same.
        standing.push(ip.to_ipv6_compatible());
        for standing in standing {
            prop_assert_eq!(is_private(standing), is_private(ip), "{} for {}", standing, ip);
        }
    }

    #[test]
    fn what_std_calls_special_of_ipv6_is_private(parts in any::<[u16; 8]>()) {
        let ip = Ipv6Addr::from(parts);
        let special = ip.is_loopback()
            || ip.is_unspecified()
            || ip.is_multicast()
            || ip.is_unique_local()
            || ip.is_unicast_link_local();
        prop_assert!(!special || is_private(ip), "{}", ip);
        // All that is given out lies here.
        prop_assert!(is_private(ip) || parts[0] >> 13 == 1, "{}", ip);
        // The edges of the ranges.
        for first in [0xfc00, 0xfdff, 0xfe80, 0xfebf, 0xff00, 0xffff, 0x5f00] {
            let mut parts = parts;
            parts[0] = first;
            prop_assert!(is_private(Ipv6Addr::from(parts)));
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_addresses_panic(text in "\\PC*", rest in "[0-9a-fxX.:\\[\\]@/\\\\%]*") {
        for text in [&text, &rest] {
            let _ = host_of(text);
            let _ = AddressPolicy::default().check(text);
            let _ = AddressPolicy::default().check(&format!("http://{text}"));
            let _ = place_of(&format!("ws://{text}/"));
        }
    }
}

#[test]
fn well_known_addresses_are_what_everybody_knows() {
    for public in ["8.8.8.8", "93.184.216.34", "1.1.1.1", "172.15.255.255", "172.32.0.0"] {
        assert_eq!(reach_of(public.parse().unwrap()), Reach::Public, "{public}");
    }
    for public in ["2606:4700:4700::1111", "2a00:1450:4001:800::200e", "2002:808:808::1"] {
        assert_eq!(reach_of(public.parse().unwrap()), Reach::Public, "{public}");
    }
    for private in [
        "169.254.169.254",
        "100.100.100.200",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "fec0::1",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "::7f00:1",
    ] {
        assert!(reach_of(private.parse().unwrap()).is_private(), "{private}");
    }
}
