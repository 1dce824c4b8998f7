//! The load generator: FEDn clients without Python, as many as are wanted, each with a connection of its own.
//!
//! A client does on the wire what FEDn's does, one task after the other, and waits and repeats as FEDn's does, only
//! sooner. What it sends, and when it pauses, stops or sends something else, is up to its [`Behaviour`]. Everything
//! that it did and was told is in its [`Record`], which is what a server's own records are held against.

mod behaviour;
mod client;
mod connection;
mod heartbeat;
mod latency;
mod paced;
mod record;
mod task;
mod upload;

pub use self::behaviour::{Answer, Behaviour, Constant, Silent, Step};
pub use self::client::{Client, Options, check_all_alive, start_all};
pub use self::heartbeat::Heartbeats;
pub use self::latency::{Latencies, Spread};
pub use self::paced::Paced;
pub use self::record::{Event, Record, Sent};
pub use self::task::{Kind, Task};

/// Bytes of one piece of an upload, as FEDn's clients send them.
pub const PIECE: usize = 1 << 20;
