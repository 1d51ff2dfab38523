use super::backend::{Home, contains};
use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn what_was_put_is_got_until_it_is_erased() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        assert!(vault.get(subject(1)).await.unwrap().is_none(), "nothing yet");
        vault.put(subject(1), stream(1), &address("Ada")).await.unwrap();
        vault.put(subject(2), stream(1), &address("Grace")).await.unwrap();
        assert!(vault.get(subject(1)).await.unwrap() == Some(address("Ada")));
        assert!(vault.get(subject(2)).await.unwrap() == Some(address("Grace")));
        vault.close().await;

        let vault = home.open().await.expect("it opens again");
        assert!(vault.get(subject(1)).await.unwrap() == Some(address("Ada")), "after a restart");
        assert!(vault.erase(subject(1)).await.unwrap());
        assert!(!vault.erase(subject(1)).await.unwrap(), "gone already");
        assert!(vault.get(subject(1)).await.unwrap().is_none());
        assert!(vault.get(subject(2)).await.unwrap() == Some(address("Grace")));
    }
}

#[tokio::test]
async fn what_a_subject_holds_never_changes() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        vault.put(subject(1), stream(1), &address("Ada")).await.unwrap();
        vault.put(subject(1), stream(1), &address("Ada")).await.expect("a repeat");
        for (stream, address) in [(stream(1), address("Mallory")), (stream(2), address("Ada"))] {
            let refused = vault.put(subject(1), stream, &address).await.unwrap_err();
            assert!(matches!(refused, VaultError::Occupied { .. }), "{refused}");
            assert!(!format!("{refused} {refused:?}").contains("Ada"), "{refused:?}");
        }
        assert!(vault.get(subject(1)).await.unwrap() == Some(address("Ada")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_put_at_once_one_wins_and_its_repeats_agree() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..32u32 {
            let vault = vault.clone();
            let name = format!("Ada {}", n % 2);
            tasks.spawn(
                async move { (vault.put(subject(1), stream(1), &address(&name)).await.is_ok(), name) },
            );
        }
        let mut winners = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (won, name) = done.expect("no panic");
            winners.extend(won.then_some(name));
        }
        assert_eq!(winners.len(), 16, "{winners:?}");
        let held = vault.get(subject(1)).await.unwrap().expect("held");
        assert!(winners.iter().all(|name| *name == held.name.expose()), "{winners:?}");
    }
}

#[tokio::test]
async fn the_sweeper_finds_what_no_stream_names() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        for n in 1..=4 {
            vault.put(subject(n), stream(n), &address("Ada")).await.unwrap();
            home.clock.advance(10);
        }
        let day_ago = || home.clock.now().plus_millis(-DAY_MS);
        assert_eq!(vault.forgotten_candidates(day_ago(), None, 10).await.unwrap(), [], "all young");
        home.clock.advance(DAY_MS);
        let candidates = vault.forgotten_candidates(day_ago(), None, 3).await.unwrap();
        let named: Vec<_> = candidates.iter().map(|row| (row.subject, row.stream)).collect();
        assert_eq!(named, [1, 2, 3].map(|n| (subject(n), stream(n))), "oldest first, no more than asked for");
        let rest = vault.forgotten_candidates(day_ago(), candidates.last(), 3).await.unwrap();
        assert_eq!(rest.iter().map(|row| row.subject).collect::<Vec<_>>(), [subject(4)], "and behind them");

        // 1 is named by its stream; 2 is put again by a late repeat; 3 and 4 are forgotten.
        vault.keep(&[subject(1)]).await.unwrap();
        vault.put(subject(2), stream(2), &address("Ada")).await.unwrap();
        assert!(!vault.forget(&candidates[0]).await.unwrap(), "kept");
        assert!(!vault.forget(&candidates[1]).await.unwrap(), "as new");
        assert!(vault.forget(&candidates[2]).await.unwrap());
        let left = vault.forgotten_candidates(day_ago(), None, 10).await.unwrap();
        assert_eq!(left.iter().map(|row| row.subject).collect::<Vec<_>>(), [subject(4)]);
        assert!(vault.forget(&left[0]).await.unwrap());
        vault.scrub().await.unwrap();
        for (n, there) in [(1, true), (2, true), (3, false), (4, false)] {
            assert_eq!(vault.get(subject(n)).await.unwrap().is_some(), there, "{n}");
        }
    }
}

#[tokio::test]
async fn a_row_does_not_open_in_anothers_place() {
    // Another's text, with and without the other's key; and the key as if it were the text.
    let tampered = [
        "UPDATE vault SET address = (SELECT o.address FROM vault o WHERE o.subject <> vault.subject) \
         WHERE subject = 'sub_00000000000000000000000001'",
        "UPDATE vault SET wrapped_key = (SELECT o.wrapped_key FROM vault o WHERE o.subject <> vault.subject), \
         address = (SELECT o.address FROM vault o WHERE o.subject <> vault.subject) \
         WHERE subject = 'sub_00000000000000000000000001'",
        "UPDATE vault SET address = wrapped_key WHERE subject = 'sub_00000000000000000000000001'",
    ];
    for sql in tampered {
        for home in Home::each().await {
            let vault = home.open().await.expect("it opens");
            vault.put(subject(1), stream(1), &address("Ada")).await.unwrap();
            vault.put(subject(2), stream(2), &address("Grace")).await.unwrap();
            home.tamper(&vault, sql).await;
            let error = vault.get(subject(1)).await.unwrap_err();
            assert!(matches!(error, VaultError::Damaged { subject: SubjectId(1) }), "{sql}: {error}");
            assert!(vault.get(subject(2)).await.unwrap() == Some(address("Grace")));
        }
    }
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        vault.put(subject(1), stream(1), &address("Ada")).await.unwrap();
        home.tamper(&vault, "UPDATE vault SET stream = 'elsewhere'").await;
        let error = vault.get(subject(1)).await.unwrap_err().to_string();
        assert!(error.contains("vault.stream") && error.contains("elsewhere"), "{error}");
        home.tamper(&vault, "UPDATE vault SET key_version = -1").await;
        assert!(matches!(home.open().await.unwrap_err(), VaultError::Column { .. }));
    }
}

#[tokio::test]
async fn keys_are_wrapped_anew_and_the_old_version_can_go() {
    for home in Home::each().await {
        let old_keys = VaultKeys::load_or_create(&home.key_file()).expect("a key file");
        let vault = home.open_with(old_keys.clone()).await.expect("it opens");
        // More than one batch.
        let many = u128::from(REWRAP_BATCH) + 7;
        for n in 1..=many {
            vault.put(subject(n), stream(n), &address("Ada")).await.unwrap();
        }
        assert!(matches!(vault.rewrap(2).await.unwrap_err(), VaultError::NoKey { version: 2 }));
        vault.close().await;

        let keys = VaultKeys::add_version(&home.key_file()).expect("a second version");
        let vault = home.open_with(keys).await.expect("it opens");
        vault.put(subject(many + 1), stream(1), &address("Grace")).await.unwrap();
        assert!(matches!(home.open_with(old_keys).await.unwrap_err(), VaultError::NoKey { version: 2 }));
        assert_eq!(vault.rewrap(2).await.unwrap(), u64::from(REWRAP_BATCH) + 7);
        assert_eq!(vault.rewrap(2).await.unwrap(), 0, "nothing left");
        vault.close().await;

        // The first version is taken out of the file.
        let text = std::fs::read_to_string(home.key_file()).expect("the key file");
        let rest: String =
            text.lines().filter(|line| !line.starts_with("1 ")).map(|line| format!("{line}\n")).collect();
        std::fs::write(home.key_file(), rest).expect("the key file");
        let vault = home.open().await.expect("it opens without the first version");
        for n in [1, 2, many] {
            assert!(vault.get(subject(n)).await.unwrap() == Some(address("Ada")), "{n}");
        }
        assert!(vault.get(subject(many + 1)).await.unwrap() == Some(address("Grace")));
    }
}

#[tokio::test]
async fn one_damaged_row_does_not_stop_the_others_from_being_wrapped_anew() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        for n in 1..=3 {
            vault.put(subject(n), stream(n), &address("Ada")).await.unwrap();
        }
        vault.close().await;
        let vault =
            home.open_with(VaultKeys::add_version(&home.key_file()).unwrap()).await.expect("it opens");
        let bend = "UPDATE vault SET wrapped_key = address WHERE subject = 'sub_00000000000000000000000002'";
        home.tamper(&vault, bend).await;
        let error = vault.rewrap(2).await.unwrap_err();
        assert!(matches!(error, VaultError::Damaged { subject: SubjectId(2) }), "{error}");
        let old = vault.rows.other_versions(2, None, 10).await.unwrap();
        assert_eq!(old.iter().map(|row| row.subject).collect::<Vec<_>>(), [subject(2)]);
    }
}

#[tokio::test]
async fn a_key_file_of_another_database_is_refused_at_the_start() {
    for home in Home::each().await {
        let vault = home.open().await.expect("it opens");
        std::fs::remove_file(home.key_file()).expect("lost");
        home.open().await.expect("nothing sealed, nothing lost");
        vault.put(subject(1), stream(1), &address("Ada")).await.unwrap();
        std::fs::remove_file(home.key_file()).expect("lost");
        let error = home.open().await.unwrap_err();
        assert!(matches!(error, VaultError::WrongKey { version: 1 }), "{error}");
        assert!(error.to_string().contains("restore"), "{error}");
    }
}

#[tokio::test]
async fn nothing_readable_is_on_disk_and_nothing_at_all_after_erasing() {
    let home = Home::sqlite().await;
    let vault = home.open().await.expect("it opens");
    vault.put(subject(1), stream(1), &address("Ada Vaultmann")).await.unwrap();
    vault.put(subject(2), stream(1), &address("Grace")).await.unwrap();
    let row = vault.rows.find(subject(1)).await.unwrap().expect("there");
    let bytes = home.bytes();
    assert!(contains(&bytes, subject(1).to_string().as_bytes()), "this looks at the right files");
    for secret in ["Ada", "Vaultmann", "Secret Lane", "99998", "Hiddenville", "hidden.example"] {
        assert!(!contains(&bytes, secret.as_bytes()), "{secret}");
    }
    assert!(contains(&bytes, &row.wrapped_key) && contains(&bytes, &row.address));
    vault.erase(subject(1)).await.unwrap();
    let bytes = home.bytes();
    assert!(!contains(&bytes, &row.wrapped_key), "the key is gone from the files too");
    assert!(!contains(&bytes, &row.address));
    assert!(vault.get(subject(2)).await.unwrap() == Some(address("Grace")));
}
