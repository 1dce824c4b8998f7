//! The header of an array: a Python dictionary of three members, in text.
//!
//! It is read by a parser for just that, which goes forward over a bounded text. A parser for Python literals of any
//! kind calls itself for every bracket, and a header of a hundred thousand brackets overflows its stack.

use std::io::Read;

use super::descr;
use crate::DType;
use crate::formats::{EntryFault, name};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Bytes of the longest header: 64 extents of 20 digits take a third of it.
const LONGEST: usize = 4096;

/// Dimensions of an array, as many as NumPy has at most.
const MOST_DIMENSIONS: usize = 64;

/// What the values of an array are, and how they follow each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes before the values.
    pub(super) length: u64,
    pub(super) dtype: DType,
    pub(super) big_endian: bool,
    /// Whether the first index varies fastest, not the last.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// Reads a header of version 1.0, 2.0 or 3.0 from the beginning of an array.
    pub(super) fn read(array: &mut dyn Read) -> Result<Self, EntryFault> {
        let mut prefix = [0; 8];
        array.read_exact(&mut prefix).map_err(EntryFault::Unpack)?;
        let Some([major, minor]) = prefix.strip_prefix(MAGIC) else {
            return Err(EntryFault::Header("it does not begin with \\x93NUMPY"));
        };
        // Bytes of the length that follows. Version 3 differs from 2 in its text being UTF-8, not Latin-1, which
        // only the names of fields make use of.
        let width = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => return Err(EntryFault::Header("its version is none of 1.0, 2.0 and 3.0")),
        };
        let mut length = [0; 4];
        array.read_exact(&mut length[..width]).map_err(EntryFault::Unpack)?;
        let length = u32::from_le_bytes(length);
        let mut text = [0; LONGEST];
        let text = usize::try_from(length)
            .ok()
            .and_then(|length| text.get_mut(..length))
            .ok_or(EntryFault::Header("its header is longer than 4096 bytes"))?;
        array.read_exact(text).map_err(EntryFault::Unpack)?;
        let (descr, fortran_order, shape) = Parser { rest: text }.parse()?;
        let (dtype, big_endian) = parse_descr(descr)?;
        let length = (prefix.len() + width) as u64 + u64::from(length);
        Ok(Self { length, dtype, big_endian, fortran_order, shape })
    }

    /// The bytes before the values of an array of this dtype and shape, in row-major order.
    ///
    /// They end, as NumPy's do, at a multiple of 64. There are none for a dtype that NumPy lacks.
    pub(super) fn write(dtype: DType, shape: &[usize]) -> Option<Vec<u8>> {
        const ALIGNMENT: usize = 64;
        let descr = descr(dtype)?;
        let shape = match shape {
            [extent] => format!("({extent},)"),
            extents => format!("({})", extents.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
        };
        let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        let unpadded = MAGIC.len() + 4 + dictionary.len() + 1;
        let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
        // A shape of 64 dimensions takes some 1.4 kB.
        let length = u16::try_from(dictionary.len() + padding + 1).ok()?;
        let mut header = MAGIC.to_vec();
        header.extend([1, 0]);
        header.extend(length.to_le_bytes());
        header.extend(dictionary.bytes());
        header.extend(std::iter::repeat_n(b' ', padding));
        header.push(b'\n');
        Some(header)
    }
}

/// The dtype of that name, and whether its bytes come in the other order.
fn parse_descr(descr: &[u8]) -> Result<(DType, bool), EntryFault> {
    let unknown = || EntryFault::DType { descr: name::shown(&String::from_utf8_lossy(descr)) };
    let (order, kind) = descr.split_first().ok_or_else(unknown)?;
    let dtype = DType::ALL
        .into_iter()
        .find(|dtype| self::descr(*dtype).is_some_and(|known| known.as_bytes()[1..] == *kind))
        .ok_or_else(unknown)?;
    match order {
        b'<' => Ok((dtype, false)),
        b'>' => Ok((dtype, true)),
        b'|' if dtype.size() == 1 => Ok((dtype, false)),
        _ => Err(unknown()),
    }
}

/// What is left of a header's text.
struct Parser<'a> {
    rest: &'a [u8],
}

type Members<'a> = (&'a [u8], bool, Vec<usize>);

impl<'a> Parser<'a> {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, the members in any order, each once.
    fn parse(mut self) -> Result<Members<'a>, EntryFault> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.take(b'}') {
            let key = self.string()?;
            self.expect(b':')?;
            let again = match key {
                b"descr" => descr.replace(self.descr()?).is_some(),
                b"fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                b"shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(EntryFault::Header("its header has a member that no array has")),
            };
            if again {
                return Err(EntryFault::Header("its header has a member twice"));
            }
            if !self.take(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.skip_space();
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) if self.rest.is_empty() => {
                Ok((descr, fortran_order, shape))
            }
            (Some(_), Some(_), Some(_)) => Err(EntryFault::Header("something follows its header")),
            _ => Err(EntryFault::Header("its header lacks descr, fortran_order or shape")),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    /// Goes over `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), EntryFault> {
        if self.take(byte) { Ok(()) } else { Err(EntryFault::Header("its header is not a dictionary in text")) }
    }

    /// A string without escapes.
    fn string(&mut self) -> Result<&'a [u8], EntryFault> {
        const FAULT: EntryFault = EntryFault::Header("its header has no string where there must be one");
        self.skip_space();
        let (quote, rest) = self.rest.split_first().filter(|(quote, _)| matches!(quote, b'\'' | b'"')).ok_or(FAULT)?;
        let end = rest.iter().position(|byte| byte == quote).ok_or(FAULT)?;
        let (string, rest) = rest.split_at(end);
        if string.contains(&b'\\') {
            return Err(FAULT);
        }
        self.rest = &rest[1..];
        Ok(string)
    }

    /// A dtype's name. Arrays of records have a list there, which is shown but not read.
    fn descr(&mut self) -> Result<&'a [u8], EntryFault> {
        self.skip_space();
        if self.rest.starts_with(b"[") {
            return Err(EntryFault::DType { descr: name::shown(&String::from_utf8_lossy(self.rest)) });
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, EntryFault> {
        self.skip_space();
        for (word, value) in [(b"True".as_slice(), true), (b"False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(EntryFault::Header("its fortran_order is neither True nor False"))
    }

    /// `()`, `(2,)`, `(2, 3)`.
    fn shape(&mut self) -> Result<Vec<usize>, EntryFault> {
        const FAULT: EntryFault = EntryFault::Header("its shape is not a tuple of extents");
        if !self.take(b'(') {
            return Err(FAULT);
        }
        let mut shape = Vec::new();
        while !self.take(b')') {
            if shape.len() == MOST_DIMENSIONS {
                return Err(EntryFault::Header("its shape has more than 64 dimensions"));
            }
            shape.push(self.extent()?);
            if !self.take(b',') {
                // `(2)` is a number in Python, not a tuple.
                if shape.len() == 1 || !self.take(b')') {
                    return Err(FAULT);
                }
                break;
            }
        }
        Ok(shape)
    }

    fn extent(&mut self) -> Result<usize, EntryFault> {
        self.skip_space();
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or(EntryFault::Header("its shape has an extent that is not a number, or too large to be counted"))
    }
}
