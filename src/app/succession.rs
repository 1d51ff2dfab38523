//! A server that is replaced without a closed door.
//!
//! Told to (SIGUSR2), a server starts its own program anew and hands it the listening socket. The successor opens
//! nothing yet: it tells its predecessor to end, takes connections, and keeps their requests waiting until the
//! predecessor has drained and given up its lock or leases (see [`crate::http::Opening`]). Whatever the predecessor had
//! taken it finishes. The socket is never closed meanwhile, so nobody is refused. A successor that cannot start (a wrong
//! setting, a program that does not run) ends by itself, and the predecessor goes on.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// Tells a successor whom it succeeds, by process id. The listening socket is its standard input.
const SUCCEEDS: &str = "SOUK_SUCCEEDS";

/// Whoever served here before, and still does.
#[derive(Debug)]
pub struct Predecessor(Pid);

impl Predecessor {
    /// What this process was started to take over; `None` when it is nobody's successor.
    ///
    /// # Errors
    /// When it was started as one by something else than a server.
    pub fn find() -> anyhow::Result<Option<(Predecessor, TcpListener)>> {
        let Some(told) = std::env::var_os(SUCCEEDS) else { return Ok(None) };
        let parent = rustix::process::getppid().context("whom to succeed has ended")?;
        ensure!(
            told.to_str() == Some(&parent.as_raw_pid().to_string()),
            "{SUCCEEDS} names another process than the one that started this: unset it to start a server of its own"
        );
        let socket =
            io::stdin().as_fd().try_clone_to_owned().context("cannot take over the listening socket")?;
        let listener = TcpListener::from(socket);
        listener.local_addr().context("standard input is no listening socket")?;
        listener.set_nonblocking(true).context("cannot take over the listening socket")?;
        Ok(Some((Predecessor(parent), listener)))
    }

    /// Tells it to finish what it has taken and to end.
    ///
    /// # Errors
    /// When it cannot be told; it may have ended.
    pub fn may_end(&self) -> anyhow::Result<()> {
        kill_process(self.0, Signal::TERM).context("cannot tell the server before this one to end")
    }
}

/// A server's readiness to be succeeded.
#[derive(Clone, Debug)]
pub struct Succession {
    /// `None` once the server ends: an open socket that nobody listens to would let clients wait.
    listener: Arc<Mutex<Option<TcpListener>>>,
}

impl Succession {
    /// Starts a successor whenever this process gets SIGUSR2.
    ///
    /// # Errors
    /// When the signal or the socket cannot be had.
    pub fn on_signal(listener: &tokio::net::TcpListener) -> anyhow::Result<Self> {
        let socket: OwnedFd =
            listener.as_fd().try_clone_to_owned().context("cannot keep the socket for a successor")?;
        let succession = Succession { listener: Arc::new(Mutex::new(Some(TcpListener::from(socket)))) };
        let mut told = signal(SignalKind::user_defined2()).context("cannot listen for SIGUSR2")?;
        let waiting = succession.clone();
        tokio::spawn(async move {
            while told.recv().await.is_some() {
                let ended = match waiting.start() {
                    Ok(Some(mut successor)) => successor.wait().await,
                    Ok(None) => return,
                    Err(error) => Err(error),
                };
                // It ends only after this process does, unless it could not start.
                match ended {
                    Ok(status) => tracing::error!(%status, "the successor ended early; this server goes on"),
                    Err(error) => {
                        tracing::error!(%error, "no successor could be started; this server goes on")
                    }
                }
            }
        });
        Ok(succession)
    }

    /// The server ends: it is too late for a successor.
    pub fn is_over(&self) {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn start(&self) -> io::Result<Option<Child>> {
        let listener = {
            let kept = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(listener) = kept.as_ref() else { return Ok(None) };
            listener.try_clone()?
        };
        let successor = Command::new(std::env::current_exe()?)
            .args(std::env::args_os().skip(1))
            .env(SUCCEEDS, std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .spawn()?;
        tracing::info!(pid = successor.id(), "a successor was started");
        Ok(Some(successor))
    }
}
