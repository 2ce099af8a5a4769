//! The program while it runs.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::scrape::Scrape;
use crate::world::{assert_no_secret, until};

/// The program while it runs. It is killed when this is dropped.
pub struct Program {
    child: Child,
    stdout: Output,
    stderr: Output,
    secrets: [String; 2],
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// What it writes, read as it comes.
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn of(mut pipe: impl Read + Send + 'static) -> Output {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = bytes.clone();
        let reader = thread::spawn(move || {
            let mut part = [0; 64 * 1024];
            while let Ok(read @ 1..) = pipe.read(&mut part) {
                into.lock().unwrap().extend_from_slice(&part[..read]);
            }
        });
        Output {
            bytes,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.text()
    }
}

impl Program {
    pub fn start(mut command: Command, secrets: [String; 2]) -> Program {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Program {
            stdout: Output::of(child.stdout.take().unwrap()),
            stderr: Output::of(child.stderr.take().unwrap()),
            child,
            secrets,
        }
    }

    /// Its standard input. What is not taken is closed.
    pub fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// What it has said on stderr by now.
    pub fn said(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it says this.
    #[track_caller]
    pub fn until_said(&mut self, text: &str) {
        until(&format!("`{text}` on stderr"), || {
            let said = self.said();
            let ended = self.child.try_wait().unwrap();
            assert!(
                said.contains(text) || ended.is_none() || self.stderr.whole().contains(text),
                "it ended: {ended:?}\n{said}"
            );
            said.contains(text)
        });
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        drop(self.child.stdin.take());
        until("the end of the program", || self.has_ended());
        let ended = Ended {
            code: self.child.wait().unwrap().code(),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        };
        self.assert_no_secret("stdout", &ended.stdout);
        self.assert_no_secret("stderr", &ended.stderr);
        ended
    }

    /// Asks it to end, which it does well.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        let ended = self.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended
    }

    /// Where it serves telemetry.
    #[track_caller]
    pub fn address(&mut self) -> SocketAddr {
        self.until_said("telemetry is served");
        let said = self.said();
        let (_, address) = said.split_once("address=").unwrap();
        address.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Asks it for a page of its telemetry.
    #[track_caller]
    pub fn get(&mut self, path: &str) -> (u16, String) {
        let address = self.address();
        let (status, body) = ask(address, path).unwrap();
        self.assert_no_secret(path, &body);
        (status, body)
    }

    /// Its metrics now.
    #[track_caller]
    pub fn scrape(&mut self) -> Scrape {
        Scrape::parse(&self.get("/metrics").1)
    }

    /// Waits until it is ready: every source has answered.
    #[track_caller]
    pub fn until_ready(&mut self) {
        until("/ready", || self.get("/ready").0 == 200);
    }

    fn assert_no_secret(&self, what: &str, text: &str) {
        assert_no_secret(what, text, &self.secrets.each_ref().map(String::as_str));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, body.to_owned()))
}
