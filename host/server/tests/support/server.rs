//! Starts the real server, reads what it logs, and sees to it that it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// Nothing takes as long; what does has hung.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs, without access control, on a folder of its own.
pub(crate) struct Server {
    process: Child,
    log: BufReader<ChildStderr>,
    /// What it has logged.
    pub(crate) lines: Vec<Value>,
    /// Where it listens.
    pub(crate) addresses: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
}

const BINARY: &str = env!("CARGO_BIN_EXE_fedwit");

fn fedwit(mut command: Command, arguments: &[&str]) -> (Command, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    command.arg("serve").args(arguments).current_dir(folder.path());
    // What is set for whoever runs the tests is not meant for this server.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FEDWIT_")) {
        if name != "FEDWIT_PLUGINS" {
            command.env_remove(name);
        }
    }
    command.env("FEDWIT_PLUGIN_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/plugin-cache"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    (command, folder)
}

/// The exit code of a server that does not start, and what it says.
pub(crate) fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let (mut command, _folder) = fedwit(Command::new(BINARY), arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(&[&["--no-auth"], arguments].concat(), &[])
    }

    pub(crate) fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let (mut command, folder) = fedwit(Command::new(BINARY), arguments);
        command.envs(variables.iter().copied());
        Self::wait(command, folder, arguments)
    }

    /// One that may open no more than this many files.
    pub(crate) fn start_with_files(limit: u32, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\""), BINARY]);
        let (command, folder) = fedwit(shell, arguments);
        Self::wait(command, folder, arguments)
    }

    /// Waits until it is ready.
    fn wait(mut command: Command, folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let mut server = Self { process, log, lines: Vec::new(), addresses: Vec::new(), _folder: folder };
        for _ in 0..arguments.iter().filter(|argument| **argument == "--listen").count().max(1) {
            let address = server.until(|line| line["listen.address"].is_string())["listen.address"].clone();
            server.addresses.push(address.as_str().unwrap().parse().unwrap());
        }
        server
    }

    /// Reads the log up to the line that is waited for. A server that ends without it fails the test.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> &Value {
        loop {
            let mut line = String::new();
            self.log.read_line(&mut line).unwrap();
            let Ok(line) = serde_json::from_str(&line) else { panic!("`{line}` after {:?}", self.lines) };
            let found = wanted(&line);
            self.lines.push(line);
            if found {
                return self.lines.last().unwrap();
            }
        }
    }

    /// A connection that does not end by itself: it has an answer waiting for which its client makes no room.
    pub(crate) fn stuck(&self) -> TcpStream {
        // RFC 9113: SETTINGS with an initial window of 0, and HEADERS that end their stream, with the fields of
        // `GET /healthz` as RFC 7541 writes them.
        let settings = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00";
        let headers = b"\x00\x00\x0f\x01\x05\x00\x00\x00\x01\x82\x86\x04\x08/healthz\x01\x01a";
        let mut stream = TcpStream::connect(self.addresses[0]).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], headers].concat()).unwrap();
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).unwrap();
            // The answer's header.
            if head[3] == 1 {
                return stream;
            }
        }
    }

    /// The whole answer, its header included.
    pub(crate) fn get(&self, address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Sends the signal, and waits for the exit code.
    pub(crate) fn stop(mut self, name: &str) -> Option<i32> {
        self.signal(name);
        // Read to the end, so that a full pipe never keeps it from ending.
        self.log.read_to_string(&mut String::new()).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already if the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
