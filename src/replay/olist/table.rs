//! One file of the data set: a header, then rows. Whatever is wrong is told with its place.

use std::fmt::Display;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use souk_core::checkout::REFERENCE_MAX;
use souk_core::money::Money;
use souk_core::product::CODE_MAX;

use super::read::{ReadError, SourceTime};
use super::{CURRENCY, decimal, unpack};

/// The longest id, in characters. A product's becomes the vendor's code of its offers, an order's the reference of
/// its checkout.
const ID_MAX: usize = 64;
const _: () = assert!(ID_MAX <= CODE_MAX && ID_MAX <= REFERENCE_MAX);
/// The longest other text, in characters.
const TEXT_MAX: usize = 200;

/// Gives every row of `dir/name.csv` (or `.csv.zst`) to `each`, cut down to `columns`, whatever else the file holds
/// and in whatever order.
pub(super) fn rows<const N: usize>(
    dir: &Path,
    name: &str,
    columns: [&'static str; N],
    mut each: impl FnMut([Cell<'_>; N]) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let (file, text) = unpack::text(dir, name)?;
    // Rows of another length are refused below, in words of our own.
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_slice());
    let (positions, width) = header(&mut reader, &file, columns)?;
    let mut record = ByteRecord::new();
    let mut last = 0;
    while read(&mut reader, &file, &mut record)? {
        last = start(&record, &text);
        let line = Line { file: &file, text: &text, at: last };
        if record.len() != width {
            return Err(line.misshapen(format!(
                "{} cells where the header names {width} columns: look for a comma or a quote that is missing or one \
                 too many",
                record.len()
            )));
        }
        let cell =
            |n: usize| Cell { line, column: columns[n], bytes: record.get(positions[n]).unwrap_or_default() };
        each(std::array::from_fn(cell))?;
    }
    // A quote that is not closed makes the rest of the file one cell, perhaps one that nobody looks at.
    if text.get(last..).unwrap_or_default().iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        let line = Line { file: &file, text: &text, at: last };
        return Err(line.misshapen("a quote is opened and never closed: close it, or double it".to_owned()));
    }
    Ok(())
}

/// Where each of `columns` stands, and how many columns there are in all.
fn header<const N: usize>(
    reader: &mut Reader<&[u8]>,
    file: &str,
    columns: [&'static str; N],
) -> Result<([usize; N], usize), ReadError> {
    let header = reader.byte_headers().map_err(|error| broken(file, &error))?;
    let names: Vec<String> =
        header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let mut positions = [0; N];
    for (position, column) in positions.iter_mut().zip(columns) {
        let mut found = names.iter().enumerate().filter(|(_, name)| *name == column);
        let wrong = |cause: &'static str| ReadError::Header {
            file: file.to_owned(),
            column,
            cause,
            found: names.join(", "),
        };
        *position = found.next().ok_or_else(|| wrong("no"))?.0;
        if found.next().is_some() {
            return Err(wrong("more than one"));
        }
    }
    Ok((positions, names.len()))
}

fn read(reader: &mut Reader<&[u8]>, file: &str, record: &mut ByteRecord) -> Result<bool, ReadError> {
    reader.read_byte_record(record).map_err(|error| broken(file, &error))
}

/// From memory and with rows of any length, nothing that the reader could refuse is left.
fn broken(file: &str, error: &csv::Error) -> ReadError {
    ReadError::Row { file: file.to_owned(), line: 1, cause: format!("cannot be read: {error}") }
}

/// Where a row begins. The reader says where it began to look, which may be before empty lines.
fn start(record: &ByteRecord, text: &[u8]) -> usize {
    let looked = record.position().map_or(0, |position| position.byte() as usize);
    let empty = text
        .get(looked..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    looked + empty
}

/// A row's place.
#[derive(Clone, Copy)]
struct Line<'a> {
    file: &'a str,
    text: &'a [u8],
    at: usize,
}

impl Line<'_> {
    /// Counted when somebody asks, which is once at most: for the message that ends the reading.
    fn number(self) -> u64 {
        1 + self.text.iter().take(self.at).filter(|byte| **byte == b'\n').count() as u64
    }

    fn misshapen(self, cause: String) -> ReadError {
        ReadError::Row { file: self.file.to_owned(), line: self.number(), cause }
    }
}

/// One cell of a row.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    line: Line<'a>,
    column: &'static str,
    bytes: &'a [u8],
}

impl<'a> Cell<'a> {
    /// What is wrong with this cell.
    pub(super) fn wrong(&self, cause: impl Display) -> ReadError {
        ReadError::Cell {
            file: self.line.file.to_owned(),
            line: self.line.number(),
            column: self.column,
            cause: cause.to_string(),
        }
    }

    /// A text of one line; `None` when the cell is empty.
    pub(super) fn text(&self) -> Result<Option<&'a str>, ReadError> {
        let text = std::str::from_utf8(self.bytes)
            .map_err(|error| self.wrong(format_args!("is not UTF-8 ({error}): save the file as UTF-8")))?
            .trim();
        if text.chars().any(char::is_control) {
            return Err(self.wrong("holds a line break or another control character: look for a stray quote"));
        }
        if text.chars().count() > TEXT_MAX {
            return Err(self.wrong(format_args!("is longer than {TEXT_MAX} characters: shorten it")));
        }
        Ok((!text.is_empty()).then_some(text))
    }

    fn required(&self) -> Result<&'a str, ReadError> {
        self.text()?.ok_or_else(|| self.wrong("is empty: it must be filled in, or its row left out"))
    }

    /// What the source calls a thing.
    pub(super) fn id(&self) -> Result<String, ReadError> {
        let text = self.required()?;
        if text.contains(char::is_whitespace) || text.chars().count() > ID_MAX {
            return Err(
                self.wrong(format_args!("is {text:?}: an id is 1 to {ID_MAX} characters without spaces"))
            );
        }
        Ok(text.to_owned())
    }

    /// A number that counts, from 1.
    pub(super) fn count(&self) -> Result<u32, ReadError> {
        let text = self.required()?;
        let number = decimal::scaled(text, 0, u64::from(u32::MAX));
        match number.map_err(|error| self.wrong(format_args!("is {text:?}, which {error}")))? {
            0 => Err(self.wrong("is 0: items are counted from 1")),
            number => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
        }
    }

    /// An amount from zero.
    pub(super) fn amount(&self) -> Result<Money, ReadError> {
        let text = self.required()?;
        decimal::amount(text, CURRENCY)
            .map_err(|error| self.wrong(format_args!("is {text:?}, which {error}")))
    }

    /// A point in time; `None` when the cell is empty.
    pub(super) fn time(&self) -> Result<Option<SourceTime>, ReadError> {
        let Some(text) = self.text()? else { return Ok(None) };
        let time = text.parse().map_err(|error| self.wrong(format_args!("is {text:?}: {error}")))?;
        Ok(Some(time))
    }

    /// A point in time that must be there.
    pub(super) fn required_time(&self) -> Result<SourceTime, ReadError> {
        self.required()?;
        self.time()?.ok_or_else(|| self.wrong("is empty"))
    }
}
