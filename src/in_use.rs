//! What another process may still have: a directory, a bank's log, an index.

use std::time::Duration;

use tokio::time::Instant;

/// How often is looked whether something is still in use.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Opens what the server before this one may still have, for as long as it may be waited for.
pub(crate) async fn patiently<T, E>(
    patience: Duration,
    open: impl Fn() -> Result<T, E>,
    is_in_use: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let deadline = Instant::now() + patience;
    loop {
        match open() {
            Err(error) if is_in_use(&error) && Instant::now() < deadline => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            opened => return opened,
        }
    }
}
