use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn write(path: &Path, text: &[u8]) {
    fs::write(path, text).expect("written");
    chmod(path, 0o600);
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
}

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn it_is_made_once_and_for_its_owner_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    assert!(matches!(VaultKeys::load(&path).unwrap_err(), KeyFileError::File { .. }));
    let made = VaultKeys::load_or_create(&path).expect("made");
    assert_eq!(made.newest(), 1);
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let text = fs::read(&path).expect("readable");
    let again = VaultKeys::load_or_create(&path).expect("loaded");
    assert!(again.get(1) == made.get(1));
    assert_eq!(fs::read(&path).expect("readable"), text);
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1, "no draft is left");
    assert_eq!(format!("{again:?}"), "{1}", "a key is never printed");
}

#[test]
fn those_that_start_at_once_agree() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    let keys: Vec<VaultKeys> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| VaultKeys::load_or_create(&path))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic").expect("a key")).collect()
    });
    assert!(keys.iter().all(|keys| keys.get(1) == VaultKeys::load(&path).unwrap().get(1)));
}

#[test]
fn a_version_is_added_and_none_is_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    let first = VaultKeys::load_or_create(&path).expect("made");
    let second = VaultKeys::add_version(&path).expect("added");
    assert_eq!((second.newest(), second.versions().collect::<Vec<_>>()), (2, vec![1, 2]));
    let loaded = VaultKeys::load(&path).expect("loaded");
    assert!(loaded.get(1) == first.get(1) && loaded.get(2) == second.get(2));
    assert!(loaded.get(1) != loaded.get(2));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(VaultKeys::add_version(&dir.path().join("other")).is_err(), "only to a file that is there");
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    VaultKeys::load_or_create(&path).expect("made");
    for mode in [0o644, 0o640, 0o604, 0o660, 0o601, 0o777] {
        chmod(&path, mode);
        let error = VaultKeys::load_or_create(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Open { .. }), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
    for mode in [0o600, 0o400] {
        chmod(&path, mode);
        VaultKeys::load(&path).expect("its owner alone");
    }
}

#[test]
fn what_holds_no_keys_is_refused_by_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    let short = &KEY[..62];
    for (text, said) in [
        (format!("# a\n\n1 {KEY}\n1 {KEY}\n"), "line 4 "),
        (format!("1 {KEY}\n2 {short}\n"), "line 2 "),
        (format!("1 {KEY}00\n"), "64 hexadecimal digits"),
        (format!("1 {short}0\n"), "64 hexadecimal digits"),
        (format!("1 {short}zz\n"), "64 hexadecimal digits"),
        (format!("1 {short}é\n"), "64 hexadecimal digits"),
        (format!("{KEY}\n"), "a version, a space and a key"),
        (format!("one {KEY}\n"), "no number"),
        (format!("0 {KEY}\n"), "start at 1"),
        (String::new(), "holds no key"),
        ("# nothing\n".to_owned(), "holds no key"),
    ] {
        write(&path, text.as_bytes());
        let error = VaultKeys::load_or_create(&path).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(said), "{text:?}: {shown}");
        assert!(!shown.contains("0102030405"), "{shown}");
        assert_eq!(fs::read(&path).expect("readable"), text.as_bytes(), "never written over");
    }
    write(&path, &[0xff; 32]);
    assert!(VaultKeys::load_or_create(&path).unwrap_err().to_string().contains("no text"));
}

#[test]
fn versions_stand_in_any_order_and_the_newest_seals() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("vault.key");
    let other = KEY.to_uppercase().replace("00", "77");
    write(&path, format!("# mine\n12 {other}\r\n\n 3 {KEY}\n").as_bytes());
    let keys = VaultKeys::load(&path).expect("loaded");
    assert_eq!((keys.newest(), keys.versions().collect::<Vec<_>>()), (12, vec![3, 12]));
    assert_eq!(keys.get(12).map(|key| key[..2].to_vec()), Some(vec![0x77, 0x01]));
}
