//! Dense matrices that stay in their file.

#![allow(unsafe_code)] // the one place of the crate

use std::fs::File;
use std::path::Path;

use bytemuck::Pod;
use memmap2::Mmap;

use super::npy::{Header, Order, Precision, format, io};
use super::{AnyDesign, AsDesign, Element};
use crate::error::{Error, Result};

/// A memory-mapped n × p matrix of `f32` or `f64` numbers: a design of which only what is being read has to be in memory.
///
/// The operating system brings the pages in and drops them when memory is short, so a matrix may be larger than memory;
/// it is never copied as a whole, with an intercept neither, unless a column has a mean more than 16 standard deviations
/// from zero. A pass then reads the file from end to end: columns should stand together
/// ([`Order::Columns`]), as gathering a column of a row-major file touches a page per row.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sparsereg::design::{MappedMatrix, Npy, Order, Precision};
/// use sparsereg::prelude::*;
/// let path = std::env::temp_dir().join(format!("sparsereg-doc-{}.npy", std::process::id()));
/// let mut file = Npy::header(3, 2, Precision::F64, Order::Columns);
/// [1.0f64, 2.0, 3.0, 0.0, 1.0, 0.0].iter().for_each(|v| file.extend(v.to_le_bytes()));
/// std::fs::write(&path, file)?;
/// // SAFETY: nobody else knows the file.
/// let x = unsafe { MappedMatrix::open_npy(&path)? };
/// let model = Lasso::new(0.01).fit(&x, &ndarray::array![1.0, 2.0, 3.0])?;
/// assert_eq!(model.support(), [0]);
/// # drop(x);
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MappedMatrix {
    map: Mmap,
    header: Header,
}

impl MappedMatrix {
    /// Maps a `.npy` file, see [`Npy`](super::Npy).
    ///
    /// # Safety
    /// While the matrix exists nobody, neither this process nor another, may change or shorten the file: its bytes are
    /// lent as `&[f64]`, which the compiler takes for constant. A page that is no longer there ends the process.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], [`Error::Empty`] as for [`Npy::open`](super::Npy::open); `Format` also if the
    /// numbers do not begin at a multiple of their size.
    ///
    /// ```
    /// use sparsereg::{Error, design::MappedMatrix};
    /// // SAFETY: there is no such file.
    /// let x = unsafe { MappedMatrix::open_npy("no/such/file.npy") };
    /// assert!(matches!(x, Err(Error::Io { .. })));
    /// ```
    pub unsafe fn open_npy(path: impl AsRef<Path>) -> Result<Self> {
        let file = File::open(path).map_err(io)?;
        let header = Header::read(&mut &file)?;
        // SAFETY: the caller's promise is the one that `map` asks for.
        unsafe { Self::map(&file, header) }
    }

    /// Maps a file that holds n·p little-endian numbers and nothing else.
    ///
    /// # Safety
    /// As [`open_npy`](Self::open_npy).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Empty`] without rows or columns; [`Error::Format`] unless the file has the right size.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use sparsereg::design::{MappedMatrix, Order, Precision};
    /// let path = std::env::temp_dir().join(format!("sparsereg-raw-{}.bin", std::process::id()));
    /// std::fs::write(&path, [0; 24])?;
    /// // SAFETY: nobody else knows the file.
    /// let (right, wrong) = unsafe {
    ///     let open = |p| MappedMatrix::open_raw(&path, 3, p, Precision::F32, Order::Columns);
    ///     (open(2), open(3))
    /// };
    /// assert_eq!(right?.shape(), (3, 2));
    /// assert!(wrong.is_err());
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub unsafe fn open_raw(
        path: impl AsRef<Path>,
        nrows: usize,
        ncols: usize,
        precision: Precision,
        order: Order,
    ) -> Result<Self> {
        if nrows == 0 || ncols == 0 {
            return Err(Error::Empty { argument: "file" });
        }
        let header = Header { nrows, ncols, precision, order, start: 0 };
        let file = File::open(path).map_err(io)?;
        let size = match precision {
            Precision::F32 => size_of::<f32>(),
            Precision::F64 => size_of::<f64>(),
        };
        let (found, expected) = (file.metadata().map_err(io)?.len(), header.len()? * size);
        if found != expected as u64 {
            let reason = format!("{nrows} × {ncols} numbers take {expected} bytes, the file has {found}");
            return Err(format(reason));
        }
        // SAFETY: the caller's promise is the one that `map` asks for.
        unsafe { Self::map(&file, header) }
    }

    /// # Safety
    /// As [`open_npy`](Self::open_npy).
    unsafe fn map(file: &File, header: Header) -> Result<Self> {
        if cfg!(target_endian = "big") {
            let reason = "the numbers of a file are little endian, this machine is not";
            return Err(Error::Unsupported { argument: "file", reason });
        }
        // SAFETY: `Mmap` lends the bytes of the file as a slice, which is sound while nobody changes or shortens the
        // file: the caller promises that for as long as the matrix, which owns the map, exists.
        let map = unsafe { Mmap::map(file) }.map_err(io)?;
        let matrix = Self { map, header };
        match header.precision {
            Precision::F32 => matrix.values::<f32>().map(drop)?,
            Precision::F64 => matrix.values::<f64>().map(drop)?,
        }
        Ok(matrix)
    }

    /// Rows and columns.
    ///
    /// ```no_run
    /// # use sparsereg::design::MappedMatrix;
    /// // SAFETY: nobody changes the file.
    /// let x = unsafe { MappedMatrix::open_npy("x.npy")? };
    /// let (n, p) = x.shape();
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn shape(&self) -> (usize, usize) {
        (self.header.nrows, self.header.ncols)
    }

    /// What stands together in the file.
    ///
    /// ```no_run
    /// # use sparsereg::design::{MappedMatrix, Order};
    /// // SAFETY: nobody changes the file.
    /// let x = unsafe { MappedMatrix::open_npy("x.npy")? };
    /// assert_eq!(x.order(), Order::Columns);
    /// # Ok::<(), sparsereg::Error>(())
    /// ```
    pub fn order(&self) -> Order {
        self.header.order
    }

    /// The numbers; length and alignment are checked, not assumed.
    fn values<T: Element + Pod>(&self) -> Result<&[T]> {
        let (start, bytes) = (self.header.start, self.header.len()? * size_of::<T>());
        let numbers = start.checked_add(bytes).and_then(|end| self.map.get(start..end));
        let numbers = numbers.ok_or_else(|| format("the file ends before the numbers that its header promises"))?;
        bytemuck::try_cast_slice(numbers)
            .map_err(|_| format(format!("the numbers begin at byte {start}, not at a multiple of {}", size_of::<T>())))
    }
}

impl AsDesign for MappedMatrix {
    fn as_design(&self) -> Result<AnyDesign<'_>> {
        match self.header.precision {
            Precision::F32 => self.header.design(self.values::<f32>()?),
            Precision::F64 => self.header.design(self.values::<f64>()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use ndarray::{Array1, Array2, ShapeBuilder};

    use super::*;
    use crate::design::Npy;
    use crate::prelude::*;

    /// A file of its own, gone at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let path = std::env::temp_dir().join(format!("sparsereg-{}-{name}", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            Self(path)
        }

        fn npy(&self) -> Result<MappedMatrix> {
            // SAFETY: nobody else knows the file.
            unsafe { MappedMatrix::open_npy(&self.0) }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn data() -> (Array2<f64>, Array1<f64>) {
        // values that f32 holds
        let x = Array2::from_shape_fn((40, 60), |(i, j)| f64::from(((i * i * (j + 1) + 7 * i * j) % 23) as f32 / 8.0));
        let y = Array1::from_shape_fn(40, |i| 3.0 * x[[i, 1]] - 2.0 * x[[i, 5]] + ((i * i * i) % 11) as f64);
        (x, y)
    }

    #[test]
    fn a_fit_from_the_file_is_the_fit_from_memory_bit_for_bit() {
        let (x, y) = data();
        for order in [Order::Columns, Order::Rows] {
            let shape = x.dim().set_f(order == Order::Columns);
            let wide = Array2::from_shape_fn(shape, |at| x[at]);
            let narrow = Array2::from_shape_fn(shape, |at| x[at] as f32);
            let wide_bytes: Vec<u8> =
                wide.as_slice_memory_order().unwrap().iter().flat_map(|v| v.to_le_bytes()).collect();
            let narrow_bytes: Vec<u8> =
                narrow.as_slice_memory_order().unwrap().iter().flat_map(|v| v.to_le_bytes()).collect();
            for (precision, bytes) in [(Precision::F64, wide_bytes), (Precision::F32, narrow_bytes)] {
                let mut file = Npy::header(40, 60, precision, order);
                file.extend(&bytes);
                let npy = Scratch::new(&format!("{precision:?}-{order:?}.npy"), &file);
                let raw = Scratch::new(&format!("{precision:?}-{order:?}.bin"), &bytes);
                let mapped = npy.npy().unwrap();
                assert_eq!((mapped.shape(), mapped.order()), ((40, 60), order));
                // SAFETY: nobody else knows the file.
                let raw = unsafe { MappedMatrix::open_raw(&raw.0, 40, 60, precision, order) }.unwrap();
                let read = Npy::open(&npy.0).unwrap();
                for intercept in [true, false] {
                    let lasso = Lasso::new(0.05).intercept(intercept);
                    let memory = match precision {
                        Precision::F64 => lasso.fit(&wide, &y).unwrap(),
                        Precision::F32 => lasso.fit(&narrow, &y).unwrap(),
                    };
                    assert!(memory.support().len() > 2);
                    for other in [lasso.fit(&mapped, &y), lasso.fit(&raw, &y), lasso.fit(&read, &y)] {
                        let other = other.unwrap();
                        assert_eq!(other.coefficients(), memory.coefficients());
                        assert_eq!(other.intercept().to_bits(), memory.intercept().to_bits());
                        assert_eq!(other.certificate().gap.to_bits(), memory.certificate().gap.to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let header = Npy::header(2, 3, Precision::F64, Order::Rows);
        let mut whole = header.clone();
        whole.extend([0; 48]);
        let reason = |found: Result<MappedMatrix>| match found {
            Err(Error::Format { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(Scratch::new("short", &whole[..whole.len() - 1]).npy()).contains("ends"));
        assert!(reason(Scratch::new("csv", b"a,b\n1,2\n").npy()).contains("NUMPY"));
        assert!(matches!(Scratch::new("none", b"").npy(), Err(Error::Format { .. })));
        // a header that is a byte longer moves all numbers
        let mut moved = header.clone();
        moved.insert(header.len() - 1, b' ');
        moved[8] += 1;
        moved.extend([0; 48]);
        assert!(reason(Scratch::new("moved", &moved).npy()).contains("multiple of 8"));
        assert_eq!(Npy::read(&moved[..]).unwrap().shape(), (2, 3));
        let raw = Scratch::new("raw", &[0; 48]);
        // SAFETY: nobody else knows the file.
        let open = |n, p| unsafe { MappedMatrix::open_raw(&raw.0, n, p, Precision::F64, Order::Rows) };
        assert!(reason(open(2, 4)).contains("64 bytes"));
        assert!(reason(open(usize::MAX, 4)).contains("memory"));
        assert!(matches!(open(0, 4), Err(Error::Empty { .. })));
        let mut nan = header;
        nan.extend([1.0, 2.0, 3.0, 4.0, f64::INFINITY, 5.0].iter().flat_map(|v: &f64| v.to_le_bytes()));
        let nan = Scratch::new("nan", &nan);
        let found = nan.npy().unwrap();
        assert!(matches!(found.as_design(), Err(Error::NotFinite { index, .. }) if index == [1, 1]));
    }
}
