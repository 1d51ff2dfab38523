//! A loopback proxy in front of Postgres that can lose a connection at the worst moment.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to the next message that commits: a COMMIT, or a group of the journal, which is a transaction of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// It never reaches the server, and the client is cut off. The server's side stays open: the session is half
    /// dead, with its locks.
    Before,
    /// The server commits, but its answer never reaches the client, who is cut off.
    After,
    /// The server commits, but its answer never reaches the client, who goes on waiting.
    Silence,
    /// The client is cut off as soon as that is on its way to the server; what comes of it is luck.
    During,
}

/// Every connection to `port` goes to the server, until told otherwise.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    next: Mutex<Option<Cut>>,
    cuts: AtomicU32,
    /// Nothing passes in either direction any more, and nobody is told.
    dead: AtomicBool,
    /// Keeps half-open sessions open.
    held: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// `server` is `host:port`.
    pub fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server,
            next: Mutex::new(None),
            cuts: AtomicU32::new(0),
            dead: AtomicBool::new(false),
            held: Mutex::new(Vec::new()),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                accepting.connect(client);
            }
        });
        Proxy { port, shared }
    }

    pub fn cut_next_commit(&self, cut: Cut) {
        *self.shared.next.lock().unwrap() = Some(cut);
    }

    pub fn cuts(&self) -> u32 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// From now on the server seems to have vanished.
    pub fn go_silent(&self) {
        self.shared.dead.store(true, Ordering::SeqCst);
    }

    /// New connections pass again; those that have met the silence stay in it.
    pub fn come_back(&self) {
        self.shared.dead.store(false, Ordering::SeqCst);
    }
}

/// The cut that a connection has met, for the direction of the answers.
type Met = Arc<Mutex<Option<Cut>>>;

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(&self.server) else { return };
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        let met = Met::default();
        let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (upward, meeting) = (Arc::clone(self), Arc::clone(&met));
        std::thread::spawn(move || upward.pass_commands(from_client, to_server, &meeting));
        let downward = Arc::clone(self);
        std::thread::spawn(move || downward.pass_answers(server, client, &met));
    }

    fn hold(&self, stream: TcpStream) {
        self.held.lock().unwrap().push(stream);
    }

    fn pass_commands(&self, mut client: TcpStream, mut server: TcpStream, met: &Met) {
        let mut commands = Commands::default();
        let mut bytes = [0; 65_536];
        while let Ok(read @ 1..) = client.read(&mut bytes) {
            if self.dead.load(Ordering::SeqCst) {
                return self.hold(server);
            }
            let commits = commands.read(&bytes[..read]);
            let cut = if commits { self.next.lock().unwrap().take() } else { None };
            if cut.is_some() {
                *met.lock().unwrap() = cut;
                self.cuts.fetch_add(1, Ordering::SeqCst);
            }
            if cut != Some(Cut::Before) && server.write_all(&bytes[..read]).is_err() {
                break;
            }
            if matches!(cut, Some(Cut::Before | Cut::During)) {
                let _ = client.shutdown(Shutdown::Both);
            }
            if cut.is_some() {
                // The server's side stays open, whatever becomes of the client's.
                return self.hold(server);
            }
        }
        let _ = server.shutdown(Shutdown::Write);
    }

    fn pass_answers(&self, mut server: TcpStream, mut client: TcpStream, met: &Met) {
        let mut bytes = [0; 65_536];
        while let Ok(read @ 1..) = server.read(&mut bytes) {
            if self.dead.load(Ordering::SeqCst) {
                return self.hold(client);
            }
            match *met.lock().unwrap() {
                None => {}
                Some(Cut::Silence) => return self.hold(client),
                Some(_) => break,
            }
            if client.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    }
}

/// What a client sends, as far as it must be understood to know a group.
#[derive(Default)]
struct Commands {
    /// What is not yet a whole message.
    rest: Vec<u8>,
    /// Whether the connection has begun: what comes before has no type.
    begun: bool,
    /// The names of prepared statements that write events.
    groups: BTreeSet<Vec<u8>>,
    /// One of them was given its arguments.
    bound: bool,
}

impl Commands {
    /// Whether with these bytes something that commits is on its way whole. Of a group that is the message that ends it.
    fn read(&mut self, bytes: &[u8]) -> bool {
        self.rest.extend_from_slice(bytes);
        let mut commits = false;
        loop {
            let tag = usize::from(self.begun);
            let Some(length) = self.rest.get(tag..tag + 4) else { return commits };
            let length = tag + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.rest.len() < length {
                return commits;
            }
            let message: Vec<u8> = self.rest.drain(..length).collect();
            if !self.begun {
                // A question about encryption comes before the beginning itself.
                self.begun = message.get(4..6) == Some(&[0, 3]);
                continue;
            }
            let mut texts = message[5..].split(|byte| *byte == 0);
            let (first, second) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
            match message[0] {
                b'P' if String::from_utf8_lossy(second).contains("INSERT INTO events") => {
                    self.groups.insert(first.to_vec());
                }
                b'B' => self.bound = self.groups.contains(second),
                b'Q' => commits |= first == b"COMMIT",
                b'S' => commits |= std::mem::take(&mut self.bound),
                _ => {}
            }
        }
    }
}
