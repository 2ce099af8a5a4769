//! A service that does what it can to be difficult: it refuses, breaks off, is slow, answers too late, and forgets.
//!
//! What it keeps is what it has promised to keep, and more: an event may be kept although nobody was told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use fastrand::Rng;

/// How it reads bodies, and how it answers.
pub trait Form: Send + Sync + 'static {
    /// The events of a body.
    fn events(&self, body: &[u8]) -> Vec<String>;

    /// A good answer, and what is kept from then on. `rng` is there as long as it is difficult.
    fn answer(&self, request: &Request, rng: Option<&mut Rng>) -> Answer;
}

/// A request as it arrived.
pub struct Request {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// What is kept of a request, and what is said.
pub struct Answer {
    pub kept: Vec<String>,
    pub status: u16,
    pub body: String,
}

/// What it does instead of answering well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    TooMany,
    TooManyRetryAfter,
    ServerError,
    ServerErrorKept,
    TooLarge,
    CutBefore,
    CutAfter,
    CutWithin,
    Slow,
    TooLate,
}

const FAULTS: [Fault; 10] = [
    Fault::TooMany,
    Fault::TooManyRetryAfter,
    Fault::ServerError,
    Fault::ServerErrorKept,
    Fault::TooLarge,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutWithin,
    Fault::Slow,
    Fault::TooLate,
];

/// The service, as long as the test runs.
pub struct Target {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    form: Box<dyn Form>,
    /// How often an event was kept.
    kept: Mutex<BTreeMap<String, u64>>,
    faults: Mutex<BTreeMap<Fault, u64>>,
    rng: Mutex<Rng>,
    is_difficult: AtomicBool,
    /// A reply after this is too late.
    timeout: Duration,
}

impl Target {
    pub fn start(form: impl Form, seed: u64, timeout: Duration) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            form: Box::new(form),
            kept: Mutex::default(),
            faults: Mutex::default(),
            rng: Mutex::new(Rng::with_seed(seed)),
            is_difficult: AtomicBool::new(true),
            timeout,
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A connection ends with its client, however that ends.
                thread::spawn(move || drop(shared.serve(stream)));
            }
        });
        Target { url, shared }
    }

    /// From now on it does nothing wrong.
    pub fn behave(&self) {
        self.shared.is_difficult.store(false, Ordering::SeqCst);
    }

    /// How often each event was kept.
    pub fn kept(&self) -> BTreeMap<String, u64> {
        self.shared.kept.lock().unwrap().clone()
    }

    /// How often it did what.
    pub fn faults(&self) -> BTreeMap<Fault, u64> {
        self.shared.faults.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some(request) = read(&mut reader)? {
            let mut rng = self.rng.lock().unwrap().fork();
            let events = self.form.events(&request.body).len();
            match self.fault(&mut rng, events) {
                None => self.reply(&mut stream, &request, &mut rng, false)?,
                Some(Fault::TooMany) => say(&mut stream, 429, "", "busy", false)?,
                Some(Fault::TooManyRetryAfter) => say(&mut stream, 429, "Retry-After: 1\r\n", "busy", false)?,
                Some(Fault::ServerError) => say(&mut stream, 503, "", "broken", false)?,
                Some(Fault::ServerErrorKept) => {
                    self.keep(self.form.answer(&request, Some(&mut rng)).kept);
                    say(&mut stream, 500, "", "broken", false)?;
                }
                Some(Fault::TooLarge) => say(&mut stream, 413, "", "too large", false)?,
                Some(Fault::CutBefore) => return stream.shutdown(Shutdown::Both),
                Some(Fault::CutAfter) => {
                    self.keep(self.form.answer(&request, Some(&mut rng)).kept);
                    return stream.shutdown(Shutdown::Both);
                }
                Some(Fault::CutWithin) => {
                    self.reply(&mut stream, &request, &mut rng, true)?;
                    return stream.shutdown(Shutdown::Both);
                }
                Some(Fault::Slow) => {
                    sleep(self.timeout.mul_f64(rng.f64() * 0.8));
                    self.reply(&mut stream, &request, &mut rng, false)?;
                }
                Some(Fault::TooLate) => {
                    let answer = self.form.answer(&request, Some(&mut rng));
                    self.keep(answer.kept);
                    sleep(self.timeout.mul_f64(1.2));
                    say(&mut stream, answer.status, "", &answer.body, false)?;
                }
            }
        }
        Ok(())
    }

    fn fault(&self, rng: &mut Rng, events: usize) -> Option<Fault> {
        if !self.is_difficult.load(Ordering::SeqCst) || rng.u8(0..10) < 6 {
            return None;
        }
        let fault = FAULTS[rng.usize(..FAULTS.len())];
        // A single event is small enough.
        if fault == Fault::TooLarge && events <= 1 {
            return None;
        }
        *self.faults.lock().unwrap().entry(fault).or_default() += 1;
        Some(fault)
    }

    fn reply(&self, stream: &mut TcpStream, request: &Request, rng: &mut Rng, cut: bool) -> std::io::Result<()> {
        let rng = self.is_difficult.load(Ordering::SeqCst).then_some(rng);
        let answer = self.form.answer(request, rng);
        self.keep(answer.kept);
        say(stream, answer.status, "", &answer.body, cut)
    }

    fn keep(&self, events: Vec<String>) {
        let mut kept = self.kept.lock().unwrap();
        for event in events {
            *kept.entry(event).or_default() += 1;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { path, headers, body }))
}

/// Answers; with `cut`, not to the end.
fn say(stream: &mut TcpStream, status: u16, headers: &str, body: &str, cut: bool) -> std::io::Result<()> {
    // A body that is cut must be one.
    let body = if cut && body.is_empty() { "cut" } else { body };
    let head = format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body.as_bytes()[..if cut { body.len() / 2 } else { body.len() }])?;
    stream.flush()
}
