//! Which slot of the frame a round gets. Pure: numbers in, a slot out.
//!
//! Work that does not fit into its slot runs on in the following ones, so a long round reserves them: a slot's
//! occupancy is its own rounds' measured work and what is carried into it.

use std::time::Duration;

/// Width of a slot. The worker is woken once in each, which costs the kernel some 10 µs in a virtual machine: slots of
/// 1 ms cost a sixth more per leg than these. Wider ones would have SIP wait longer behind a full slot's laps.
pub(super) const SLOT: Duration = Duration::from_millis(5);
/// Slots of the longest frame.
pub(super) const MAX_SLOTS: usize = 4;
/// Work that fits into a slot, in µs; the rest of it is for sockets and scripts.
const SLOT_CAPACITY_US: f32 = 4_000.0;
/// A round is moved only if that spares it this much waiting, in µs.
const MOVE_GAIN_US: f32 = 200.0;

/// Measured work in µs by slot.
#[derive(Clone, Debug)]
pub(super) struct SlotLoads {
    work_us: [f32; MAX_SLOTS],
    slots: usize,
}

impl SlotLoads {
    pub(super) fn new(slots: usize) -> SlotLoads {
        assert!(slots <= MAX_SLOTS);
        SlotLoads { work_us: [0.0; MAX_SLOTS], slots }
    }

    pub(super) fn add(&mut self, slot: usize, work_us: f32) {
        self.work_us[slot] = (self.work_us[slot] + work_us).max(0.0);
    }

    pub(super) fn work_us(&self) -> &[f32] {
        &self.work_us[..self.slots]
    }

    /// The slot with the least in it and carried into it; of equal ones the first.
    pub(super) fn emptiest(&self) -> usize {
        let carried = self.carried_into();
        let occupancy = |slot: usize| carried[slot] + self.work_us[slot];
        (0..self.slots).min_by(|&left, &right| occupancy(left).total_cmp(&occupancy(right))).unwrap_or(0)
    }

    /// Where a round of `work_us` in `slot` would be better off, if anywhere by much.
    pub(super) fn better_than(&self, slot: usize, work_us: f32) -> Option<usize> {
        let delay_here = self.carried_into()[slot] + self.work_us[slot] - work_us;
        if delay_here < SLOT_CAPACITY_US - work_us.min(SLOT_CAPACITY_US) + MOVE_GAIN_US {
            return None;
        }
        let mut without = self.clone();
        without.add(slot, -work_us);
        let there = without.emptiest();
        let delay_there = without.carried_into()[there] + without.work_us[there];
        (there != slot && delay_there + MOVE_GAIN_US < delay_here).then_some(there)
    }

    /// What earlier slots leave for each. The frame is a ring: gone round twice, a carry has come to rest unless
    /// the whole frame is overloaded.
    fn carried_into(&self) -> [f32; MAX_SLOTS] {
        let mut carried = [0.0; MAX_SLOTS];
        let mut carry = 0.0_f32;
        for slot in (0..self.slots).chain(0..self.slots) {
            carried[slot] = carry;
            carry = (carry + self.work_us[slot] - SLOT_CAPACITY_US).max(0.0);
        }
        carried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_spread_over_the_slots_by_their_work_and_not_by_their_number() {
        let mut loads = SlotLoads::new(4);
        for (work_us, expected) in [(100.0, 0), (10.0, 1), (10.0, 2), (10.0, 3), (10.0, 1), (10.0, 2)] {
            let slot = loads.emptiest();
            assert_eq!(slot, expected);
            loads.add(slot, work_us);
        }
    }

    #[test]
    fn a_long_round_reserves_the_slots_after_its_own_across_the_end_of_the_frame() {
        let mut loads = SlotLoads::new(4);
        loads.add(2, 11_500.0);
        for _ in 0..5 {
            let slot = loads.emptiest();
            assert_eq!(slot, 1, "slots 3 and 0 are reserved");
            loads.add(slot, 700.0);
        }
    }

    #[test]
    fn a_round_behind_a_long_one_has_a_better_place_and_one_alone_has_none() {
        let mut loads = SlotLoads::new(4);
        loads.add(1, 9_000.0);
        loads.add(2, 50.0);
        assert_eq!(loads.better_than(2, 50.0), Some(0));
        assert_eq!(loads.better_than(1, 9_000.0), None, "the long one stays");
        loads.add(0, 50.0);
        assert_eq!(loads.better_than(0, 50.0), None);
    }

    #[test]
    fn an_overloaded_frame_moves_nobody_back_and_forth() {
        let mut loads = SlotLoads::new(4);
        (0..4).for_each(|slot| loads.add(slot, 7_500.0));
        let moves =
            (0..4).filter(|&slot| loads.better_than(slot, 500.0).is_some_and(|to| to == slot)).count();
        assert_eq!(moves, 0);
    }
}
