//! The log: what a crash leaves behind, what is refused, and what an audit finds.

use super::*;

fn open(dir: &Path) -> Result<TestBank, BankError> {
    TestBank::open(dir, Settings::default(), Clock::default().now())
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_dropped() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(LOG_FILE);
    let bank = open(dir.path()).expect("it opens");
    bank.call(&authorise(payment(1), "card_success")).await;
    bank.call(&capture(payment(1))).await;
    drop(bank);
    let whole = std::fs::read(&path).expect("the log");
    let first = whole.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for cut in (first..whole.len()).rev().step_by(19) {
        std::fs::write(&path, &whole[..cut]).expect("the log");
        assert_eq!(log_of(dir.path()).len(), 1);
        let bank = open(dir.path()).expect("it opens");
        assert_eq!(bank.call(&look_up(&capture(payment(1)))).await, ProviderFact::Authorised);
        assert_eq!(bank.call(&capture(payment(1))).await, ProviderFact::Captured);
        drop(bank);
        assert_eq!(std::fs::read(&path).expect("the log"), whole);
    }
}

#[tokio::test]
async fn a_damaged_log_is_named_with_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(LOG_FILE);
    let bank = open(dir.path()).expect("it opens");
    bank.call(&authorise(payment(1), "card_success")).await;
    bank.call(&capture(payment(1))).await;
    drop(bank);
    let text = std::fs::read_to_string(&path).expect("the log").replacen("\"capture\"", "\"seize\"", 1);
    std::fs::write(&path, text).expect("the log");
    let error = open(dir.path()).expect_err("refused").to_string();
    assert!(error.contains("line 2") && error.contains(LOG_FILE) && error.contains("restore"), "{error}");
    assert!(read(&path).is_err());
}

#[tokio::test]
async fn one_process_at_a_time_and_readers_at_any_time() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(log_of(dir.path()), Vec::new(), "no log yet");
    let bank = open(dir.path()).expect("it opens");
    bank.call(&authorise(payment(1), "card_success")).await;
    let error = open(dir.path()).expect_err("refused").to_string();
    assert!(error.contains("in use"), "{error}");
    assert_eq!(
        effects(&log_of(dir.path())),
        ["authorise:authorise 1000"],
        "an answer is on disk when it is given"
    );
    drop(bank);
    open(dir.path()).expect("it opens again");
    let nowhere = dir.path().join("nowhere");
    assert!(open(&nowhere).expect_err("refused").to_string().contains("nowhere"));
}

#[tokio::test]
async fn slips_are_paid_once_even_if_the_delay_changes_between_starts() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Clock::default();
    for (delay, millis) in [(1_000, 0), (0, 10), (5_000, 10), (0, 10_000)] {
        clock.pass(millis);
        let settings = Settings { pay_later_delay_ms: delay, ..Settings::default() };
        let bank = TestBank::open(dir.path(), settings, clock.now()).expect("it opens");
        bank.call(&authorise(payment(1), "pay_later")).await;
        drop(bank);
    }
    assert_eq!(effects(&log_of(dir.path())), ["authorise:capture 1000"]);
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_take_the_bank_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Clock::default();
    clock.pass(10_000);
    let bank = TestBank::open(dir.path(), Settings::default(), clock.now()).expect("it opens");
    bank.call(&authorise(payment(1), "card_success")).await;
    clock.pass(-9_000);
    bank.call(&capture(payment(1))).await;
    assert_eq!(deliveries(&bank, true).await.len(), 2);
    let audit = audit(&log_of(dir.path()));
    assert_eq!(audit.totals[&payment(1)].captured_at, Some(Timestamp::from_millis(10_000)));
}

#[tokio::test]
async fn an_audit_finds_what_must_not_be() {
    let dir = tempfile::tempdir().expect("a directory");
    let bank = open(dir.path()).expect("it opens");
    for call in [authorise(payment(1), "card_success"), capture(payment(1)), refund(payment(1), 1, 600)] {
        bank.call(&call).await;
    }
    drop(bank);
    let good = log_of(dir.path());
    assert_eq!(audit(&good).faults, Vec::new());

    type Damage = fn(&mut Vec<Record>);
    let damages: [(&str, Damage); 6] = [
        ("moved money before, in record 2", |log| log.insert(2, log[1].clone())),
        ("more was taken than was asked for", |log| set_amount(&mut log[1], 1_001)),
        ("more was reserved than was asked for", |log| set_amount(&mut log[0], 1_001)),
        ("more was given back than was taken", |log| set_amount(&mut log[2], 1_001)),
        ("nobody had asked to authorise", |log| drop(log.remove(0))),
        ("more was taken and let go than was reserved", |log| {
            if let Record::Answered { effect: Some(effect), .. } = &mut log[2] {
                effect.kind = EffectKind::Void;
            }
        }),
    ];
    for (what, damage) in damages {
        let mut log = good.clone();
        damage(&mut log);
        let faults = audit(&log).faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains(what)), "{what}: {faults:?}");
    }
}

fn set_amount(record: &mut Record, minor: i64) {
    if let Record::Answered { effect: Some(effect), .. } = record {
        effect.amount.minor = minor;
    }
}

#[tokio::test]
async fn a_bank_that_cannot_write_promises_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(LOG_FILE);
    drop(open(dir.path()).expect("it opens"));
    // Opened for reading only: every write fails, as on a full disk.
    let file = std::fs::File::open(&path).expect("the log");
    let stirred = Arc::new(Notify::new());
    let log = Log::start(file, &path, 0, Arc::clone(&stirred)).expect("it starts");
    let books = Mutex::new(Books::new(Settings::default()));
    let bank = TestBank { shared: Arc::new(Shared { books, log, now: Clock::default().now(), stirred }) };
    let open = authorise(payment(1), "card_success");
    for call in [open.clone(), look_up(&open), open.clone(), capture(payment(1))] {
        assert_eq!(bank.call(&call).await, ProviderFact::Unknown);
    }
    assert_eq!(deliveries(&bank, true).await, Vec::<String>::new(), "nor does it tell");
    drop(bank);
    assert_eq!(log_of(dir.path()), Vec::new());
}

#[test]
fn a_log_of_the_first_version_is_readable() {
    let lines = [
        r#"{"record":"answered","at":5,"payment":"pay_00000000000000000000000007-1","key":"k","request":{"authorise":{"amount":{"minor":1000,"currency":"EUR"},"method":"pay_later","token":"pay_later"}},"said":{"awaiting_payment":{"reference":"slip"}}}"#,
        r#"{"record":"paid","at":6,"payment":"pay_00000000000000000000000007-1","key":"k","effect":{"kind":"capture","amount":{"minor":1000,"currency":"EUR"}}}"#,
        r#"{"record":"lost","at":7,"payment":"pay_00000000000000000000000007-1","key":"l"}"#,
        r#"{"record":"acted","at":8,"payment":"pay_00000000000000000000000007-1","key":"k","ok":false}"#,
        r#"{"record":"acknowledged","notice":2,"copy":0}"#,
    ];
    for line in lines {
        let record: Record = serde_json::from_str(line).expect("readable");
        assert_eq!(serde_json::to_string(&record).expect("writable"), line);
    }
}
