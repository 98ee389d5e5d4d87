//! Copied devices: sooner or later each has an id of its own, and nobody else ever changes theirs.

use crate::{
    step::{Ask, DEVICES},
    world::World,
};
use std::collections::BTreeSet;

impl World {
    /// Of two that count as one, whoever is behind is found out by its next push; it may have been ahead by pushes that never
    /// arrived, but not twice.
    pub(crate) fn tell_copies_apart(&self) -> Result<(), String> {
        if self.copies() == 0 {
            return Ok(());
        }
        // to a stream that is never archived
        for badge in [0, 1] {
            for device in 0..self.devices.len() {
                self.give(device, 0, Ask::Earn { badge }, false, false);
            }
            self.drain()?;
            self.settle()?;
        }
        let seats = self.devices.iter().filter_map(|device| device.seats().into_iter().next());
        let ids: BTreeSet<_> = seats.map(|seat| seat.engine.device()).collect();
        if ids.len() == self.devices.len() {
            return Ok(());
        }
        Err(format!("{} devices push under {} ids", self.devices.len(), ids.len()))
    }

    /// A device takes another id for the sake of a copy alone: whatever the network does, and though the server forgets.
    pub(crate) fn check_renamed(&self) -> Result<(), String> {
        let seats = self.devices.iter().filter_map(|device| device.seats().into_iter().next());
        let renamed: usize = seats.map(|seat| seat.engine.log().identity().earlier.len()).sum();
        if renamed <= self.copies() {
            return Ok(());
        }
        Err(format!("{renamed} ids were given up, and {} devices copied", self.copies()))
    }

    fn copies(&self) -> usize {
        self.devices.len() - DEVICES
    }
}
