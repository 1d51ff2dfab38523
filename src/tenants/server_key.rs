//! The server's own secret: signs tokens, names commands, seals fingerprints. One file, the same on every
//! node of a market; without it, tokens that were handed out stop working.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::base32;

/// What the file begins with, so that another secret is not taken for this one.
const PREFIX: &str = "souk_server_key_";
/// More is certainly not such a file.
const FILE_MAX: u64 = 256;

/// The server's secret.
#[derive(Clone)]
pub struct ServerKey([u8; 32]);

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(***)")
    }
}

/// The server's secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerKeyError {
    /// The file cannot be used.
    #[error("cannot {doing} {}: check that the path exists and that this user may read and write there", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read it.
    #[error("{path} can be read by other users: run `chmod 600 {path}`; if they may have read it, remove it \
         and let souk make a new one (tokens of carts, orders and letters stop working, and everybody signs in again)", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else.
    #[error("{} does not hold a server key: restore it from a backup, or remove it and let souk make a new \
         one (tokens of carts, orders and letters stop working, and everybody signs in again)", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
}

impl ServerKey {
    /// From bytes that are known already; for tests.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        ServerKey(bytes)
    }

    /// Reads the file, or makes it with a new secret, readable by this user only.
    ///
    /// # Errors
    /// When the file cannot be read or made, others can read it, or it holds something else.
    pub fn load_or_create(path: &Path) -> Result<Self, ServerKeyError> {
        match File::open(path) {
            Ok(file) => read(file, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
            Err(source) => Err(ServerKeyError::File { doing: "open", path: path.to_owned(), source }),
        }
    }

    /// A keyed hash over a purpose and fields; each is preceded by its length, so that two lists of fields
    /// never look the same.
    pub(super) fn mac(&self, purpose: &str, fields: &[&[u8]]) -> Hmac<Sha256> {
        // A key shorter than the hash's block is filled with zeros, says RFC 2104; done here it cannot fail.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for field in std::iter::once(&purpose.as_bytes()).chain(fields) {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac
    }

    /// The first 128 bits of such a hash: enough that nobody finds another input for them, or guesses them.
    pub(super) fn mac_128(&self, purpose: &str, fields: &[&[u8]]) -> u128 {
        let hash = self.mac(purpose, fields).finalize().into_bytes();
        hash.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

fn read(file: File, path: &Path) -> Result<ServerKey, ServerKeyError> {
    let failed = |source| ServerKeyError::File { doing: "read", path: path.to_owned(), source };
    if is_open_to_others(&file).map_err(failed)? {
        return Err(ServerKeyError::Open { path: path.to_owned() });
    }
    let mut text = String::new();
    match file.take(FILE_MAX).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
        Err(error) => return Err(failed(error)),
    }
    let secret = text.trim_end().strip_prefix(PREFIX).and_then(base32::decode);
    secret.map(ServerKey).ok_or_else(|| ServerKeyError::Content { path: path.to_owned() })
}

/// Writes another file and links it to the name: a crash never leaves half a secret under that name, and of
/// two processes that start together one wins and the other reads what it wrote.
fn create(path: &Path) -> Result<ServerKey, ServerKeyError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let failed = |doing| move |source| ServerKeyError::File { doing, path: path.to_owned(), source };
    fs::create_dir_all(dir).map_err(failed("create the directory of"))?;
    let key = ServerKey(random()?);
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", base32::encode(&random::<10>()?)));
    let new = PathBuf::from(new);
    let linked = write_private(&new, &format!("{PREFIX}{}\n", base32::encode(&key.0)))
        .and_then(|()| fs::hard_link(&new, path));
    let removed = fs::remove_file(&new);
    match linked {
        Ok(()) => {
            removed.and_then(|()| File::open(dir)?.sync_all()).map_err(failed("create"))?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(File::open(path).map_err(failed("open"))?, path)
        }
        Err(error) => Err(failed("create")(error)),
    }
}

fn random<const N: usize>() -> Result<[u8; N], ServerKeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(ServerKeyError::Entropy)?;
    Ok(bytes)
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

/// Elsewhere rights are inherited from the directory, and there is no simple question to ask.
#[cfg(not(unix))]
fn is_open_to_others(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_private_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data").join("server.key");
        let made = ServerKey::load_or_create(&path).unwrap();
        let read = ServerKey::load_or_create(&path).unwrap();
        assert_eq!(made.0, read.0);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let other = ServerKey::load_or_create(&dir.path().join("other.key")).unwrap();
        assert_ne!(made.0, other.0);
        assert_eq!(format!("{made:?}"), "ServerKey(***)");
    }

    #[test]
    fn many_that_start_together_agree() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.key");
        let start = || {
            std::thread::spawn({
                let path = path.clone();
                move || ServerKey::load_or_create(&path).unwrap().0
            })
        };
        let keys: Vec<_> = (0..8).map(|_| start()).collect();
        let keys: Vec<_> = keys.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn refuses_what_others_can_read_and_what_is_no_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.key");
        ServerKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = ServerKey::load_or_create(&path).unwrap_err();
        assert!(
            matches!(error, ServerKeyError::Open { .. }) && error.to_string().contains("chmod 600"),
            "{error}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in [&b""[..], b"secret", b"souk_server_key_0", &[0xff; 60], &[b'0'; 4_096]] {
            fs::write(&path, content).unwrap();
            let error = ServerKey::load_or_create(&path).unwrap_err();
            assert!(matches!(error, ServerKeyError::Content { .. }), "{error}");
        }
    }

    #[test]
    fn the_keyed_hash_is_hmac_and_fields_do_not_run_together() {
        let key = ServerKey::from_bytes([7; 32]);
        let mut plain = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        plain.update(&[0, 0, 0, 0, 0, 0, 0, 1]);
        plain.update(b"p");
        assert_eq!(key.mac("p", &[]).finalize().into_bytes(), plain.finalize().into_bytes());
        let of = |purpose: &str, fields: &[&[u8]]| key.mac_128(purpose, fields);
        let all =
            [of("p", &[b"ab", b"c"]), of("p", &[b"a", b"bc"]), of("p", &[b"abc"]), of("pa", &[b"b", b"c"])];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one));
        }
        assert_ne!(of("p", &[]), ServerKey::from_bytes([8; 32]).mac_128("p", &[]));
    }
}
