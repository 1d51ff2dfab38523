//! A file's bytes, unpacked when they are packed with zstd.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use super::read::ReadError;

/// The longest text that is read: a hundred times the whole published set, so what is longer is not one of its files.
const TEXT_MAX: u64 = 2 << 30;

/// The text of `dir/name.csv`, or else of `dir/name.csv.zst`, and the name of the file it is from.
pub(super) fn text(dir: &Path, name: &str) -> Result<(String, Vec<u8>), ReadError> {
    for (ending, packed) in [("csv", false), ("csv.zst", true)] {
        let file_name = format!("{name}.{ending}");
        let path = dir.join(&file_name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ReadError::Unreadable { file: path, source }),
        };
        let mut bytes = Vec::new();
        let mut bounded = file.take(TEXT_MAX + 1);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|source| ReadError::Unreadable { file: path.clone(), source })?;
        if packed {
            bytes = unpacked(&bytes).map_err(|cause| ReadError::Damaged { file: path.clone(), cause })?;
        }
        if bytes.len() as u64 > TEXT_MAX {
            return Err(ReadError::TooLong { file: path, max: TEXT_MAX });
        }
        return Ok((file_name, bytes));
    }
    Err(ReadError::Missing { dir: dir.to_owned(), name: name.to_owned() })
}

/// All frames one after another: tools that pack in parallel or append write several, and a reader that stops after
/// the first would lose the rest without a word.
fn unpacked(mut packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    if packed.is_empty() {
        return Err("the file is empty".to_owned());
    }
    while !packed.is_empty() && text.len() as u64 <= TEXT_MAX {
        let mut frame = match StreamingDecoder::new(&mut packed) {
            Ok(frame) => frame,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                packed = packed.get(length as usize..).ok_or("the file is cut short")?;
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let left = (TEXT_MAX + 1).saturating_sub(text.len() as u64);
        let read = frame.by_ref().take(left).read_to_end(&mut text).map_err(|error| error.to_string())?;
        let decoder = frame.into_frame_decoder();
        // The decoder computes the checksum and leaves the comparison to its caller.
        let told = decoder.get_checksum_from_data();
        if (read as u64) < left && told.is_some() && told != decoder.get_calculated_checksum() {
            return Err("its checksum does not fit its content".to_owned());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
    }

    #[test]
    fn every_frame_is_read() {
        let mut file = packed("first,");
        // A skippable frame: magic number, length, content.
        file.extend([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
        file.extend(packed("second"));
        assert_eq!(unpacked(&file).as_deref(), Ok(b"first,second".as_slice()));
        assert_eq!(unpacked(&packed("")).as_deref(), Ok(b"".as_slice()));
    }

    #[test]
    fn damage_is_told() {
        let whole = packed(&"order_id,price\n".repeat(100_000));
        assert!(unpacked(&whole).is_ok());
        for length in [0, 1, 3, 4, 5, 9, whole.len() / 2, whole.len() - 1] {
            assert!(unpacked(&whole[..length]).is_err(), "the first {length} bytes");
        }
        assert!(unpacked(b"order_id,price\n").is_err());
        let mut skip = packed("x");
        skip.extend([0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1]);
        assert!(unpacked(&skip).is_err());
        let mut changed = packed("58.90");
        let at = changed.windows(5).position(|bytes| bytes == b"58.90").expect("stored as it is");
        changed[at] = b'6';
        assert_eq!(unpacked(&changed), Err("its checksum does not fit its content".to_owned()));
    }
}
