//! What the fuzzers run, as properties of any octets: the decoder of octets into actions is the same.

use proptest::prelude::*;
use rtrcast_sim::{ACTION_OCTETS, targets};

/// The longest run, in actions.
const ACTIONS_MAX: usize = 60;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_world_of_any_actions_goes_as_it_should(
        options in any::<u8>(),
        actions in proptest::collection::vec(any::<[u8; ACTION_OCTETS]>(), 0..ACTIONS_MAX),
    ) {
        let octets = [&[options][..], &actions.concat()].concat();
        prop_assert!(rtrcast_sim::run(&octets).is_ok(), "{:?}", rtrcast_sim::run(&octets));
    }

    #[test]
    fn any_octets_find_nothing(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        for (name, target) in targets::ALL.into_iter().filter(|(name, _)| *name != "world") {
            let outcome = std::panic::catch_unwind(|| target(&octets));
            prop_assert!(outcome.is_ok(), "{name}");
        }
    }
}
