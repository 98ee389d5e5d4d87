//! Numbers, texts and ids as bytes. Numbers are varints (LEB128), signed ones zigzag; texts and byte strings carry their
//! length. Reading checks every bound: any bytes give a value or an error.

use super::BlockError;
use uuid::Uuid;

pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_id(out: &mut Vec<u8>, id: Uuid) {
    out.extend_from_slice(id.as_bytes());
}

/// Reads from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], BlockError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(BlockError::CutShort)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BlockError> {
        self.take(N)?.try_into().map_err(|_| BlockError::CutShort)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, BlockError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(crate) fn fixed(&mut self) -> Result<u32, BlockError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn id(&mut self) -> Result<Uuid, BlockError> {
        self.array().map(Uuid::from_bytes)
    }

    pub(crate) fn number(&mut self) -> Result<u64, BlockError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BlockError::Malformed("a number has more than 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, BlockError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn small(&mut self) -> Result<u32, BlockError> {
        u32::try_from(self.number()?).map_err(|_| BlockError::Malformed("a number is over 32 bits"))
    }

    /// A count of things that take at least `least` bytes each: never more than the bytes at hand can hold, so that no
    /// allocation is larger than the block deserves.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, BlockError> {
        let count = usize::try_from(self.number()?).map_err(|_| BlockError::CutShort)?;
        if count > self.bytes.len() / least { Err(BlockError::CutShort) } else { Ok(count) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], BlockError> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, BlockError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BlockError::Malformed("a text is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_what_was_written() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let signed = [0, -1, 1, i64::MIN, i64::MAX, 1_700_000_000_000];
        numbers.iter().for_each(|number| put_number(&mut out, *number));
        signed.iter().for_each(|number| put_signed(&mut out, *number));
        let mut reader = Reader::new(&out);
        for number in numbers {
            assert_eq!(reader.number(), Ok(number));
        }
        for number in signed {
            assert_eq!(reader.signed(), Ok(number));
        }
        assert!(reader.is_empty());
    }

    #[test]
    fn overlong_and_cut_numbers_are_refused() {
        assert!(matches!(Reader::new(&[0xff; 10]).number(), Err(BlockError::Malformed(_))));
        assert_eq!(Reader::new(&[0x80]).number(), Err(BlockError::CutShort));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).count(1), Err(BlockError::CutShort));
    }
}
