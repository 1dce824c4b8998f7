//! Random numbers that follow from a seed.
//!
//! A plugin has no other source of them that is the same when its work is repeated. `SplitMix64` (Steele, Lea and Flood 2014,
//! *Fast Splittable Pseudorandom Number Generators*, Figure 14) is small and good enough to draw by lot; it keeps no secret.

/// A source of random numbers: the same from the same seed.
///
/// ```
/// use fedwit_plugin::Random;
///
/// let mut clients = vec!["a", "b", "c", "d"];
/// let drawn = Random::new(7).draw(&mut clients, 2).to_vec();
/// assert_eq!(drawn.len(), 2);
/// assert_eq!(Random::new(7).draw(&mut ["a", "b", "c", "d"], 2), drawn);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Begins with a seed, such as that of a round.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Any number, each as likely as every other.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, each as likely as every other; 0 if there is none below it.
    pub fn below(&mut self, bound: u64) -> u64 {
        // What is left over above the last whole multiple of the bound would make small numbers likelier.
        let left_over = (u64::MAX % bound.max(1) + 1) % bound.max(1);
        loop {
            let drawn = self.next_u64();
            if drawn <= u64::MAX - left_over {
                return drawn % bound.max(1);
            }
        }
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        // As many bits as a float64 has digits.
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws as many of these as are wanted, or all if there are fewer, each as likely as every other: they are moved to the
    /// front, in the order in which they were drawn.
    pub fn draw<'a, T>(&mut self, of: &'a mut [T], wanted: usize) -> &'a mut [T] {
        let wanted = wanted.min(of.len());
        for place in 0..wanted {
            let others = (of.len() - place) as u64;
            // Below the length of a slice.
            let drawn = place + self.below(others) as usize;
            of.swap(place, drawn);
        }
        &mut of[..wanted]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first numbers of the generator from the seed 1234567, as its authors' Java class `SplittableRandom` and others
    /// give them.
    #[test]
    fn the_numbers_are_those_of_the_paper() {
        let mut random = Random::new(1_234_567);
        let numbers = [(); 3].map(|()| random.next_u64());
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn each_number_below_a_bound_is_as_likely() {
        let mut random = Random::new(0);
        let mut drawn = [0_u32; 7];
        (0..70_000).for_each(|_| drawn[random.below(7) as usize] += 1);
        assert!(drawn.iter().all(|times| times.abs_diff(10_000) < 500), "{drawn:?}");
        assert_eq!((random.below(0), random.below(1)), (0, 0));
        assert!((0..1000).all(|_| random.below(u64::MAX) < u64::MAX));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.unit())));
    }

    #[test]
    fn each_subset_is_as_likely() {
        let mut subsets = std::collections::BTreeMap::new();
        for seed in 0..6_000 {
            let mut all = [0, 1, 2, 3];
            let mut drawn = Random::new(seed).draw(&mut all, 2).to_vec();
            drawn.sort_unstable();
            *subsets.entry(drawn).or_insert(0_u32) += 1;
        }
        assert_eq!(subsets.len(), 6);
        assert!(subsets.values().all(|times| times.abs_diff(1000) < 150), "{subsets:?}");
        assert_eq!(Random::new(0).draw(&mut [1, 2], 5).len(), 2);
    }
}
