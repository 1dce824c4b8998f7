//! Parts of lists, as Relay has them.
//!
//! A cursor is the number of a row, which grows with each new row and is never used again: a part that is asked for
//! twice is the same part, whatever was added in between.

use async_graphql::connection::{Connection, CursorType, Edge, OpaqueCursor};
use async_graphql::{OutputType, SimpleObject};
use fedwit_store::{Listed, Page, StoreError};

use super::Failure;

/// Rows that are given where it is not said how many.
const DEFAULT: u32 = 50;
/// Rows that are given at once, at most.
const MOST: u32 = 500;
/// What reading a list costs before its first row: it is a query, and another one that counts.
const READ: usize = 10;

/// A list of nodes, a part at a time.
pub(super) type List<N> = Connection<Cursor, N, Total>;

/// The place of a row.
type Cursor = OpaqueCursor<i64>;

/// What a list says besides.
#[derive(SimpleObject)]
#[graphql(fake)]
pub(super) struct Total {
    /// How many there are in all, whatever part is asked for.
    total_count: u64,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paging {
    count: u32,
    from_end: bool,
    after: Option<i64>,
    before: Option<i64>,
}

/// What a field with a list costs.
pub(super) fn cost(first: Option<u32>, last: Option<u32>, node: usize) -> usize {
    let rows = first.or(last).unwrap_or(DEFAULT).min(MOST);
    READ.saturating_add(node.saturating_mul(rows as usize))
}

/// How many entries of a plain list are wanted.
pub(super) fn count(first: Option<u32>) -> Result<u32, Failure> {
    let count = first.unwrap_or(DEFAULT);
    if count > MOST {
        return Err(Failure::invalid("first", format!("{count} are more than {MOST}")));
    }
    Ok(count)
}

impl Paging {
    pub(super) fn new(
        first: Option<u32>,
        last: Option<u32>,
        after: Option<String>,
        before: Option<String>,
    ) -> Result<Self, Failure> {
        if first.is_some() && last.is_some() {
            return Err(Failure::invalid("last", "it cannot be given together with `first`"));
        }
        let (after, before) = (cursor("after", after)?, cursor("before", before)?);
        Ok(Self { count: count(first.or(last))?, from_end: last.is_some(), after, before })
    }

    /// Reads the part, and makes a node of each row.
    pub(super) async fn read<R, N, F>(
        self,
        read: impl FnOnce(Page) -> F,
        number: impl Fn(&R) -> i64,
        node: impl Fn(R) -> N,
    ) -> Result<List<N>, Failure>
    where
        F: Future<Output = Result<Listed<R>, StoreError>>,
        N: OutputType,
    {
        let Listed { rows, total } = read(self.page()).await?;
        let part = self.cut(rows, &number);
        let mut list = Connection::with_additional_fields(part.previous, part.next, Total { total_count: total });
        list.edges.extend(part.rows.into_iter().map(|row| Edge::new(OpaqueCursor(number(&row)), node(row))));
        Ok(list)
    }

    /// One row more than is wanted tells whether there are more.
    fn page(self) -> Page {
        let after = if self.from_end { self.before } else { self.after };
        Page { offset: 0, limit: self.count + 1, newest_first: self.from_end, after }
    }

    /// Makes what was read the part that was asked for.
    fn cut<R>(self, mut rows: Vec<R>, number: impl Fn(&R) -> i64) -> Part<R> {
        let read = rows.len();
        // The list was read from one end; the other bound is where it stops.
        rows.retain(|row| {
            let number = number(row);
            self.after.is_none_or(|after| after < number) && self.before.is_none_or(|before| number < before)
        });
        let bounded = rows.len() < read;
        let more = rows.len() > self.count as usize;
        rows.truncate(self.count as usize);
        if self.from_end {
            rows.reverse();
            Part { rows, previous: more || bounded || self.after.is_some(), next: self.before.is_some() }
        } else {
            Part { rows, previous: self.after.is_some(), next: more || bounded || self.before.is_some() }
        }
    }
}

struct Part<R> {
    rows: Vec<R>,
    previous: bool,
    next: bool,
}

fn cursor(argument: &'static str, text: Option<String>) -> Result<Option<i64>, Failure> {
    let decode = |text: String| match Cursor::decode_cursor(&text) {
        Ok(OpaqueCursor(number)) => Ok(number),
        Err(_) => Err(Failure::invalid(argument, format!("{text:.80?} is no cursor that this server gave"))),
    };
    text.map(decode).transpose()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    /// What a store would read, from rows of which some numbers are missing.
    fn read(paging: Paging) -> (Vec<i64>, bool, bool) {
        let all = [1, 2, 4, 5, 7, 8];
        let Page { limit, newest_first, after, .. } = paging.page();
        let mut rows: Vec<i64> = all.into();
        if newest_first {
            rows.reverse();
            rows.retain(|row| after.is_none_or(|after| *row < after));
        } else {
            rows.retain(|row| after.is_none_or(|after| *row > after));
        }
        rows.truncate(limit as usize);
        let Part { rows, previous, next } = paging.cut(rows, |row| *row);
        (rows, previous, next)
    }

    fn at(number: impl Into<Option<i64>>) -> Option<String> {
        number.into().map(|number| OpaqueCursor(number).encode_cursor())
    }

    #[test]
    fn a_list_is_read_from_its_beginning() {
        let page = |first, after| read(Paging::new(Some(first), None, after, None).unwrap());
        assert_eq!(page(2, None), (vec![1, 2], false, true));
        assert_eq!(page(2, at(2)), (vec![4, 5], true, true));
        assert_eq!(page(2, at(5)), (vec![7, 8], true, false));
        assert_eq!(page(6, None), (vec![1, 2, 4, 5, 7, 8], false, false));
        assert_eq!(page(0, None), (vec![], false, true));
        assert_eq!(page(3, at(99)), (vec![], true, false));
    }

    #[test]
    fn a_list_is_read_from_its_end() {
        let page = |last, before| read(Paging::new(None, Some(last), None, before).unwrap());
        assert_eq!(page(2, None), (vec![7, 8], true, false));
        assert_eq!(page(2, at(7)), (vec![4, 5], true, true));
        assert_eq!(page(2, at(4)), (vec![1, 2], false, true));
    }

    #[test]
    fn a_list_is_read_between_two_cursors() {
        assert_eq!(read(Paging::new(Some(3), None, at(1), at(5)).unwrap()), (vec![2, 4], true, true));
        assert_eq!(read(Paging::new(None, Some(3), at(1), at(5)).unwrap()), (vec![2, 4], true, true));
        assert_eq!(read(Paging::new(Some(1), None, at(1), at(8)).unwrap()), (vec![2], true, true));
        assert_eq!(read(Paging::new(None, Some(1), at(1), at(8)).unwrap()), (vec![7], true, true));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        assert!(Paging::new(Some(MOST), None, None, None).is_ok());
        assert!(Paging::new(Some(MOST + 1), None, None, None).is_err());
        assert!(Paging::new(None, Some(u32::MAX), None, None).is_err());
        assert!(Paging::new(Some(1), Some(1), None, None).is_err());
        for bad in ["", "1", "x y", "bnVsbA", "WzFd"] {
            assert!(Paging::new(None, None, Some(bad.to_owned()), None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_list_costs_as_much_as_it_may_have_rows() {
        assert_eq!(cost(None, None, 2), 110);
        assert_eq!(cost(Some(3), None, 2), 16);
        assert_eq!(cost(None, Some(u32::MAX), 1), 510);
        assert_eq!(cost(Some(500), None, usize::MAX), usize::MAX);
    }
}
