//! Tapes of bugs that were found: the histories in which they showed hold what they promise, and go on doing so.

use std::fs;
use std::path::Path;

use souk_sim::{Tape, run};

#[test]
fn no_bug_that_was_found_has_come_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regress");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "tape"));
    files.sort();
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tape: Tape = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!tape.notes.is_empty(), "{name} does not say what it found");
        assert_eq!(tape.bug, None, "{name} is of a planted bug");
        run(tape.seed, &tape.options()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}
