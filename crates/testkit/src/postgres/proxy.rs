//! A proxy that cuts a connection after so many bytes: a network that fails at a point of the test's choice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A port of this machine that leads to another one.
#[derive(Clone)]
pub struct CuttingProxy(Arc<Line>);

struct Line {
    port: u16,
    target: u16,
    /// Bytes that may still pass towards the server, and back; less than nothing is no bound.
    to_server: AtomicI64,
    to_client: AtomicI64,
    /// Bytes that passed towards the server, and back.
    passed_to_server: AtomicU64,
    passed_to_client: AtomicU64,
    /// Whether new connections are turned away, and whether they are to be after a cut.
    down: AtomicBool,
    stay_down: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

impl CuttingProxy {
    /// One that cuts nothing yet.
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let line = Arc::new(Line {
            port: listener.local_addr().expect("an address").port(),
            target,
            to_server: AtomicI64::new(-1),
            to_client: AtomicI64::new(-1),
            passed_to_server: AtomicU64::new(0),
            passed_to_client: AtomicU64::new(0),
            down: AtomicBool::new(false),
            stay_down: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let accepting = Arc::clone(&line);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !accepting.down.load(Ordering::SeqCst) {
                    accepting.join(client);
                }
            }
        });
        Self(line)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// How many bytes passed so far, towards the server and back.
    pub fn passed(&self) -> (u64, u64) {
        let line = &self.0;
        (line.passed_to_server.load(Ordering::SeqCst), line.passed_to_client.load(Ordering::SeqCst))
    }

    /// Lets `bytes` more pass towards the server, and cuts then; what comes after is not bounded.
    pub fn cut_to_server_after(&self, bytes: i64) {
        self.0.to_server.store(bytes, Ordering::SeqCst);
    }

    /// The same of bytes towards the client: the server has heard everything, and the client does not know.
    pub fn cut_to_client_after(&self, bytes: i64) {
        self.0.to_client.store(bytes, Ordering::SeqCst);
    }

    /// After a cut nothing new is taken until it is mended.
    pub fn stay_down(&self, stay: bool) {
        self.0.stay_down.store(stay, Ordering::SeqCst);
    }

    /// Bounds nothing any more. Whether a bound was met.
    pub fn mend(&self) -> bool {
        let bounds = [&self.0.to_server, &self.0.to_client];
        let met = bounds.map(|bound| bound.swap(-1, Ordering::SeqCst));
        self.0.down.store(false, Ordering::SeqCst);
        met == [-1, -1]
    }

    /// Cuts everything, and takes nothing new until it is mended.
    pub fn down(&self) {
        self.0.down.store(true, Ordering::SeqCst);
        self.0.cut();
    }
}

impl Line {
    fn cut(&self) {
        for socket in self.open.lock().expect("one thread").drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn join(self: &Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        for socket in [&client, &server] {
            let _ = socket.set_nodelay(true);
            self.open.lock().expect("one thread").push(socket.try_clone().expect("a socket"));
        }
        let (from_client, from_server) = (client.try_clone(), server.try_clone());
        let (forth, back) = (Arc::clone(self), Arc::clone(self));
        let (from_client, from_server) = (from_client.expect("a socket"), from_server.expect("a socket"));
        std::thread::spawn(move || {
            forth.pass(from_client, server, &forth.to_server, &forth.passed_to_server)
        });
        std::thread::spawn(move || back.pass(from_server, client, &back.to_client, &back.passed_to_client));
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, bound: &AtomicI64, passed: &AtomicU64) {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let left = bound.load(Ordering::SeqCst);
            let length = usize::try_from(left).map_or(read, |left| read.min(left));
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
            passed.fetch_add(length as u64, Ordering::SeqCst);
            if left >= 0 {
                let left = left - length as i64;
                if left == 0 {
                    bound.store(-1, Ordering::SeqCst);
                    self.down.store(self.stay_down.load(Ordering::SeqCst), Ordering::SeqCst);
                    self.cut();
                    break;
                }
                bound.store(left, Ordering::SeqCst);
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
