//! The key file: the versioned keys that wrap every subject's own key.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::KeyFileError;
use super::seal::{self, KEY_BYTES, Key, new_key};

const HEADER: &str = "# The keys that seal names and addresses in souk's vault: per line a version and 32 bytes in\n\
     # hexadecimal; the highest version seals. Keep a copy apart from the database's backups: without it nothing in\n\
     # the vault can ever be read again.\n";

/// Far more than any number of versions needs.
const FILE_BYTES_MAX: u64 = 64 * 1_024;

/// Keys by version; at least one.
#[derive(Clone)]
pub struct VaultKeys {
    newest: u32,
    keys: BTreeMap<u32, Key>,
}

impl fmt::Debug for VaultKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}

impl VaultKeys {
    /// Reads the key file of this path.
    ///
    /// # Errors
    /// When it cannot be read, can be read by others than its owner, or does not hold keys.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let file = File::open(path).map_err(failed("open", path))?;
        refuse_open_to_others(&file, path)?;
        let mut text = Zeroizing::new(String::new());
        match file.take(FILE_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => Self::parse(&text, path),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(malformed(path, 1, "it is no text")),
            Err(error) => Err(failed("read", path)(error)),
        }
    }

    /// The same; when there is no file, makes one with a new key that only its owner may read.
    ///
    /// # Errors
    /// As [`VaultKeys::load`], and when the file cannot be made.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            other => return other,
        }
        let keys = VaultKeys { newest: 1, keys: BTreeMap::from([(1, new_key()?)]) };
        let draft = keys.write_draft(path)?;
        // A link, not a rename: a key that somebody else made meanwhile must never be replaced.
        let linked = fs::hard_link(&draft, path);
        fs::remove_file(&draft).map_err(failed("tidy up beside", path))?;
        match linked {
            Ok(()) => sync_directory(path).map_err(failed("make", path))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed("make", path)(error)),
        }
        // What counts is what is there now.
        Self::load(path)
    }

    /// Adds a new key to the file. It seals from the next start on; [`super::Vault::rewrap`] brings the rows along,
    /// and a version that no row needs may then be taken out of the file by hand.
    ///
    /// # Errors
    /// As [`VaultKeys::load`], and when the file cannot be replaced.
    pub fn add_version(path: &Path) -> Result<Self, KeyFileError> {
        let mut keys = Self::load(path)?;
        keys.newest =
            keys.newest.checked_add(1).ok_or_else(|| malformed(path, 1, "there is no version left"))?;
        keys.keys.insert(keys.newest, new_key()?);
        let draft = keys.write_draft(path)?;
        fs::rename(&draft, path).and_then(|()| sync_directory(path)).map_err(failed("replace", path))?;
        Ok(keys)
    }

    /// The version that seals.
    pub fn newest(&self) -> u32 {
        self.newest
    }

    /// Every version there is.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.keys.keys().copied()
    }

    pub(super) fn get(&self, version: u32) -> Option<&Key> {
        self.keys.get(&version)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, KeyFileError> {
        let mut keys = BTreeMap::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let wrong = |what| malformed(path, line, what);
            let (version, key) =
                content.split_once(' ').ok_or_else(|| wrong("expected a version, a space and a key"))?;
            let version: u32 = version.parse().map_err(|_| wrong("the version is no number"))?;
            if version == 0 {
                return Err(wrong("versions start at 1"));
            }
            let key = unhex(key.trim()).ok_or_else(|| wrong("a key is 64 hexadecimal digits"))?;
            if keys.insert(version, key).is_some() {
                return Err(wrong("this version stands here twice"));
            }
        }
        let newest = keys.last_key_value().map(|(version, _)| *version);
        let newest = newest.ok_or_else(|| KeyFileError::Empty { path: path.to_owned() })?;
        Ok(VaultKeys { newest, keys })
    }

    /// Writes the keys to a new file beside `path`, for its owner alone from the first byte on.
    fn write_draft(&self, path: &Path) -> Result<PathBuf, KeyFileError> {
        let mut text =
            Zeroizing::new(String::with_capacity(HEADER.len() + self.keys.len() * (KEY_BYTES * 2 + 16)));
        text.push_str(HEADER);
        for (version, key) in &self.keys {
            text.push_str(&version.to_string());
            text.push(' ');
            for byte in key.iter() {
                text.push(hex_digit(byte >> 4));
                text.push(hex_digit(byte & 15));
            }
            text.push('\n');
        }
        // A random name: two that start at once must not write into each other's draft.
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:016x}.new", seal::random_number()?));
        let draft = path.with_file_name(name);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(failed("make", path))?;
        Ok(draft)
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> KeyFileError {
    let path = path.to_owned();
    move |source| KeyFileError::File { doing, path, source }
}

fn malformed(path: &Path, line: usize, what: &'static str) -> KeyFileError {
    KeyFileError::Malformed { path: path.to_owned(), line, what }
}

fn hex_digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })
}

fn unhex(text: &str) -> Option<Key> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != KEY_BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in key.iter_mut().zip(pairs) {
        let digit = |char: u8| char::from(char).to_digit(16);
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(key)
}

#[cfg(unix)]
fn refuse_open_to_others(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;

    let mode = file.metadata().map_err(failed("read", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

/// Elsewhere the file's protection is the directory's.
#[cfg(not(unix))]
fn refuse_open_to_others(_: &File, _: &Path) -> Result<(), KeyFileError> {
    Ok(())
}

/// A new name is there after a crash only when its directory was forced to disk too.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
        File::open(dir)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
