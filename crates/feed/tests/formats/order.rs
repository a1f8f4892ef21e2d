//! The order of a file, which does not matter.

use super::{read, table};
use proptest::prelude::*;

proptest! {
    /// Validators sort by address, each in its own way; what becomes of a file does not depend on it.
    #[test]
    fn c_ord_03_any_order_of_a_file_gives_the_same_set(
        vrps in proptest::collection::vec((0..6_u8, 16..20_u8, 0..3_u8, 0..3_u32, any::<bool>()), 0..40),
    ) {
        let document = |vrps: &[(u8, u8, u8, u32, bool)]| {
            let entries: Vec<String> = vrps.iter().map(|(net, len, more, asn, is_ipv6)| {
                let prefix = if *is_ipv6 { format!("{net:x}::/{len}") } else { format!("{net}.0.0.0/{len}") };
                format!(r#"{{"asn": {asn}, "prefix": "{prefix}", "maxLength": {}}}"#, len + more)
            }).collect();
            let document = format!(r#"{{"roas": [{}]}}"#, entries.join(","));
            table(read(document.as_bytes()).unwrap()).0
        };
        let (any, mut sorted) = (document(&vrps), vrps);
        sorted.sort_unstable();
        let ascending = document(&sorted);
        sorted.reverse();
        let descending = document(&sorted);
        prop_assert_eq!(any.image(), ascending.image());
        prop_assert_eq!(any.image(), descending.image());
    }
}
