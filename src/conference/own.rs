//! The frame a participant added, which is taken off the bus again for it.

/// One frame. Samples as they came fit 16 bits, half of what the bus takes; only a gain makes more of them.
#[derive(Debug, Default)]
pub(super) struct Own {
    samples: Box<[i16]>,
    /// In the place of `samples` if these are too narrow. Boxed: most participants never have one.
    wide: Option<Box<Wide>>,
}

#[derive(Debug)]
struct Wide {
    sums: Box<[i32]>,
    in_use: bool,
}

impl Own {
    /// Silence, of the length that all its frames have.
    pub(super) fn new(len_samples: usize) -> Self {
        Self { samples: vec![0; len_samples].into_boxed_slice(), wide: None }
    }

    /// Where the frame lies.
    pub(super) fn hot_memory(&self, see: &mut dyn FnMut(usize, usize)) {
        see(self.samples.as_ptr() as usize, size_of_val(&*self.samples));
    }

    /// Samples of a frame; 0 for one that did not enter yet.
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Keeps a frame as it came.
    #[inline]
    pub(super) fn set_samples(&mut self, frame: &[i16]) {
        self.samples.copy_from_slice(frame);
        if let Some(wide) = &mut self.wide {
            wide.in_use = false;
        }
    }

    /// Keeps a frame with its gain.
    pub(super) fn set(&mut self, sums: &[i32]) {
        let mut fits = true;
        for (sample, &sum) in self.samples.iter_mut().zip(sums) {
            *sample = sum as i16;
            fits &= i32::from(*sample) == sum;
        }
        if !fits {
            let new = || Box::new(Wide { sums: vec![0; sums.len()].into_boxed_slice(), in_use: true });
            self.wide.get_or_insert_with(new).sums.copy_from_slice(sums);
        }
        if let Some(wide) = &mut self.wide {
            wide.in_use = !fits;
        }
    }

    /// Copies the frame to `sums`, of its length.
    pub(super) fn copy_to(&self, sums: &mut [i32]) {
        match self.wide() {
            Some(wide) => sums.copy_from_slice(wide),
            None => sums.iter_mut().zip(&self.samples).for_each(|(sum, &own)| *sum = i32::from(own)),
        }
    }

    /// Writes what is left of `sums` without it, as `to` makes it of a sum.
    #[inline]
    pub(super) fn each_less<T>(&self, sums: &[i32], out: &mut [T], to: impl Fn(i32) -> T) {
        let pairs = out.iter_mut().zip(sums);
        match self.wide() {
            Some(wide) => pairs.zip(wide).for_each(|((out, sum), own)| *out = to(sum - own)),
            None => pairs.zip(&self.samples).for_each(|((out, sum), &own)| *out = to(sum - i32::from(own))),
        }
    }

    fn wide(&self) -> Option<&[i32]> {
        self.wide.as_ref().filter(|wide| wide.in_use).map(|wide| &*wide.sums)
    }
}

#[cfg(test)]
mod tests {
    use super::Own;

    #[test]
    fn a_frame_is_taken_off_to_the_last_bit_whether_it_fits_a_sample_or_not() {
        let mut own = Own::new(3);
        for frame in [[1, -2, 3], [32_768, -131_072, 5], [4, 5, -32_768], [0, -32_769, 32_767]] {
            own.set(&frame);
            let (mut copy, mut less) = ([9; 3], [9; 3]);
            own.copy_to(&mut copy);
            own.each_less(&[7, 7, 7], &mut less, |sum| sum);
            assert_eq!((copy, less), (frame, frame.map(|sum| 7 - sum)));
        }
        own.set_samples(&[8, 8, 8]);
        let mut copy = [9; 3];
        own.copy_to(&mut copy);
        assert_eq!(copy, [8; 3]);
    }
}
