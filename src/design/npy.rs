//! NumPy's `.npy` files.
//!
//! ```text
//! \x93NUMPY  major minor  header length (u16, from version 2 on u32, little endian)
//! {'descr': '<f8', 'fortran_order': False, 'shape': (n, p), }  spaces  \n
//! n·p numbers
//! ```
//!
//! Source: NumPy Enhancement Proposal 1, <https://numpy.org/neps/nep-0001-npy-format.html>.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use bytemuck::Pod;
use ndarray::{Array1, Array2, ShapeBuilder};

use super::{AnyDesign, AsDesign, Dense, Element};
use crate::error::{Error, Result, check_length};

/// Longer headers are not those of a matrix (NumPy writes 128 bytes, and reads no more than 10,000).
const LONGEST_HEADER: usize = 1 << 16;
/// Numbers read at a time: a header that promises more than the file holds costs no more memory than the file has.
const PIECE: usize = 1 << 17;

/// What the numbers of a file are stored in, little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Four bytes, `<f4`.
    F32,
    /// Eight bytes, `<f8`.
    F64,
}

/// What of a matrix stands together in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Column after column (Fortran's order): what descent wants.
    Columns,
    /// Row after row (C's order).
    Rows,
}

/// A matrix read from a `.npy` file, in the precision and order of the file: a design.
///
/// Versions 1.0 to 3.0 with one or two dimensions of `<f4` or `<f8`; n numbers of one dimension are an n × 1 matrix.
///
/// ```
/// use sparsereg::design::{Npy, Order, Precision};
/// use sparsereg::prelude::*;
/// let mut file = Npy::header(3, 2, Precision::F64, Order::Rows);
/// [1.0f64, 0.0, 2.0, 1.0, 3.0, 0.0].iter().for_each(|v| file.extend(v.to_le_bytes()));
/// let x = Npy::read(&file[..])?;
/// let model = Lasso::new(0.01).fit(&x, &ndarray::array![1.0, 2.0, 3.0])?;
/// assert_eq!(model.support(), [0]);
/// # Ok::<(), sparsereg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Npy {
    header: Header,
    values: Values,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Npy {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] with what is wrong for a file that ends too early or is none of those above;
    /// [`Error::Empty`] for a matrix without rows or columns.
    ///
    /// ```
    /// use sparsereg::{Error, design::Npy};
    /// assert!(matches!(Npy::open("no/such/file.npy"), Err(Error::Io { .. })));
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::read(BufReader::new(File::open(path).map_err(io)?))
    }

    /// Reads what [`open`](Self::open) reads from anything that gives bytes; stops behind the last number.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// ```
    /// use sparsereg::{Error, design::Npy};
    /// assert!(matches!(Npy::read(&b"a,b\n1,2\n"[..]), Err(Error::Format { argument: "file", .. })));
    /// ```
    pub fn read(mut reader: impl Read) -> Result<Self> {
        let header = Header::read(&mut reader)?;
        let values = match header.precision {
            Precision::F32 => Values::F32(read_values(&mut reader, header.len()?)?),
            Precision::F64 => Values::F64(read_values(&mut reader, header.len()?)?),
        };
        Ok(Self { header, values })
    }

    /// The bytes that a version 1.0 file begins with, a multiple of 64: for writing a matrix that is too large to hold.
    ///
    /// ```
    /// use sparsereg::design::{Npy, Order, Precision};
    /// let header = Npy::header(3, 2, Precision::F32, Order::Columns);
    /// assert_eq!(header.len() % 64, 0);
    /// assert!(header.starts_with(b"\x93NUMPY"));
    /// ```
    pub fn header(nrows: usize, ncols: usize, precision: Precision, order: Order) -> Vec<u8> {
        let descr = if precision == Precision::F32 { "<f4" } else { "<f8" };
        let fortran = if order == Order::Columns { "True" } else { "False" };
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({nrows}, {ncols}), }}");
        while (10 + text.len() + 1) % 64 != 0 {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    /// Rows and columns.
    ///
    /// ```
    /// # use sparsereg::design::{Npy, Order, Precision};
    /// # let mut file = Npy::header(1, 2, Precision::F64, Order::Rows);
    /// # file.extend([0; 16]);
    /// assert_eq!(Npy::read(&file[..])?.shape(), (1, 2));
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn shape(&self) -> (usize, usize) {
        (self.header.nrows, self.header.ncols)
    }

    /// The order of the file.
    ///
    /// ```
    /// # use sparsereg::design::{Npy, Order, Precision};
    /// # let mut file = Npy::header(1, 2, Precision::F64, Order::Rows);
    /// # file.extend([0; 16]);
    /// assert_eq!(Npy::read(&file[..])?.order(), Order::Rows);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn order(&self) -> Order {
        self.header.order
    }

    /// The matrix in `f64`, in the order of the file.
    ///
    /// ```
    /// # use sparsereg::design::{Npy, Order, Precision};
    /// # let mut file = Npy::header(1, 2, Precision::F64, Order::Rows);
    /// # file.extend([0; 16]);
    /// assert_eq!(Npy::read(&file[..])?.into_array(), ndarray::array![[0.0, 0.0]]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn into_array(self) -> Array2<f64> {
        let shape = self.shape().set_f(self.header.order == Order::Columns);
        let values = match self.values {
            Values::F32(values) => values.into_iter().map(f64::from).collect(),
            Values::F64(values) => values,
        };
        Array2::from_shape_vec(shape, values).expect("as many values as the header says")
    }

    /// A single column, such as a response, in `f64`.
    ///
    /// # Errors
    /// [`Error::Length`] if there are several columns.
    ///
    /// ```
    /// # use sparsereg::design::{Npy, Order, Precision};
    /// # let mut file = Npy::header(2, 1, Precision::F64, Order::Rows);
    /// # file.extend([0; 16]);
    /// assert_eq!(Npy::read(&file[..])?.into_vector()?, ndarray::array![0.0, 0.0]);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn into_vector(self) -> Result<Array1<f64>> {
        check_length("file columns", 1, self.header.ncols)?;
        Ok(self.into_array().index_axis_move(ndarray::Axis(1), 0))
    }
}

impl AsDesign for Npy {
    fn as_design(&self) -> Result<AnyDesign<'_>> {
        match &self.values {
            Values::F32(values) => self.header.design(values),
            Values::F64(values) => self.header.design(values),
        }
    }
}

/// What a file says of its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Header {
    pub nrows: usize,
    pub ncols: usize,
    pub precision: Precision,
    pub order: Order,
    /// Where the numbers begin.
    pub start: usize,
}

impl Header {
    /// Number of values.
    pub fn len(&self) -> Result<usize> {
        let len = self.nrows.checked_mul(self.ncols);
        len.filter(|len| len.checked_mul(8).is_some_and(|bytes| isize::try_from(bytes).is_ok()))
            .ok_or_else(|| format(format!("{} × {} numbers do not fit into memory", self.nrows, self.ncols)))
    }

    /// The numbers as a checked design.
    pub fn design<'a, T: Element>(&self, values: &'a [T]) -> Result<AnyDesign<'a>> {
        Dense::from_slice(values, self.nrows, self.ncols, self.order == Order::Rows)?.check().map(T::any)
    }

    pub fn read(reader: &mut impl Read) -> Result<Self> {
        let mut magic = [0; 8];
        exact(reader, &mut magic, "the file has no header")?;
        if &magic[..6] != b"\x93NUMPY" {
            return Err(format("the file does not begin with \\x93NUMPY"));
        }
        let mut length = [0; 4];
        let (digits, version) = match (magic[6], magic[7]) {
            (1, 0) => (2, 1),
            (2, 0) => (4, 2),
            (3, 0) => (4, 3),
            (major, minor) => return Err(format(format!("version {major}.{minor} is none of 1.0, 2.0, 3.0"))),
        };
        exact(reader, &mut length[..digits], "the file ends within the header")?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST_HEADER {
            return Err(format(format!("a header of {length} bytes is not that of a matrix")));
        }
        let mut text = vec![0; length];
        exact(reader, &mut text, "the file ends within the header")?;
        // Latin-1 before version 3; what a matrix has in its header is ASCII in all of them.
        let text =
            std::str::from_utf8(&text).map_err(|_| format(format!("the version {version} header is not text")))?;
        let mut header = Parser(text).dictionary()?;
        header.start = 8 + digits + length;
        Ok(header)
    }
}

/// A cursor over the Python dictionary of a header.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn dictionary(mut self) -> Result<Header> {
        let (mut precision, mut order, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.next_is('}') {
            let key = self.string()?;
            self.expect(':')?;
            let new = match key {
                "descr" => precision.replace(self.precision()?).is_none(),
                "fortran_order" => order.replace(self.order()?).is_none(),
                "shape" => shape.replace(self.shape()?).is_none(),
                _ => return Err(format(format!("the header has a key {key:?}"))),
            };
            if !new {
                return Err(format(format!("the header has the key {key:?} twice")));
            }
            if !self.next_is(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.0.trim().is_empty() {
            return Err(format(format!("the header goes on after its dictionary: {:?}", self.0.trim())));
        }
        match (precision, order, shape) {
            (Some(precision), Some(order), Some((nrows, ncols))) => {
                if nrows == 0 || ncols == 0 {
                    return Err(Error::Empty { argument: "file" });
                }
                Ok(Header { nrows, ncols, precision, order, start: 0 })
            }
            _ => Err(format("the header lacks one of 'descr', 'fortran_order', 'shape'")),
        }
    }

    fn next_is(&mut self, token: char) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: char) -> Result<()> {
        if self.next_is(token) {
            Ok(())
        } else {
            Err(format(format!("the header lacks {token:?} before {:?}", self.0)))
        }
    }

    fn word(&mut self) -> &'a str {
        self.0 = self.0.trim_start();
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word
    }

    fn string(&mut self) -> Result<&'a str> {
        let quote = if self.next_is('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect('\'')?;
        }
        let (string, rest) =
            self.0.split_once(quote).ok_or_else(|| format("the header has a string without an end"))?;
        self.0 = rest;
        Ok(string)
    }

    fn precision(&mut self) -> Result<Precision> {
        if self.next_is('[') {
            return Err(format("the file holds records, expected '<f4' or '<f8'"));
        }
        match self.string()? {
            "<f4" => Ok(Precision::F32),
            "<f8" => Ok(Precision::F64),
            other => Err(format(format!("the file holds numbers of type {other:?}, expected '<f4' or '<f8'"))),
        }
    }

    fn order(&mut self) -> Result<Order> {
        match self.word() {
            "True" => Ok(Order::Columns),
            "False" => Ok(Order::Rows),
            other => Err(format(format!("'fortran_order' is {other:?}, expected True or False"))),
        }
    }

    fn shape(&mut self) -> Result<(usize, usize)> {
        let mut sizes = Vec::new();
        self.expect('(')?;
        while !self.next_is(')') {
            let word = self.word();
            sizes.push(word.parse().map_err(|_| format(format!("'shape' holds {word:?}, expected a number")))?);
            if !self.next_is(',') {
                self.expect(')')?;
                break;
            }
        }
        match sizes[..] {
            [n] => Ok((n, 1)),
            [n, p] => Ok((n, p)),
            _ => Err(format(format!("the array has {} dimensions, expected 1 or 2", sizes.len()))),
        }
    }
}

pub(super) fn io(source: std::io::Error) -> Error {
    Error::Io { argument: "file", source }
}

pub(super) fn format(reason: impl Into<String>) -> Error {
    Error::Format { argument: "file", reason: reason.into() }
}

fn exact(reader: &mut impl Read, bytes: &mut [u8], short: &str) -> Result<()> {
    reader.read_exact(bytes).map_err(|e| if e.kind() == ErrorKind::UnexpectedEof { format(short) } else { io(e) })
}

fn read_values<T: Element + Pod>(reader: &mut impl Read, len: usize) -> Result<Vec<T>> {
    let mut values: Vec<T> = Vec::new();
    while values.len() < len {
        let from = values.len();
        if from == values.capacity() {
            // After the first piece the promise of the header is believed: then nothing is moved any more.
            let room = if from == 0 { PIECE.min(len) } else { len - from };
            if values.try_reserve_exact(room).is_err() {
                return Err(format(format!("{len} numbers do not fit into memory")));
            }
        }
        values.resize((from + PIECE).min(len).min(values.capacity()), T::ZERO);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut values[from..]);
        exact(reader, bytes, "the file ends before the numbers that its header promises")?;
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn file(version: u8, dictionary: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
        match version {
            1 => bytes.extend((dictionary.len() as u16).to_le_bytes()),
            _ => bytes.extend((dictionary.len() as u32).to_le_bytes()),
        }
        bytes.extend(dictionary.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn doubles(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn reason(bytes: &[u8]) -> String {
        match Npy::read(bytes) {
            Err(Error::Format { argument: "file", reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_every_version_order_and_precision() {
        let six = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let rows = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let columns = array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]];
        for version in 1..=3 {
            for (fortran, truth) in [("False", &rows), ("True", &columns)] {
                let text = format!("{{'descr': '<f8', 'fortran_order': {fortran}, 'shape': (2, 3), }}   \n");
                let found = Npy::read(&file(version, &text, &doubles(&six))[..]).unwrap();
                assert_eq!(&found.clone().into_array(), truth);
                let mut column = [0.0; 2];
                crate::design::Design::column(&found.as_design().unwrap(), 1, &mut column);
                assert_eq!(column[..], truth.column(1).to_vec());
                let text = text.replace("<f8", "<f4");
                let body: Vec<u8> = six.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
                let found = Npy::read(&file(version, &text, &body)[..]).unwrap();
                assert!(matches!(found.as_design().unwrap(), AnyDesign::DenseF32(_)));
                assert_eq!(&found.into_array(), truth);
            }
        }
    }

    #[test]
    fn reads_what_numpy_writes() {
        // np.save of np.array([1.5, -2.0]), byte for byte
        let mut text = String::from("{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }");
        text += &" ".repeat(128 - 10 - 1 - text.len());
        text.push('\n');
        let found = Npy::read(&file(1, &text, &doubles(&[1.5, -2.0]))[..]).unwrap();
        assert_eq!(found.shape(), (2, 1));
        assert_eq!(found.into_vector().unwrap(), array![1.5, -2.0]);
        let two =
            Npy::read(&file(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2)}", &doubles(&[1.0, 2.0]))[..]);
        assert!(matches!(two.unwrap().into_vector(), Err(Error::Length { expected: 1, found: 2, .. })));
    }

    #[test]
    fn its_own_header_is_read_back() {
        for (precision, order) in [(Precision::F32, Order::Rows), (Precision::F64, Order::Columns)] {
            let bytes = Npy::header(123_456, 7, precision, order);
            let header = Header::read(&mut &bytes[..]).unwrap();
            assert_eq!(header, Header { nrows: 123_456, ncols: 7, precision, order, start: bytes.len() });
        }
    }

    #[test]
    fn more_than_a_piece_arrives_whole() {
        let values: Vec<f64> = (0..3 * PIECE + 5).map(|i| i as f64).collect();
        let mut bytes = Npy::header(values.len(), 1, Precision::F64, Order::Columns);
        bytes.extend(doubles(&values));
        assert_eq!(Npy::read(&bytes[..]).unwrap().into_vector().unwrap().to_vec(), values);
    }

    #[test]
    fn says_what_is_wrong() {
        let good = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n";
        let body = doubles(&[0.0; 6]);
        let with = |from: &str, to: &str| reason(&file(1, &good.replace(from, to), &body));
        assert!(with("<f8", ">f8").contains(">f8"));
        assert!(with("<f8", "<i4").contains("<i4"));
        assert!(with("'<f8'", "[('a', '<f8')]").contains("records"));
        assert!(with("False", "0").contains("fortran_order"));
        assert!(with("(2, 3)", "(2, 3, 1)").contains("3 dimensions"));
        assert!(with("(2, 3)", "()").contains("0 dimensions"));
        assert!(with("(2, 3)", "(2, -3)").contains("shape"));
        assert!(with("(2, 3)", "(9223372036854775807, 3)").contains("memory"));
        assert!(with("(2, 3)", "(99999999999999999999, 3)").contains("shape"));
        assert!(with("'shape': (2, 3), ", "").contains("lacks"));
        assert!(with("'shape'", "'form'").contains("form"));
        assert!(with("'shape': (2, 3), ", "'shape': (2, 3), 'shape': (3, 2)").contains("twice"));
        assert!(with("\n", "1\n").contains("goes on"));
        assert!(with("{", "").contains("'{'"));
        assert!(reason(&file(4, good, &body)).contains("4.0"));
        assert!(reason(&file(2, &" ".repeat(1 << 17), &[])).contains("131072"));
        assert!(reason(b"PK\x03\x04....").contains("NUMPY"));
        let whole = file(1, good, &body);
        for end in 0..whole.len() {
            reason(&whole[..end]);
        }
        let empty = Npy::read(&file(1, &good.replace("2, 3", "0, 3"), &[])[..]);
        assert!(matches!(empty, Err(Error::Empty { argument: "file" })));
        let nan = file(1, good, &doubles(&[0.0, 0.0, 0.0, 0.0, f64::NAN, 0.0]));
        let nan = Npy::read(&nan[..]).unwrap();
        assert!(matches!(nan.as_design(), Err(Error::NotFinite { index, .. }) if index == [1, 1]));
    }

    #[test]
    fn a_promise_of_much_costs_nothing() {
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }\n";
        assert!(reason(&file(1, text, &[0; 800])).contains("ends"));
    }
}
