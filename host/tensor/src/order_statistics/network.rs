//! Sorting by a fixed list of comparisons, so that many columns are sorted side by side.

/// Elements that are compared with each other's neighbours in the other row.
///
/// Puts the smaller of each two values into one row and the larger into the other, or only one of them where nobody
/// needs the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    Both { low: usize, high: usize },
    Low { low: usize, high: usize },
    High { low: usize, high: usize },
}

/// A sorting network for a number of rows.
#[derive(Debug)]
pub(super) struct Network {
    comparisons: Vec<Comparison>,
}

impl Network {
    /// Comparisons after which the ranks that are `needed` are in their rows: all of Batcher's odd-even merges for as
    /// many rows, without those that nothing needed depends on.
    ///
    /// Knuth, "The Art of Computer Programming", volume 3, section 5.2.2, algorithm M.
    pub(super) fn new(rows: usize, needed: impl Fn(usize) -> bool) -> Self {
        let mut needed: Vec<bool> = (0..rows).map(needed).collect();
        let mut comparisons = Vec::new();
        for (low, high) in merges(rows).into_iter().rev() {
            match (needed[low], needed[high]) {
                (true, true) => comparisons.push(Comparison::Both { low, high }),
                (true, false) => comparisons.push(Comparison::Low { low, high }),
                (false, true) => comparisons.push(Comparison::High { low, high }),
                (false, false) => continue,
            }
            needed[low] = true;
            needed[high] = true;
        }
        comparisons.reverse();
        Self { comparisons }
    }

    /// Sorts every column, as far as is needed. No value may be not-a-number for the order to mean anything.
    #[inline(always)]
    pub(super) fn run<T: PartialOrd + Copy, const LANES: usize>(&self, rows: &mut [[T; LANES]]) {
        for comparison in &self.comparisons {
            match *comparison {
                Comparison::Both { low, high } => {
                    let [low, high] = two(rows, low, high);
                    for lane in 0..LANES {
                        let (one, other) = (low[lane], high[lane]);
                        low[lane] = if one < other { one } else { other };
                        high[lane] = if one < other { other } else { one };
                    }
                }
                Comparison::Low { low, high } => {
                    let [low, high] = two(rows, low, high);
                    for lane in 0..LANES {
                        low[lane] = if low[lane] < high[lane] { low[lane] } else { high[lane] };
                    }
                }
                Comparison::High { low, high } => {
                    let [low, high] = two(rows, low, high);
                    for lane in 0..LANES {
                        high[lane] = if low[lane] < high[lane] { high[lane] } else { low[lane] };
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn two<T>(rows: &mut [T], low: usize, high: usize) -> [&mut T; 2] {
    rows.get_disjoint_mut([low, high]).expect("two of the rows that the network is for")
}

/// The comparisons of a whole sorting network, in their order.
fn merges(rows: usize) -> Vec<(usize, usize)> {
    let mut merges = Vec::new();
    let top = rows.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            merges.extend((0..rows.saturating_sub(d)).filter(|i| i & p == r).map(|i| (i, i + d)));
            if q == p {
                break;
            }
            d = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
    merges
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network sorts everything if it sorts all zeros and ones (Knuth 5.3.4, theorem Z).
    #[test]
    fn every_column_of_zeros_and_ones_is_sorted_for_any_number_of_rows() {
        for rows in 1..=13_usize {
            let network = Network::new(rows, |_| true);
            for bits in 0..1_u32 << rows {
                let mut columns: Vec<[u32; 1]> = (0..rows).map(|row| [bits >> row & 1]).collect();
                network.run(&mut columns);
                assert!(columns.is_sorted(), "{bits:b} in {rows} rows");
            }
        }
    }

    #[test]
    fn what_is_needed_is_found_with_fewer_comparisons() {
        for rows in 1..=13_usize {
            for rank in 0..rows {
                let network = Network::new(rows, |needed| needed == rank);
                for bits in 0..1_u32 << rows {
                    let mut columns: Vec<[u32; 1]> = (0..rows).map(|row| [bits >> row & 1]).collect();
                    network.run(&mut columns);
                    let zeros = rows - bits.count_ones() as usize;
                    assert_eq!(columns[rank], [u32::from(rank >= zeros)], "{bits:b} in {rows} rows, rank {rank}");
                }
            }
        }
        let (all, middle) = (Network::new(100, |_| true), Network::new(100, |rank| rank == 50));
        assert!(middle.comparisons.len() < all.comparisons.len());
    }
}
