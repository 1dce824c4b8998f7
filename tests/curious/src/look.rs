//! Where a guest may look, and what it says of what it sees.

use std::collections::hash_map::RandomState;
use std::fmt::Debug;
use std::hash::BuildHasher;
use std::io::Read;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where to look.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum At {
    /// At files: to read, write and list them.
    #[default]
    Files,
    /// At the network: to connect, listen and look up names.
    Network,
    /// At the environment: variables, arguments, folder, input.
    Environment,
    /// At the clocks, before and after some work.
    Clocks,
    /// At random numbers.
    Randomness,
    /// At nothing, for an hour.
    Sleep,
    /// At the output, with two lines and a half.
    Output,
    /// At the output, without end.
    EndlessOutput,
    /// At the way out.
    Exit,
}

impl At {
    /// What is seen there; none where there is nothing to tell.
    pub(crate) fn look(self) -> Option<String> {
        let seen = match self {
            Self::Files => {
                let listed = std::fs::read_dir("/").map(Iterator::count);
                let seen = [said(std::fs::read("/etc/passwd")), said(std::fs::write("/tmp/a", "a")), said(listed)];
                seen.join(" ")
            }
            Self::Network => [
                said(TcpStream::connect("127.0.0.1:80")),
                said(TcpListener::bind("127.0.0.1:0")),
                said(UdpSocket::bind("127.0.0.1:0")),
                said(("localhost", 80).to_socket_addrs().map(Iterator::count)),
            ]
            .join(" "),
            Self::Environment => {
                let input = std::io::stdin().read(&mut [0; 10]);
                let (variables, arguments) = (std::env::vars().count(), std::env::args().count());
                format!("{variables} variables, {arguments} arguments, {} of input", said(input))
            }
            Self::Clocks => {
                let moments = || (SystemTime::now(), Instant::now());
                let before = moments();
                let work: u64 = (0..1_000_000).map(std::hint::black_box).sum();
                let same = moments() == before && work > 0;
                let since = before.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                format!("{} s, {}", since.as_secs(), if same { "still" } else { "moving" })
            }
            Self::Randomness => format!("{:x}", RandomState::new().hash_one(1)),
            Self::Sleep => {
                std::thread::sleep(Duration::from_secs(3600));
                "slept".to_owned()
            }
            Self::Output => {
                println!("a line");
                eprint!("a warning\nand half a line");
                return None;
            }
            Self::EndlessOutput => loop {
                println!("{}", "a long line ".repeat(1000));
            },
            Self::Exit => std::process::exit(0),
        };
        Some(seen)
    }
}

/// Whether something went well, and why not.
fn said<T, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("no: {error:?};"),
    }
}
